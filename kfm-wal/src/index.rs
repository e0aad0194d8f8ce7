//! The index of the operations log: the positions of records by their keys, built from the log, or from a
//! snapshot and the rest of the log.
//!
//! The index keeps the position of each record and the keys under which it is found. The record itself is
//! read when a caller asks for it. What a snapshot has is read when it is asked for, too: so a log is opened at the cost of
//! what came after.

mod kept;

use std::collections::{BTreeMap, HashMap};

use kfm_lineage::{Lsn, OperationId, Step, Timestamp};

use crate::error::{Source, WalError};
use crate::record::{Record, SegmentRef};
use crate::store::Head;
use crate::table::{Entry, Table};
use kept::KeptIndex;

/// Reads segments of the version store: the lists that grow with an operation.
///
/// # Laws
/// - **Faithful**: the bytes are those of the digest, or the call is an error.
#[async_trait::async_trait]
pub trait SegmentReader: Send + Sync {
    /// Returns the bytes of a segment.
    ///
    /// # Errors
    /// Why the segment could not be read; the operation that names it is then incomplete (R23).
    async fn read(&self, segment: &SegmentRef) -> Result<Vec<u8>, Source>;
}

const _OBJECT_SAFE: Option<&dyn SegmentReader> = None;

/// The position of a record and the keys under which it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) lsn: Lsn,
    pub(crate) at: Timestamp,
    /// The record's id as the store has it.
    pub(crate) id: [u8; 16],
    operation: Option<OperationId>,
}

/// The positions of all records by their keys.
///
/// # Errors
/// Every method that asks fails with [`WalError::Snapshot`] if the index of the snapshot cannot be read. If it is damaged, it is
/// removed, and the next handle that opens the log reads the records instead.
#[derive(Debug, Default)]
pub(crate) struct Index {
    kept: Option<KeptIndex>,
    /// Every known record after the snapshot, in the log's order.
    places: Vec<Place>,
    /// The positions of records by their ids as the store has them.
    ids: HashMap<[u8; 16], Lsn>,
    operations: BTreeMap<OperationId, Vec<Lsn>>,
    /// The positions of records whose types this version does not know and may pass over.
    unknown: Vec<Lsn>,
}

impl Place {
    /// Finds the keys of a record.
    pub(crate) fn of(lsn: Lsn, at: Timestamp, id: [u8; 16], record: &Record) -> Self {
        let operation = match record {
            Record::PublishIntent(record) => Some(record.publish_id.clone().into()),
            Record::PublishCompletion(record) => Some(record.publish_id.clone().into()),
            Record::Operation(record) => Some(record.wal_id.clone()),
            Record::OperationClosed(record) => Some(record.wal_id.clone()),
            Record::Journal(record) => Some(record.operation.clone()),
            Record::Plan(record) => Some(record.operation.clone()),
            Record::PlanCancelled(record) => Some(record.operation.clone()),
            Record::Refusal(record) => record.subject.clone(),
            Record::Approval(_)
            | Record::Labels(_)
            | Record::PolicyChange(_)
            | Record::Parts(_)
            | Record::Stage(_)
            | Record::Snapshot(_) => None,
        };
        Self { lsn, at, id, operation }
    }
}

impl Index {
    /// Adds a record; the caller adds them in the log's order.
    pub(crate) fn add(&mut self, place: Place) {
        let lsn = place.lsn;
        self.ids.insert(place.id, lsn);
        if let Some(operation) = &place.operation {
            self.operations.entry(operation.clone()).or_default().push(lsn);
        }
        self.places.push(place);
    }

    /// Adds a record whose type this version does not know and may pass over.
    pub(crate) fn add_unknown(&mut self, lsn: Lsn) {
        self.unknown.push(lsn);
    }

    /// Takes the index of the snapshot of `of`.
    pub(crate) fn of_snapshot(table: Table, of: Head) -> Result<Self, Source> {
        Ok(Self { kept: Some(KeptIndex::open(table, of.lsn)?), ..Self::default() })
    }

    /// Lists the entries of a table that has the whole index.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Result<Entry, Source>> + use<'_> {
        kept::entries(self.kept.as_ref(), &self.places, &self.unknown, self.newest_at())
    }

    /// Lists all records.
    pub(crate) fn places(&self) -> Result<Vec<Place>, WalError> {
        self.with_kept(|kept| kept.places(Lsn::ZERO), self.places.clone())
    }

    /// Returns the time of the newest record.
    pub(crate) fn newest_at(&self) -> Option<Timestamp> {
        let newest = self.places.last().map(|place| place.at);
        newest.or_else(|| self.kept.as_ref().and_then(|kept| kept.newest_at))
    }

    pub(crate) fn unknown(&self) -> Result<Vec<Lsn>, WalError> {
        self.with_kept(KeptIndex::unknown, self.unknown.clone())
    }

    pub(crate) fn id(&self, id: &[u8; 16]) -> Result<Option<Lsn>, WalError> {
        match (self.ids.get(id), &self.kept) {
            (Some(lsn), _) => Ok(Some(*lsn)),
            (None, Some(kept)) => kept.id(id),
            (None, None) => Ok(None),
        }
    }

    pub(crate) fn from(&self, from: Lsn) -> Result<Vec<Lsn>, WalError> {
        let start = self.places.partition_point(|place| place.lsn < from);
        let new = self.places[start..].iter().map(|place| place.lsn).collect();
        let kept = |kept: &KeptIndex| Ok(kept.places(from)?.into_iter().map(|place| place.lsn).collect());
        self.with_kept(kept, new)
    }

    pub(crate) fn between(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Lsn>, WalError> {
        let start = self.places.partition_point(|place| place.at < from);
        let end = self.places.partition_point(|place| place.at < to);
        let new = self.places[start..end.max(start)].iter().map(|place| place.lsn).collect();
        self.with_kept(|kept| kept.between(from, to), new)
    }

    pub(crate) fn operation(&self, id: &OperationId) -> Result<Vec<Lsn>, WalError> {
        self.with_kept(|kept| kept.operation(id), self.operations.get(id).cloned().unwrap_or_default())
    }

    /// Returns what the snapshot has, and behind it what came after.
    fn with_kept<T>(
        &self,
        kept: impl FnOnce(&KeptIndex) -> Result<Vec<T>, WalError>,
        new: Vec<T>,
    ) -> Result<Vec<T>, WalError> {
        let mut all = self.kept.as_ref().map_or_else(|| Ok(Vec::new()), kept)?;
        all.extend(new);
        Ok(all)
    }
}

/// Returns the segment that holds the steps of an operation, if the record opens one.
pub(crate) fn steps_of(record: &Record) -> Option<(OperationId, SegmentRef)> {
    match record {
        Record::PublishIntent(record) => Some((record.publish_id.clone().into(), record.steps)),
        Record::Operation(record) => Some((record.wal_id.clone(), record.payload.steps)),
        _ => None,
    }
}

/// Reads the lines of a segment of steps.
///
/// # Errors
/// Why they are not what the record names.
pub(crate) fn parse_steps(segment: &SegmentRef, bytes: &[u8]) -> Result<Vec<Step>, Source> {
    if bytes.len() as u64 != segment.bytes || !segment.digest.matches(bytes) {
        return Err("the bytes are not those of the digest".into());
    }
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let steps: Vec<Step> = lines.map(serde_json::from_slice).collect::<Result<_, _>>()?;
    if steps.len() as u64 != segment.count {
        return Err(format!("the number of lines differs: count={}", steps.len()).into());
    }
    Ok(steps)
}
