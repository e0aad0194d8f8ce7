//! The index of the operations log: the positions of records by their keys, built from the log, or from a
//! snapshot and the rest of the log.
//!
//! The index keeps the position of each record and the keys under which it is found. The record itself is
//! read when a caller asks for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kfm_lineage::{Digest, EntityId, Lsn, Move, OperationId, PublishId, Timestamp};
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    turn: Option<Turn>,
}

/// What a record does to its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Turn {
    Opens,
    Closes,
}

/// The positions of all records by their keys.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Every known record, in the log's order.
    places: Vec<Place>,
    /// The positions of records by their ids as the store has them.
    ids: HashMap<[u8; 16], Lsn>,
    publishes: BTreeMap<PublishId, Frames>,
    operations: BTreeMap<OperationId, Vec<Lsn>>,
    plans: BTreeMap<Digest, Vec<Lsn>>,
    open: BTreeSet<OperationId>,
    /// The records whose moves have been read into `entities`, which has the positions by entity.
    moves_read: BTreeSet<Lsn>,
    entities: BTreeMap<EntityId, BTreeSet<Lsn>>,
}

/// The positions of the records of one publish.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Frames {
    pub(crate) intent: Option<Lsn>,
    pub(crate) completion: Option<Lsn>,
}

impl Place {
    /// Finds the keys of a record.
    pub(crate) fn of(lsn: Lsn, at: Timestamp, id: [u8; 16], record: &Record) -> Self {
        let (operation, plan, turn) = match record {
            Record::PublishIntent(record) => {
                (Some(record.publish_id.clone().into()), None, Some(Turn::Opens))
            }
            Record::PublishCompletion(record) => {
                (Some(record.publish_id.clone().into()), None, Some(Turn::Closes))
            }
            Record::Operation(record) => {
                (Some(record.wal_id.clone()), Some(record.payload.plan_id), Some(Turn::Opens))
            }
            Record::OperationClosed(record) => (Some(record.wal_id.clone()), None, Some(Turn::Closes)),
            Record::Journal(record) => (Some(record.operation.clone()), None, None),
            Record::Plan(record) => (Some(record.operation.clone()), Some(record.plan_id), None),
            Record::Approval(record) => (None, Some(record.plan_id), None),
            Record::PlanCancelled(record) => (Some(record.operation.clone()), Some(record.plan_id), None),
            Record::Refusal(record) => (record.subject.clone(), record.plan_id, None),
            Record::Labels(_) | Record::PolicyChange(_) | Record::Stage(_) | Record::Snapshot(_) => {
                (None, None, None)
            }
        };
        Self { lsn, at, id, operation, plan, turn }
    }
}

impl Index {
    /// Adds a record; the caller adds them in the log's order.
    pub(crate) fn add(&mut self, place: Place) {
        let lsn = place.lsn;
        self.ids.insert(place.id, lsn);
        if let Some(operation) = &place.operation {
            if let Some(turn) = place.turn {
                self.turn(operation, turn, lsn);
            }
            self.operations.entry(operation.clone()).or_default().push(lsn);
        }
        if let Some(plan) = place.plan {
            self.plans.entry(plan).or_default().push(lsn);
        }
        self.places.push(place);
    }

    fn turn(&mut self, operation: &OperationId, turn: Turn, lsn: Lsn) {
        match turn {
            Turn::Opens => self.open.insert(operation.clone()),
            Turn::Closes => self.open.remove(operation),
        };
        if let Ok(publish) = PublishId::parse(operation.as_str()) {
            let frames = self.publishes.entry(publish).or_default();
            match turn {
                Turn::Opens => frames.intent = Some(lsn),
                Turn::Closes => frames.completion = Some(lsn),
            }
        }
    }

    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    pub(crate) fn id(&self, id: &[u8; 16]) -> Option<Lsn> {
        self.ids.get(id).copied()
    }

    pub(crate) fn holds(&self, lsn: Lsn) -> bool {
        self.places.binary_search_by_key(&lsn, |place| place.lsn).is_ok()
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

    pub(crate) fn publish(&self, id: &PublishId) -> Option<Frames> {
        self.publishes.get(id).copied()
    }

    pub(crate) fn publishes(&self) -> Vec<PublishId> {
        self.publishes.keys().cloned().collect()
    }

    pub(crate) fn operation(&self, id: &OperationId) -> Vec<Lsn> {
        self.operations.get(id).cloned().unwrap_or_default()
    }

    pub(crate) fn plan(&self, plan_id: &Digest) -> Vec<Lsn> {
        self.plans.get(plan_id).cloned().unwrap_or_default()
    }

    pub(crate) fn open(&self) -> Vec<OperationId> {
        self.open.iter().cloned().collect()
    }

    pub(crate) fn entity(&self, entity: &EntityId) -> Vec<Lsn> {
        self.entities.get(entity).into_iter().flatten().copied().collect()
    }

    /// Returns the positions of the records that open an operation and whose moves have not been read yet.
    pub(crate) fn moves_unread(&self) -> Vec<Lsn> {
        let opens = self.places.iter().filter(|place| place.turn == Some(Turn::Opens));
        opens.map(|place| place.lsn).filter(|lsn| !self.moves_read.contains(lsn)).collect()
    }

    pub(crate) fn add_moves(&mut self, lsn: Lsn, moves: Vec<Move>) {
        for moved in moves {
            self.entities.entry(moved.entity).or_default().insert(lsn);
        }
        self.moves_read.insert(lsn);
    }
}

/// Returns the segment that holds the moves of an operation, if the record opens one.
pub(crate) fn moves_of(record: &Record) -> Option<(OperationId, SegmentRef)> {
    match record {
        Record::PublishIntent(record) => Some((record.publish_id.clone().into(), record.moves)),
        Record::Operation(record) => Some((record.wal_id.clone(), record.payload.moves)),
        _ => None,
    }
}

/// Reads the lines of a segment of moves.
///
/// # Errors
/// Why they are not what the record names.
pub(crate) fn parse_moves(segment: &SegmentRef, bytes: &[u8]) -> Result<Vec<Move>, Source> {
    if bytes.len() as u64 != segment.bytes || !segment.digest.matches(bytes) {
        return Err("the bytes are not those of the digest".into());
    }
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let moves: Vec<Move> = lines.map(serde_json::from_slice).collect::<Result<_, _>>()?;
    if moves.len() as u64 != segment.count {
        return Err(format!("the number of lines differs: count={}", moves.len()).into());
    }
    Ok(moves)
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
