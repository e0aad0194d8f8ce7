//! An open operation keeps its cells: no other may touch them until it has ended.

use std::collections::BTreeMap;

use kfm_lineage::{CellId, OperationId};
use kfm_policy::Remedy;

use super::Session;
use crate::error::{Error, Result};
use crate::report::ConflictLine;

impl Session {
    /// Refuses to go on if an open operation keeps one of these cells.
    ///
    /// # Errors
    /// [`Error::Conflict`](crate::Error::Conflict): names the operation and what ends it.
    pub(crate) async fn refuse_kept_cells<'a>(
        &self,
        cells: impl IntoIterator<Item = &'a CellId>,
    ) -> Result<()> {
        let mut kept: BTreeMap<CellId, OperationId> = BTreeMap::new();
        for operation in self.history.open_operations() {
            for step in crate::history::read_steps(&self.versions(), &operation.steps).await? {
                kept.insert(step.cell, operation.id.clone());
            }
        }
        for cell in cells {
            if let Some(operation) = kept.get(cell) {
                return Err(kept_by(operation, cell));
            }
        }
        Ok(())
    }
}

/// The error for an operation that touches a cell which an open operation keeps.
pub(crate) fn kept_by(operation: &OperationId, cell: &CellId) -> Error {
    Error::Conflict {
        message: format!(
            "an operation that has not ended keeps this cell: operation={operation} cell={cell}"
        ),
        conflicts: vec![ConflictLine {
            kind: "open_operation".into(),
            subject: operation.to_string(),
            expected: None,
            observed: None,
            message: format!("{operation} has not ended"),
        }],
        hint: "resume or abort it first".into(),
        next: Remedy::both_ways(operation),
    }
}
