//! The history of one cell.

use std::collections::BTreeSet;
use std::sync::Arc;

use kfm_lineage::{Lsn, OperationId, Step, Value, Version};

/// What a content operation wrote to a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// The position of the record that opened the operation.
    pub(crate) lsn: Lsn,
    /// The operation that wrote it.
    pub(crate) operation: OperationId,
    /// The step that it made.
    pub(crate) step: Arc<Step>,
}

impl Write {
    /// Makes the write of a step by an operation.
    pub(crate) fn new(lsn: Lsn, operation: OperationId, step: Arc<Step>) -> Self {
        Self { lsn, operation, step }
    }
}

/// The history of one cell: the operations that wrote it, and what readers saw when.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CellHistory {
    /// What content operations wrote, oldest first.
    pub(crate) writes: Vec<Write>,
    /// What readers saw from each position on, oldest first.
    pub(super) seen: Vec<(Lsn, Value)>,
    /// Every STAC id that the document carried.
    pub(crate) ids: BTreeSet<String>,
    /// Every collection that the document belonged to or was.
    pub(crate) collections: BTreeSet<String>,
    /// Every version number that an operation gave the document, also an operation that went back: no number is
    /// used for two contents.
    pub(crate) versions: BTreeSet<Version>,
}

impl CellHistory {
    /// Notes what readers see from the operation opened at `lsn` on.
    pub(super) fn observe(&mut self, lsn: Lsn, value: Value) {
        self.seen.push((lsn, value));
    }

    /// Notes the names and version numbers that the document carries.
    pub(super) fn note_names(&mut self, step: &Step) {
        self.ids.extend(step.stac_id.iter().cloned());
        self.collections.extend(step.collection.iter().cloned());
        self.ids.extend(step.other_names.ids.iter().cloned());
        self.collections.extend(step.other_names.collections.iter().cloned());
        self.versions.extend(step.from_version.iter().chain(&step.to_version).cloned());
    }

    /// Returns what readers see now.
    pub(crate) fn value(&self) -> Value {
        self.seen.last().and_then(|(_, value)| *value)
    }

    /// Returns the last value that readers saw and that was not absent.
    pub(crate) fn last_seen(&self) -> Value {
        self.seen.iter().rev().find_map(|(_, value)| *value)
    }

    /// Returns where the log last moved the cell. In a store without generations this is the cell's generation.
    pub(crate) fn generation(&self) -> Lsn {
        self.seen.last().map_or(Lsn::ZERO, |(lsn, _)| *lsn)
    }

    /// Returns what the operation opened at `lsn` wrote, if it wrote anything.
    pub(crate) fn write_at(&self, lsn: Lsn) -> Option<&Write> {
        self.writes.iter().rev().find(|write| write.lsn == lsn)
    }

    /// Says whether the log knew the cell once the operation opened at `lsn` had ended.
    pub(crate) fn is_known_at(&self, lsn: Lsn) -> bool {
        self.seen.first().is_some_and(|(first, _)| *first <= lsn)
    }

    /// Returns what readers saw after the record at `lsn`.
    pub(crate) fn value_at(&self, lsn: Lsn) -> Value {
        self.seen_up_to(lsn).last().and_then(|(_, value)| *value)
    }

    /// Returns what readers saw, up to the record at `lsn`.
    pub(super) fn seen_up_to(&self, lsn: Lsn) -> &[(Lsn, Value)] {
        &self.seen[..self.seen.partition_point(|(at, _)| *at <= lsn)]
    }
}
