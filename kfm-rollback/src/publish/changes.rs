//! What a publish changes: documents by path, and cells that a pipeline keeps itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use kfm_lineage::document::DocumentFacts;
use kfm_lineage::{CellId, Digest};
use kfm_wal::record::Derivative;

/// What a publish changes.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// The new document at each path; `None` retires it.
    pub documents: BTreeMap<String, Option<Arc<DocumentFacts>>>,
    /// The new value of each cell that the pipeline keeps itself; `None` retires it.
    pub cells: BTreeMap<CellId, Option<Digest>>,
    /// What the run made besides, such as tiles or reports.
    pub derivatives: Vec<Derivative>,
}
