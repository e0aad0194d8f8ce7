//! What a publish changes: documents by path, and cells that a pipeline moves itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use kfm_lineage::document::DocumentFacts;
use kfm_lineage::{CellId, Digest};
use kfm_wal::record::Derivative;

/// What a publish changes.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// What each document is to be; none retires it.
    pub documents: BTreeMap<String, Option<Arc<DocumentFacts>>>,
    /// What each cell that the pipeline moves itself is to be; none retires it.
    pub cells: BTreeMap<CellId, Option<Digest>>,
    /// What the run made besides.
    pub derivatives: Vec<Derivative>,
}
