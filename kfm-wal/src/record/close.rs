//! The end of an operation: what readers see, and what was counted on the way.

use kfm_lineage::{Digest, Status, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SegmentRef;

/// How an operation ended, judged by digests of its scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Close {
    /// The state that readers see now.
    pub end: EndState,
    /// Number of cells that this operation changed.
    pub applied: u64,
    /// Cells that had their value before this operation came to them. With those applied they are all that it was to
    /// change.
    pub already: u64,
    /// Digest of the scope as it was observed at the end.
    pub scope_digest: Digest,
    /// The cells of `treated_segment`, in the form of older versions. This version reads them and never
    /// writes them, since they grow with the operation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub treated: Vec<TreatedCell>,
    /// The cells that today's protection left at another value than planned, and those that a request left
    /// alone: one [`TreatedCell`] a line. None if there are no such cells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub treated_segment: Option<SegmentRef>,
    /// The message of what went wrong; none if nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Digest of the manifest, its name in the version store.
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
    /// Readers see the planned values.
    Completed,
    /// Readers see the values from before, joined with today's protection.
    Aborted,
    /// Readers see the values from before; nothing had moved.
    Failed,
}

impl From<EndState> for Status {
    fn from(end: EndState) -> Self {
        match end {
            EndState::Completed => Self::Completed,
            EndState::Aborted => Self::Aborted,
            EndState::Failed => Self::Failed,
        }
    }
}

/// A cell that protection left at another value than planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TreatedCell {
    /// The cell that was left at another value.
    #[serde(flatten)]
    pub cell: kfm_lineage::CellId,
    /// The cell's value at the end of the operation.
    pub value: Value,
    /// The rule that demanded this value.
    pub why: String,
}
