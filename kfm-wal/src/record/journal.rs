//! The journal of an open operation: the intents and outcomes of its batches, and what interrupted it.

use kfm_lineage::OperationId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SegmentRef;

/// One line of the journal of an open operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JournalRecord {
    /// The operation that this line belongs to.
    pub operation: OperationId,
    /// Position in the operation's journal, from 1, no gaps.
    pub n: u64,
    /// What this line notes.
    #[serde(flatten)]
    pub entry: JournalEntry,
}

/// What a journal notes: before an act its intent, after it, once durable, its outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "entry", rename_all = "snake_case")]
#[non_exhaustive]
pub enum JournalEntry {
    /// A batch of steps is about to be made.
    Intent {
        /// Whether the steps go forward or backward.
        direction: Direction,
        /// The steps of the batch.
        batch: Batch,
    },
    /// A batch of steps is durable.
    Outcome {
        /// Whether the steps go forward or backward.
        direction: Direction,
        /// The steps of the batch.
        batch: Batch,
        /// Number of cells that the batch changed.
        applied: u64,
        /// Number of cells that had their value already.
        already: u64,
    },
    /// Some cells are about to get another value than planned, because today's protection demands it. From
    /// now on these values count as the work of this operation, also if protection changes again.
    Treated {
        /// The cells, one [`TreatedCell`](super::TreatedCell) a line.
        cells: SegmentRef,
    },
    /// From here on the operation goes back; it never goes forward again.
    AbortRequested {
        /// The principal that asked for the abort, or the engine.
        by: String,
        /// Why the abort was asked for.
        reason: String,
    },
    /// The operation waits until an operator decides.
    Held {
        /// The reason's name: foreign_value, policy, verification, record_pending, store.
        reason: String,
        /// What the operator needs to know; contains no coordinates and no personal data.
        detail: String,
    },
    /// A process works on the operation, for the first time or again.
    Resumed {
        /// The principal that asked for it.
        by: String,
        /// The host on which the process runs.
        host: String,
        /// The number of the process on that host.
        pid: u32,
    },
}

/// In which direction the steps of an operation are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Every step from `before` to `after`, in order.
    Forward,
    /// Every step from `after` to `before`, in reverse order.
    Backward,
}

/// A run of consecutive steps of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Batch {
    /// Index of the first step, from 0.
    pub first: u64,
    /// Number of steps in it, at least 1.
    pub count: u64,
}

impl Batch {
    /// Returns the indices of its steps among the `len` steps of an operation; indices beyond `len`, which
    /// only a damaged record names, are left out.
    pub fn range(&self, len: usize) -> std::ops::Range<usize> {
        let clamp = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(len);
        clamp(self.first)..clamp(self.first.saturating_add(self.count))
    }
}
