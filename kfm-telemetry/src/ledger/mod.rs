//! The governance ledger: accounts for every operation, refused ones too, in a log that cannot lie (R92).
//!
//! The ledger is a second log of `kfm-wal`'s kind, in a folder of its own. The JSON file of R92 is a *view*:
//! it is rendered on demand, never appended to and never read as truth. An append is durable and happens at
//! most once for each entry id; an entry is never rewritten.
//!
//! A chain shows that an entry was changed, taken out or put in. It does not show by itself that its end was
//! cut off: that takes a witness in another place. The rendered view is one ([`Ledger::render`] refuses to
//! overwrite a view that has more than the chain), the operations log is another.

mod entry;
mod verify;
mod view;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kfm_lineage::{Digest, Lsn, Status, Timestamp, hex};
use kfm_wal::local::{LocalLog, LocalOptions};
use kfm_wal::store::{NewRecord, OPTIONAL, StoredRecord};
use kfm_wal::{WalError, WalStore};
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use entry::{Decision, EntryKind, EntrySchema, LedgerEntry, PREDICATE_TYPE, StoredEntry};
pub use verify::{BadEntry, LedgerReport, ViewReport, ViewState};
pub use view::{LedgerView, ViewSchema};

use crate::error::TelemetryError;
use crate::text::Label;

/// The largest entry, in bytes. The lists that grow with an operation are in its manifest, which the entry
/// names by digest.
pub const ENTRY_BYTES_MAX: usize = 32 * 1024;

/// The type of an entry's record in the chain.
const RTYPE_ENTRY: u16 = 1;

/// The version of the form of that record.
const SCHEMA_ENTRY: u16 = 1;

/// How many entries are read at a time.
const PAGE: usize = 1_000;

/// The ledger of one platform, above any [`WalStore`].
#[derive(Debug, Clone)]
pub struct Ledger {
    store: Arc<dyn WalStore>,
    place: PathBuf,
}

impl Ledger {
    /// Opens the ledger in a folder for writing; makes it if it is not there, and repairs what a crash tore.
    ///
    /// # Errors
    /// - [`TelemetryError::Busy`]: another process writes the ledger; wait until it ends.
    /// - [`TelemetryError::Log`]: the chain is damaged or cannot be opened; run `kfm ledger verify`.
    pub fn open(folder: impl Into<PathBuf>, options: LocalOptions) -> Result<Self, TelemetryError> {
        let place = folder.into();
        let (log, _) = LocalLog::open(&place, options).map_err(|error| from_log(&place, error))?;
        Ok(Self { store: Arc::new(log), place })
    }

    /// Opens the ledger in a folder for reading, beside a writer or without one; a folder that is not there
    /// reads as empty.
    ///
    /// # Errors
    /// [`TelemetryError::Log`]: the chain is damaged or cannot be read; [`Ledger::verify_folder`] says more.
    pub fn open_read_only(folder: impl Into<PathBuf>) -> Result<Self, TelemetryError> {
        let place = folder.into();
        let log = LocalLog::open_read_only(&place).map_err(|error| from_log(&place, error))?;
        Ok(Self { store: Arc::new(log), place })
    }

    /// Makes a ledger above a log into which nothing else writes; `place` is its name in errors.
    pub fn over(store: Arc<dyn WalStore>, place: impl Into<PathBuf>) -> Self {
        Self { store, place: place.into() }
    }

    /// Appends an entry and returns its position once it is durable.
    ///
    /// Appending the same entry again, at any time, changes nothing and returns the old position.
    ///
    /// # Errors
    /// - [`TelemetryError::InvalidEntry`]: correct the caller; nothing was written.
    /// - [`TelemetryError::EntryConflict`]: another entry has the id; nothing was written.
    /// - [`TelemetryError::NotWritten`], [`TelemetryError::Busy`], [`TelemetryError::Log`]: do not report
    ///   success; open the ledger again and append the same entry again.
    ///
    /// # Cancel safety
    /// When the caller drops the future, the entry is there or not; append it again to be sure.
    pub async fn append(&self, entry: &LedgerEntry, at: Timestamp) -> Result<Lsn, TelemetryError> {
        self.append_all(std::slice::from_ref(entry), at).await.map(|first| first.unwrap_or(Lsn::ZERO))
    }

    /// Appends entries that belong together, all of them or none, and returns the position of the first once
    /// they are durable; `None` if the list is empty.
    ///
    /// Appending the same entries again changes nothing.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    ///
    /// # Cancel safety
    /// When the caller drops the future, the entries are all there or not; append them again to be sure.
    pub async fn append_all(
        &self,
        entries: &[LedgerEntry],
        at: Timestamp,
    ) -> Result<Option<Lsn>, TelemetryError> {
        let Some(first) = entries.first() else { return Ok(None) };
        let records = entries.iter().map(|entry| record_of(entry, at)).collect::<Result<Vec<_>, _>>()?;
        match self.store.append(&records, None).await {
            Ok(appended) => Ok(Some(appended.first)),
            Err(WalError::Conflict { id, lsn }) => {
                let is_it = |(_, record): &(_, &NewRecord)| hex::encode(record.op_id) == id;
                let entry = entries.iter().zip(&records).find(is_it).map_or(first, |(entry, _)| entry);
                Err(TelemetryError::EntryConflict { entry_id: entry.entry_id.clone(), lsn })
            }
            Err(error) => Err(from_append(&self.place, error)),
        }
    }

    /// Returns all entries, in order.
    ///
    /// # Errors
    /// - [`TelemetryError::NotAnEntry`]: a newer version or another program wrote here; upgrade, or run
    ///   `kfm ledger verify`.
    /// - [`TelemetryError::Log`]: the chain is damaged; run `kfm ledger verify`.
    pub async fn entries(&self) -> Result<Vec<StoredEntry>, TelemetryError> {
        self.each(read).await
    }

    /// Returns the operations that entries name, in order, each with the status that its entry gives it. It reads no more
    /// of an entry, and leaves it to [`entries`](Self::entries) to check the whole: for a look at whether the ledger knows
    /// what the log knows.
    ///
    /// # Errors
    /// As [`entries`](Self::entries).
    pub async fn operations(&self) -> Result<Vec<(Label, Status)>, TelemetryError> {
        self.each(read_operation).await
    }

    /// Returns what is read of each record that is to be read.
    async fn each<T>(
        &self,
        read: fn(&StoredRecord) -> Result<Option<T>, TelemetryError>,
    ) -> Result<Vec<T>, TelemetryError> {
        let mut entries = Vec::new();
        let mut from = Lsn::ZERO.next();
        loop {
            let page = self.store.scan(from, PAGE).await.map_err(|error| from_log(&self.place, error))?;
            let Some(last) = page.last() else { return Ok(entries) };
            from = last.lsn.next();
            for record in &page {
                entries.extend(read(record)?);
            }
        }
    }
}

/// Makes the record of an entry, as the chain takes it.
fn record_of(entry: &LedgerEntry, at: Timestamp) -> Result<NewRecord, TelemetryError> {
    let invalid = |why| TelemetryError::InvalidEntry { entry_id: entry.entry_id.clone(), why };
    entry.check().map_err(invalid)?;
    let payload =
        kfm_lineage::canonical::canonical_of(entry).map_err(|_| invalid("it has no canonical form"))?;
    if payload.len() > ENTRY_BYTES_MAX {
        return Err(invalid("it is larger than 32 KiB"));
    }
    Ok(NewRecord { op_id: op_id_of(entry), rtype: RTYPE_ENTRY, schema: SCHEMA_ENTRY, at, payload })
}

/// Reads what a record of the chain has of an entry; `None` if the record is one that this version may pass over.
fn parse<T: DeserializeOwned>(stored: &StoredRecord) -> Result<Option<T>, TelemetryError> {
    let record = &stored.record;
    if record.rtype & OPTIONAL != 0 {
        return Ok(None);
    }
    if (record.rtype, record.schema) != (RTYPE_ENTRY, SCHEMA_ENTRY) {
        let source = "its type or version is not known".into();
        return Err(TelemetryError::NotAnEntry { lsn: stored.lsn, source });
    }
    let entry = serde_json::from_slice(&record.payload)
        .map_err(|error| TelemetryError::NotAnEntry { lsn: stored.lsn, source: error.into() })?;
    Ok(Some(entry))
}

/// Reads which operation an entry names.
fn read_operation(stored: &StoredRecord) -> Result<Option<(Label, Status)>, TelemetryError> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(default)]
        wal_id: Option<Label>,
        status: Status,
    }
    let named: Option<Named> = parse(stored)?;
    Ok(named.and_then(|Named { wal_id, status }| Some((wal_id?, status))))
}

/// Reads an entry from the chain; `None` if the record is one that this version may pass over.
fn read(stored: &StoredRecord) -> Result<Option<StoredEntry>, TelemetryError> {
    let refuse = |why: &str| TelemetryError::NotAnEntry { lsn: stored.lsn, source: why.into() };
    let record = &stored.record;
    let Some(entry) = parse::<LedgerEntry>(stored)? else { return Ok(None) };
    // INVARIANT: an entry that can be read is written back as the same bytes, so that nothing unknown hides
    // in it.
    let canonical = kfm_lineage::canonical::canonical_of(&entry).unwrap_or_default();
    if canonical != record.payload {
        return Err(refuse("it has fields that are not known, or is not in canonical form"));
    }
    if op_id_of(&entry) != record.op_id {
        return Err(refuse("its record has another entry's id"));
    }
    entry.check().map_err(refuse)?;
    Ok(Some(StoredEntry { lsn: stored.lsn, time: record.at, leaf: stored.leaf, entry }))
}

/// Returns the id under which the log keeps an entry: the first half of the digest of the entry's id.
fn op_id_of(entry: &LedgerEntry) -> [u8; 16] {
    let digest = Digest::of_bytes(entry.entry_id.as_str().as_bytes());
    let (half, _) = digest.bytes().split_first_chunk().expect("a digest has 32 bytes");
    *half
}

fn from_log(place: &Path, error: WalError) -> TelemetryError {
    match error {
        WalError::Locked { .. } => TelemetryError::Busy { path: place.to_owned() },
        error => TelemetryError::Log { source: error },
    }
}

fn from_append(place: &Path, error: WalError) -> TelemetryError {
    match error {
        WalError::Unknown { .. } | WalError::Io { .. } | WalError::Poisoned => {
            TelemetryError::NotWritten { path: place.to_owned(), source: error.into() }
        }
        error => from_log(place, error),
    }
}
