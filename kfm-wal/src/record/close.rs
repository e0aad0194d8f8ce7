//! The end of any operation: what readers see, and what was counted on the way.

use kfm_lineage::{Digest, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SegmentRef;

/// The end of any operation, judged by digests of its scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Close {
    /// What readers see now.
    pub end: EndState,
    /// Cells that this operation changed.
    pub applied: u64,
    /// Cells that already had their value.
    pub already: u64,
    /// Digest of the scope as it was observed at the end.
    pub scope_digest: Digest,
    /// The cells of `treated_segment` as older versions wrote them; read, and never written again: they grow with
    /// the operation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub treated: Vec<TreatedCell>,
    /// Cells that today's protection left at another value than planned, and those left alone on request: one
    /// [`TreatedCell`] a line. None if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub treated_segment: Option<SegmentRef>,
    /// What went wrong, where something did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Digest of the manifest, in the version store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
}

impl Close {
    /// Says whether a cell ended at another value than planned.
    pub fn has_treated(&self) -> bool {
        !self.treated.is_empty() || self.treated_segment.is_some()
    }
}

/// What readers see once an operation has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndState {
    /// The planned values.
    Completed,
    /// The prior values, joined with today's protection.
    Aborted,
    /// The prior values; nothing had moved.
    Failed,
}

/// A cell that protection left at another value than planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TreatedCell {
    /// The cell.
    #[serde(flatten)]
    pub cell: kfm_lineage::CellId,
    /// Its value at the end.
    pub value: Value,
    /// The rule that wanted it so.
    pub why: String,
}
