//! The operations log: typed records above any store, all of them in memory and indexed.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use kfm_lineage::{Digest, EntityId, Lsn, OperationId, PublishId, Timestamp};
use kfm_retry::Clock;

use crate::error::WalError;
use crate::fold::PublishRecord;
use crate::index::{Index, SegmentReader, moves_of, parse_moves};
use crate::record::Record;
use crate::store::{Head, NewRecord, OPTIONAL, StoredRecord, WalStore};

/// The version of the records' form that this version writes.
const SCHEMA: u16 = 1;

/// The type of [`Record::Stage`], which a reader need not know.
const STAGE: u16 = OPTIONAL | 10;

/// How many records are read from the store at a time.
const SCAN_RECORDS: usize = 256;

/// How often an append looks again when other processes append the same records at the same time.
const LOOKS_MAX: usize = 3;

/// One record of the operations log, with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its position.
    pub lsn: Lsn,
    /// When it was appended; never before the record before it (R20).
    pub at: Timestamp,
    /// Its hash as a leaf of a Merkle tree (RFC 6962).
    pub leaf: Digest,
    /// The record.
    pub record: Record,
}

/// The operations log.
///
/// It keeps every record in memory: an operation is a handful of records, whatever its size (R21), so that a
/// hundred thousand operations are some hundred megabytes. Reading takes no I/O; only
/// [`append`](Wal::append) and [`refresh`](Wal::refresh) do.
#[derive(Debug)]
pub struct Wal {
    store: Arc<dyn WalStore>,
    clock: Arc<dyn Clock>,
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    head: Head,
    index: Index,
    /// The first record of a type that must be known and is not.
    future: Option<(Lsn, u16, u16)>,
    /// Records of types that need not be known.
    unknown: Vec<Lsn>,
}

impl Wal {
    /// Opens the log above a store, reading all of it.
    ///
    /// # Errors
    /// - [`WalError::Corrupt`]: restore or repair the log.
    /// - [`WalError::Malformed`]: a record does not read as what it says it is; report it.
    /// - [`WalError::Io`]: try again.
    pub async fn open(store: Arc<dyn WalStore>, clock: Arc<dyn Clock>) -> Result<Self, WalError> {
        let head = Head { lsn: Lsn::ZERO, ..store.head().await? };
        let state = State { head, index: Index::default(), future: None, unknown: Vec::new() };
        let wal = Self { store, clock, state: RwLock::new(state) };
        wal.refresh().await?;
        Ok(wal)
    }

    /// Appends a record, durable on return, at most once (R24); returns its position, the old one if it was
    /// there.
    ///
    /// # Errors
    /// As [`Wal::append_all`].
    pub async fn append(&self, record: Record) -> Result<Lsn, WalError> {
        let places = self.append_all(vec![record]).await?;
        Ok(places[0])
    }

    /// Appends records as one atomic batch, leaving out those that are there already, and returns the
    /// position of each.
    ///
    /// # Cancel safety
    /// A dropped call has appended all that was new or nothing; the next call or refresh finds out which.
    ///
    /// # Errors
    /// - [`WalError::Conflict`]: another record has the id; nothing was appended.
    /// - [`WalError::TooLarge`]: names the record; put what grows into a segment.
    /// - [`WalError::FutureRecord`]: a newer version wrote here; upgrade.
    /// - [`WalError::Unknown`]: open the log anew and append again.
    /// - others as [`WalStore::append`].
    pub async fn append_all(&self, records: Vec<Record>) -> Result<Vec<Lsn>, WalError> {
        let at = Timestamp::try_from(self.clock.wall()).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut encoded = Vec::with_capacity(records.len());
        for record in &records {
            encoded.push(encode(record, at)?);
        }
        let mut looks = 0;
        loop {
            let places = self.places(&records, &encoded)?;
            let is_new = |place: &&Option<Lsn>| place.is_none();
            if places.iter().find(is_new).is_none() {
                return Ok(places.into_iter().flatten().collect());
            }
            if let Some((lsn, rtype, schema)) = self.read().future {
                return Err(WalError::FutureRecord { lsn, rtype, schema });
            }
            let new: Vec<NewRecord> = encoded
                .iter()
                .zip(&places)
                .filter(|(_, place)| place.is_none())
                .map(|(new, _)| new.clone())
                .collect();
            let appended = self.store.append(&new, None).await;
            looks += 1;
            match appended {
                Ok(_) => {}
                // Another process may have appended some of them since this one looked.
                Err(WalError::Conflict { .. }) if looks < LOOKS_MAX => {}
                Err(error) => return Err(name(error, &records, &encoded)),
            }
            self.refresh().await?;
            if looks > LOOKS_MAX {
                // The store says that it appended and does not show it: nothing is known.
                let id = records[0].id();
                return Err(WalError::Unknown { id, source: "appended records are not shown".into() });
            }
        }
    }

    /// Takes in what was appended since, by another process too.
    ///
    /// # Errors
    /// As [`Wal::open`].
    pub async fn refresh(&self) -> Result<(), WalError> {
        let head = self.store.head().await?;
        loop {
            let next = self.read().head.lsn.next();
            if next > head.lsn {
                break;
            }
            let rest = usize::try_from(head.lsn.0 - next.0 + 1).unwrap_or(usize::MAX);
            let records = self.store.scan(next, rest.min(SCAN_RECORDS)).await?;
            if records.is_empty() {
                break;
            }
            let mut state = self.write();
            for stored in records {
                // Another refresh may have been faster.
                if stored.lsn == state.head.lsn.next() {
                    state.take(stored)?;
                }
            }
        }
        let mut state = self.write();
        if state.head.lsn == head.lsn {
            state.head = head;
        }
        Ok(())
    }

    /// Returns the end of the log as of the last append or refresh.
    pub fn head(&self) -> Head {
        self.read().head
    }

    /// Returns the records from a position on.
    pub fn entries_from(&self, from: Lsn) -> Vec<Arc<Entry>> {
        self.read().index.from(from)
    }

    /// Returns the record at a position.
    pub fn entry(&self, lsn: Lsn) -> Option<Arc<Entry>> {
        self.read().index.get(lsn).cloned()
    }

    /// Returns the frames of a publish as one record (R21); none if there is no intent.
    pub fn publish(&self, id: &PublishId) -> Option<PublishRecord> {
        self.read().index.publish(id)
    }

    /// Returns the ids of all publishes, sorted.
    pub fn publishes(&self) -> Vec<PublishId> {
        self.read().index.publishes()
    }

    /// Returns every record about an operation, in order: its frames, its journal, its plan, its refusals.
    pub fn by_operation(&self, id: &OperationId) -> Vec<Arc<Entry>> {
        self.read().index.operation(id)
    }

    /// Returns every record about a plan, in order: the plan, its approvals, its refusals, its execution.
    pub fn by_plan(&self, plan_id: &Digest) -> Vec<Arc<Entry>> {
        self.read().index.plan(plan_id)
    }

    /// Returns the records with `from <= at < to`.
    pub fn by_time(&self, from: Timestamp, to: Timestamp) -> Vec<Arc<Entry>> {
        self.read().index.between(from, to)
    }

    /// Returns the operations that were opened and not closed (R16), sorted.
    pub fn open_operations(&self) -> Vec<OperationId> {
        self.read().index.open()
    }

    /// Returns the records that opened an operation which moves a reference of `entity`, in order.
    ///
    /// The moves are in segments of the version store; those not read yet are read.
    ///
    /// # Errors
    /// [`WalError::Incomplete`]: a segment does not resolve; the operation cannot be rolled back (R23).
    pub async fn by_entity(
        &self,
        entity: &EntityId,
        segments: &dyn SegmentReader,
    ) -> Result<Vec<Arc<Entry>>, WalError> {
        for entry in self.entries_from(Lsn::ZERO) {
            let Some((operation, segment)) = moves_of(&entry.record) else { continue };
            if self.read().index.moves_read.contains(&operation) {
                continue;
            }
            let moves = segments.read(&segment).await.and_then(|bytes| parse_moves(&segment, &bytes));
            let moves = moves.map_err(|source| WalError::Incomplete {
                id: operation.to_string(),
                digest: segment.digest,
                source,
            })?;
            self.write().index.add_moves(operation, entry.lsn, moves);
        }
        Ok(self.read().index.entity(entity))
    }

    /// Returns the positions of records whose types this version does not know and need not know; they stay
    /// in the log as they are.
    pub fn unknown(&self) -> Vec<Lsn> {
        self.read().unknown.clone()
    }

    /// Returns the store below.
    pub fn store(&self) -> &Arc<dyn WalStore> {
        &self.store
    }

    /// Returns where each record is already, or that another record has its id.
    fn places(&self, records: &[Record], encoded: &[NewRecord]) -> Result<Vec<Option<Lsn>>, WalError> {
        let state = self.read();
        let mut places = Vec::with_capacity(records.len());
        for (record, new) in records.iter().zip(encoded) {
            let place = state.index.ids.get(&new.op_id).copied();
            if let Some(lsn) = place
                && state.index.get(lsn).is_none_or(|entry| entry.record != *record)
            {
                return Err(WalError::Conflict { id: record.id(), lsn });
            }
            places.push(place);
        }
        Ok(places)
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes in the next record of the store.
    fn take(&mut self, stored: StoredRecord) -> Result<(), WalError> {
        let StoredRecord { lsn, leaf, record: new, .. } = stored;
        if Record::is_known(new.rtype) && new.schema <= SCHEMA {
            let record: Record = serde_json::from_slice(&new.payload)
                .map_err(|error| WalError::Malformed { lsn, source: Box::new(error) })?;
            if record.rtype() != new.rtype {
                let source = "type and payload differ".into();
                return Err(WalError::Malformed { lsn, source });
            }
            self.index.add(new.op_id, Arc::new(Entry { lsn, at: new.at, leaf, record }));
        } else if new.rtype & OPTIONAL != 0 {
            self.unknown.push(lsn);
        } else if self.future.is_none() {
            self.future = Some((lsn, new.rtype, new.schema));
        }
        self.head.lsn = lsn;
        Ok(())
    }
}

impl Record {
    /// The numbers of the types in the log; durable, never used twice.
    fn rtype(&self) -> u16 {
        match self {
            Self::PublishIntent(_) => 1,
            Self::PublishCompletion(_) => 2,
            Self::Operation(_) => 3,
            Self::OperationClosed(_) => 4,
            Self::Journal(_) => 5,
            Self::Plan(_) => 6,
            Self::Approval(_) => 7,
            Self::Refusal(_) => 8,
            Self::Labels(_) => 9,
            Self::Stage(_) => STAGE,
        }
    }

    fn is_known(rtype: u16) -> bool {
        (1..=9).contains(&rtype) || rtype == STAGE
    }
}

/// Writes a record as the store takes it.
fn encode(record: &Record, at: Timestamp) -> Result<NewRecord, WalError> {
    // Before the id, which is a digest of the canonical form for some records.
    let payload = kfm_lineage::canonical::canonical_of(record)
        .map_err(|error| WalError::Malformed { lsn: Lsn::ZERO, source: Box::new(error) })?;
    let digest = Digest::of_bytes(record.id().as_bytes());
    let op_id = digest.bytes()[..16].try_into().expect("16 of 32 bytes");
    Ok(NewRecord { op_id, rtype: record.rtype(), schema: SCHEMA, at, payload })
}

/// Puts the record's name where the store had only its id.
fn name(error: WalError, records: &[Record], encoded: &[NewRecord]) -> WalError {
    let named = |id: String| {
        let known = |new: &NewRecord| format!("{:032x}", u128::from_be_bytes(new.op_id)) == id;
        encoded.iter().position(known).map_or(id.clone(), |n| records[n].id())
    };
    match error {
        WalError::Conflict { id, lsn } => WalError::Conflict { id: named(id), lsn },
        WalError::Unknown { id, source } => WalError::Unknown { id: named(id), source },
        WalError::TooLarge { id, bytes, bytes_max } => WalError::TooLarge { id: named(id), bytes, bytes_max },
        other => other,
    }
}
