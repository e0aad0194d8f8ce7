//! The index of the operations log: what is where, rebuilt from the log whenever it is opened.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use kfm_lineage::{Digest, EntityId, Lsn, Move, OperationId, PublishId, Timestamp};

use crate::error::Source;
use crate::fold::PublishRecord;
use crate::log::Entry;
use crate::record::{Record, SegmentRef};

/// Reads segments of the version store, where lists that grow with an operation are.
///
/// # Laws
/// - **Faithful**: the bytes are those of the digest, or the answer is an error.
#[async_trait::async_trait]
pub trait SegmentReader: Send + Sync {
    /// Returns the bytes of a segment.
    ///
    /// # Errors
    /// Whatever kept the segment from being read; the operation that names it is incomplete then (R23).
    async fn read(&self, segment: &SegmentRef) -> Result<Vec<u8>, Source>;
}

const _OBJECT_SAFE: Option<&dyn SegmentReader> = None;

/// What is where in the log.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) entries: Vec<Arc<Entry>>,
    /// Record ids as the store knows them.
    pub(crate) ids: HashMap<[u8; 16], Lsn>,
    publishes: BTreeMap<PublishId, (Option<usize>, Option<usize>)>,
    operations: BTreeMap<OperationId, Vec<usize>>,
    plans: BTreeMap<Digest, Vec<usize>>,
    open: BTreeSet<OperationId>,
    /// The operations whose moves are in `entities`, and where the entities are.
    pub(crate) moves_read: BTreeSet<OperationId>,
    entities: BTreeMap<EntityId, BTreeSet<Lsn>>,
}

impl Index {
    /// Adds an entry; the caller adds them in the log's order.
    pub(crate) fn add(&mut self, op_id: [u8; 16], entry: Arc<Entry>) {
        let at = self.entries.len();
        self.ids.insert(op_id, entry.lsn);
        match &entry.record {
            Record::PublishIntent(record) => {
                self.publishes.entry(record.publish_id.clone()).or_default().0 = Some(at);
                self.open.insert(record.publish_id.clone().into());
            }
            Record::PublishCompletion(record) => {
                self.publishes.entry(record.publish_id.clone()).or_default().1 = Some(at);
                self.open.remove(&record.publish_id.clone().into());
            }
            Record::Operation(record) => {
                self.open.insert(record.wal_id.clone());
                self.plans.entry(record.payload.plan_id).or_default().push(at);
            }
            Record::OperationClosed(record) => {
                self.open.remove(&record.wal_id);
            }
            Record::Plan(record) => self.plans.entry(record.plan_id).or_default().push(at),
            Record::Approval(record) => self.plans.entry(record.plan_id).or_default().push(at),
            Record::Refusal(record) => {
                if let Some(plan_id) = record.plan_id {
                    self.plans.entry(plan_id).or_default().push(at);
                }
            }
            Record::Journal(_) | Record::Labels(_) | Record::Stage(_) => {}
        }
        if let Some(operation) = operation_of(&entry.record) {
            self.operations.entry(operation).or_default().push(at);
        }
        self.entries.push(entry);
    }

    pub(crate) fn get(&self, lsn: Lsn) -> Option<&Arc<Entry>> {
        let at = self.entries.binary_search_by_key(&lsn, |entry| entry.lsn).ok()?;
        self.entries.get(at)
    }

    pub(crate) fn from(&self, from: Lsn) -> Vec<Arc<Entry>> {
        let start = self.entries.partition_point(|entry| entry.lsn < from);
        self.entries[start..].to_vec()
    }

    pub(crate) fn between(&self, from: Timestamp, to: Timestamp) -> Vec<Arc<Entry>> {
        let start = self.entries.partition_point(|entry| entry.at < from);
        let end = self.entries.partition_point(|entry| entry.at < to);
        self.entries[start..end.max(start)].to_vec()
    }

    pub(crate) fn publish(&self, id: &PublishId) -> Option<PublishRecord> {
        let (intent, completion) = *self.publishes.get(id)?;
        let intent = self.entries.get(intent?)?;
        let Record::PublishIntent(record) = &intent.record else { return None };
        let completion = completion.and_then(|at| self.entries.get(at));
        let completion = completion.and_then(|entry| match &entry.record {
            Record::PublishCompletion(record) => Some((entry.lsn, record)),
            _ => None,
        });
        Some(PublishRecord::fold((intent.lsn, record), completion))
    }

    pub(crate) fn publishes(&self) -> Vec<PublishId> {
        self.publishes.keys().cloned().collect()
    }

    pub(crate) fn operation(&self, id: &OperationId) -> Vec<Arc<Entry>> {
        self.pick(self.operations.get(id))
    }

    pub(crate) fn plan(&self, plan_id: &Digest) -> Vec<Arc<Entry>> {
        self.pick(self.plans.get(plan_id))
    }

    pub(crate) fn open(&self) -> Vec<OperationId> {
        self.open.iter().cloned().collect()
    }

    pub(crate) fn entity(&self, entity: &EntityId) -> Vec<Arc<Entry>> {
        let places = self.entities.get(entity);
        places.into_iter().flatten().filter_map(|lsn| self.get(*lsn)).cloned().collect()
    }

    pub(crate) fn add_moves(&mut self, operation: OperationId, lsn: Lsn, moves: Vec<Move>) {
        for moved in moves {
            self.entities.entry(moved.entity).or_default().insert(lsn);
        }
        self.moves_read.insert(operation);
    }

    fn pick(&self, places: Option<&Vec<usize>>) -> Vec<Arc<Entry>> {
        places.into_iter().flatten().filter_map(|at| self.entries.get(*at)).cloned().collect()
    }
}

/// Returns the operation that a record is about.
fn operation_of(record: &Record) -> Option<OperationId> {
    match record {
        Record::PublishIntent(record) => Some(record.publish_id.clone().into()),
        Record::PublishCompletion(record) => Some(record.publish_id.clone().into()),
        Record::Operation(record) => Some(record.wal_id.clone()),
        Record::OperationClosed(record) => Some(record.wal_id.clone()),
        Record::Journal(record) => Some(record.operation.clone()),
        Record::Plan(record) => Some(record.operation.clone()),
        Record::Refusal(record) => record.subject.clone(),
        Record::Approval(_) | Record::Labels(_) | Record::Stage(_) => None,
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

/// Reads the lines of a segment of moves, or says why they are not what the record names.
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
