//! The index of the operations log: the positions of records by their keys, built from the log, or from a
//! snapshot and the rest of the log.
//!
//! The index keeps the position of each record and the keys under which it is found. The record itself is
//! read when a caller asks for it.

use std::collections::{BTreeMap, HashMap};

use kfm_lineage::{Lsn, OperationId, Step, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::Source;
use crate::record::{Record, SegmentRef};

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

/// The position of a record and the keys under which it is found: one line of the index's snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) lsn: Lsn,
    pub(crate) at: Timestamp,
    /// The record's id as the store has it.
    #[serde(with = "hex")]
    pub(crate) id: [u8; 16],
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<OperationId>,
}

/// The positions of all records by their keys.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Every known record, in the log's order.
    places: Vec<Place>,
    /// The positions of records by their ids as the store has them.
    ids: HashMap<[u8; 16], Lsn>,
    operations: BTreeMap<OperationId, Vec<Lsn>>,
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

    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    pub(crate) fn id(&self, id: &[u8; 16]) -> Option<Lsn> {
        self.ids.get(id).copied()
    }

    pub(crate) fn from(&self, from: Lsn) -> Vec<Lsn> {
        let start = self.places.partition_point(|place| place.lsn < from);
        self.places[start..].iter().map(|place| place.lsn).collect()
    }

    pub(crate) fn between(&self, from: Timestamp, to: Timestamp) -> Vec<Lsn> {
        let start = self.places.partition_point(|place| place.at < from);
        let end = self.places.partition_point(|place| place.at < to);
        self.places[start..end.max(start)].iter().map(|place| place.lsn).collect()
    }

    pub(crate) fn operation(&self, id: &OperationId) -> Vec<Lsn> {
        self.operations.get(id).cloned().unwrap_or_default()
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

/// An id of 16 bytes as 32 digits.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(id: &[u8; 16], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&kfm_lineage::hex::encode(id))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 16], D::Error> {
        let digits = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        kfm_lineage::hex::decode(&digits).ok_or_else(|| D::Error::custom("not an id of 32 digits"))
    }
}
