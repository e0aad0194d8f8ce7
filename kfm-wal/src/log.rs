//! The operations log: typed records above any store, indexed.

mod kept;
mod query;

pub use kept::{INDEX, INDEX_FORM, Opened};

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use kfm_lineage::{Digest, Lsn, Timestamp};
use kfm_retry::Clock;

use crate::error::WalError;
use crate::index::{Index, Place};
use crate::record::Record;
use crate::store::{Head, NewRecord, StoredRecord, WalStore};
use crate::typed::{self, Read, encode, name};

/// How many records are read from the store at a time.
const SCAN_RECORDS: usize = 256;

/// How many times an append looks again when other processes append the same records at the same time.
const LOOKS_MAX: usize = 3;

/// One record of the operations log, with its position.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its position in the log.
    pub lsn: Lsn,
    /// When it was appended; never before the record before it (R20).
    pub at: Timestamp,
    /// Its hash as a leaf of a Merkle tree (RFC 6962).
    pub leaf: Digest,
    /// The record, as a typed value.
    pub record: Record,
}

impl Entry {
    /// Reads a record as the store has it, for a caller that follows a log. `None` if this version does not
    /// know the record's type and need not know it.
    ///
    /// # Errors
    /// - [`WalError::FutureRecord`]: the record's type must be known, and a newer version wrote it; upgrade.
    /// - [`WalError::Malformed`]: the record cannot be read as its type; report it.
    pub fn read(stored: &StoredRecord) -> Result<Option<Self>, WalError> {
        let StoredRecord { lsn, leaf, record: new, .. } = stored;
        match typed::read(stored)? {
            Read::Known(record) => Ok(Some(Self { lsn: *lsn, at: new.at, leaf: *leaf, record: *record })),
            Read::Optional => Ok(None),
            Read::Future => Err(WalError::FutureRecord { lsn: *lsn, rtype: new.rtype, schema: new.schema }),
        }
    }
}

/// The operations log.
///
/// It knows the position of every record, and keeps in memory the records that it has read; an operation is a
/// handful of records, whatever its size (R21). If it was opened from a snapshot, it has read only what came
/// after the snapshot, and reads an older record when a caller asks for it.
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
    /// The records that this handle has read, in order. The records before a snapshot are read when a caller
    /// asks for them.
    entries: Vec<Arc<Entry>>,
    /// The first record whose type must be known and is not.
    future: Option<(Lsn, u16, u16)>,
}

impl Wal {
    /// Opens the log above a store, reading all of it.
    ///
    /// # Errors
    /// - [`WalError::Corrupt`]: restore or repair the log.
    /// - [`WalError::Malformed`]: a record cannot be read as its type; report it.
    /// - [`WalError::Io`]: try again.
    pub async fn open(store: Arc<dyn WalStore>, clock: Arc<dyn Clock>) -> Result<Self, WalError> {
        Self::open_after(store, clock, Lsn::ZERO, Index::default()).await
    }

    /// Opens the log with an index of its records up to `known`.
    async fn open_after(
        store: Arc<dyn WalStore>,
        clock: Arc<dyn Clock>,
        known: Lsn,
        index: Index,
    ) -> Result<Self, WalError> {
        let head = Head { lsn: known, ..store.head().await? };
        let state = State { head, index, entries: Vec::new(), future: None };
        let wal = Self { store, clock, state: RwLock::new(state) };
        wal.refresh().await?;
        Ok(wal)
    }

    /// Appends a record at most once (R24) and returns its position once it is durable; the old position if
    /// the log had it already.
    ///
    /// # Errors
    /// As [`Wal::append_all`].
    pub async fn append(&self, record: Record) -> Result<Lsn, WalError> {
        let places = self.append_all(vec![record]).await?;
        Ok(places[0])
    }

    /// Appends records as one atomic batch, leaving out those that the log has already. Returns the position
    /// of each.
    ///
    /// # Cancel safety
    /// When the caller drops the future, all the new records are appended or none; the next call or refresh
    /// finds out which.
    ///
    /// # Errors
    /// - [`WalError::Conflict`]: another record has the id; nothing was appended.
    /// - [`WalError::TooLarge`]: the record that it names is too large; put the part that grows into a
    ///   segment.
    /// - [`WalError::Unreadable`]: a record could not be read again; nothing was appended.
    /// - [`WalError::FutureRecord`]: a newer version wrote to this log; upgrade.
    /// - [`WalError::Unknown`]: open the log again and append again.
    /// - others as [`WalStore::append`].
    pub async fn append_all(&self, records: Vec<Record>) -> Result<Vec<Lsn>, WalError> {
        let at = Timestamp::try_from(self.clock.wall()).unwrap_or(Timestamp::UNIX_EPOCH);
        let both: Vec<(Record, NewRecord)> =
            records.into_iter().map(|record| encode(record, at)).collect::<Result<_, _>>()?;
        let (records, encoded): (Vec<Record>, Vec<NewRecord>) = both.into_iter().unzip();
        let mut looks = 0;
        loop {
            let places = self.places(&records, &encoded).await?;
            let is_new = |place: &&Option<Lsn>| place.is_none();
            if places.iter().find(is_new).is_none() {
                return Ok(places.into_iter().flatten().collect());
            }
            // A log that a newer version wrote to is read, but not written: what it says may forbid the
            // append.
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
            let refreshed = self.refresh().await;
            match (appended, refreshed) {
                (Ok(appended), Err(_)) => {
                    // The records are in the log, although this handle could not read them back just now.
                    let mut fresh = (appended.first.0..).map(Lsn);
                    let place = |place: Option<Lsn>| place.or_else(|| fresh.next());
                    return Ok(places.into_iter().filter_map(place).collect());
                }
                // Another process may have appended some of the records since this handle looked.
                (Err(WalError::Conflict { .. }), refreshed) if looks < LOOKS_MAX => refreshed?,
                (Err(error), _) => return Err(name(error, &records, &encoded)),
                (Ok(_), Ok(())) => {}
            }
            if looks > LOOKS_MAX {
                // The store says that it appended, and does not show the records: it is not known what
                // happened.
                let id = records[0].id();
                return Err(WalError::Unknown { id, source: "appended records are not shown".into() });
            }
        }
    }

    /// Takes in what was appended since the last look, by this process or by others.
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
                // Another refresh on this handle may have taken it in already.
                if stored.lsn == state.head.lsn.next() {
                    state.take(&stored)?;
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

    /// Returns the time of the newest record whose type this version knows; `None` if there is none.
    pub fn newest_at(&self) -> Option<Timestamp> {
        self.read().index.newest_at()
    }

    /// Returns the positions of the records whose types this version does not know and need not know. They
    /// stay in the log as they are.
    ///
    /// # Errors
    /// [`WalError::Snapshot`]: the index of the snapshot cannot be read.
    pub fn unknown(&self) -> Result<Vec<Lsn>, WalError> {
        self.read().index.unknown()
    }

    /// Returns the store below.
    pub fn store(&self) -> &Arc<dyn WalStore> {
        &self.store
    }

    /// Returns the position of each record that the log has already.
    ///
    /// # Errors
    /// [`WalError::Conflict`]: another record has the id.
    async fn places(&self, records: &[Record], encoded: &[NewRecord]) -> Result<Vec<Option<Lsn>>, WalError> {
        let places: Vec<Option<Lsn>> = {
            let state = self.read();
            encoded.iter().map(|new| state.index.id(&new.op_id)).collect::<Result<_, _>>()?
        };
        for (record, place) in records.iter().zip(&places) {
            let Some(lsn) = *place else { continue };
            if self.entries_at(&[lsn]).await?.first().is_none_or(|entry| entry.record != *record) {
                return Err(WalError::Conflict { id: record.id(), lsn });
            }
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
    fn take(&mut self, stored: &StoredRecord) -> Result<(), WalError> {
        let StoredRecord { lsn, leaf, record: new, .. } = stored;
        match typed::read(stored)? {
            Read::Known(record) => {
                self.index.add(Place::of(*lsn, new.at, new.op_id, &record));
                self.entries.push(Arc::new(Entry { lsn: *lsn, at: new.at, leaf: *leaf, record: *record }));
            }
            Read::Optional => self.index.add_unknown(*lsn),
            Read::Future if self.future.is_none() => self.future = Some((*lsn, new.rtype, new.schema)),
            Read::Future => {}
        }
        self.head.lsn = *lsn;
        Ok(())
    }

    /// Returns the record at a position, if this handle has read it.
    fn entry(&self, lsn: Lsn) -> Option<&Arc<Entry>> {
        let at = self.entries.binary_search_by_key(&lsn, |entry| entry.lsn).ok()?;
        self.entries.get(at)
    }
}
