//! The journal of an open operation: the intents and outcomes of its batches, and what interrupted them.

use kfm_lineage::OperationId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SegmentRef;

/// One line of the journal of an open operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JournalRecord {
    /// The operation.
    pub operation: OperationId,
    /// Position in the operation's journal, from 1, no gaps.
    pub n: u64,
    /// What is noted.
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
        /// Forward or backward.
        direction: Direction,
        /// The batch.
        batch: Batch,
    },
    /// A batch of steps is durable.
    Outcome {
        /// Forward or backward.
        direction: Direction,
        /// The batch.
        batch: Batch,
        /// Cells changed.
        applied: u64,
        /// Cells that already had their value.
        already: u64,
    },
    /// Some cells are about to get another value than planned, as protection asks today: what they may hold from now
    /// on, however protection changes, is this operation's doing.
    Treated {
        /// One [`TreatedCell`](super::TreatedCell) a line.
        cells: SegmentRef,
    },
    /// From here on the operation goes back; never forward again.
    AbortRequested {
        /// Who asked: a person, or the engine.
        by: String,
        /// Why.
        reason: String,
    },
    /// The operation waits for a person.
    Held {
        /// The reason's name: foreign_value, policy, verification, record_pending, store.
        reason: String,
        /// What a person needs to know; names no coordinates and no personal data.
        detail: String,
    },
    /// A process took the operation up, again or for the first time.
    Resumed {
        /// Who asked.
        by: String,
        /// The host that works.
        host: String,
        /// The process that works.
        pid: u32,
    },
}

/// Which way steps are made.
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
    /// Number of steps.
    pub count: u64,
}

impl Batch {
    /// Returns the indices of its steps among those of an operation that has `len`; what a damaged record names beyond
    /// is left out.
    pub fn range(&self, len: usize) -> std::ops::Range<usize> {
        let clamp = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(len);
        clamp(self.first)..clamp(self.first.saturating_add(self.count))
    }
}
