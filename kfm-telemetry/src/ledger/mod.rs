//! The governance ledger: every operation accounted for, refused ones too, in a log that cannot lie (R92).
//!
//! The ledger is a second log of `kfm-wal`'s kind, in a folder of its own. The owner's JSON file is a *view*:
//! rendered on demand, never appended to and never read as truth. Appending is durable and happens at most
//! once for each entry id; what was appended is never rewritten.
//!
//! A chain shows that something was changed, taken out or put in. That its end was cut off it does not show
//! by itself: that takes a witness that lies elsewhere. The rendered view is one ([`Ledger::render`] refuses
//! to overwrite a view that has more than the chain), the operations log is another.

mod entry;
mod verify;
mod view;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kfm_lineage::{Digest, Lsn, Timestamp};
use kfm_wal::local::{LocalLog, LocalOptions};
use kfm_wal::store::{NewRecord, OPTIONAL, StoredRecord};
use kfm_wal::{WalError, WalStore};

pub use entry::{
    Decision, EntrySchema, EntryStatus, LedgerEntry, OperationType, PREDICATE_TYPE, RiskLevel, StoredEntry,
};
pub use verify::{BadEntry, LedgerReport, ViewReport, ViewState};
pub use view::{LedgerView, ViewSchema};

use crate::error::TelemetryError;

/// The largest entry: what grows with an operation is in the manifest, which an entry names by digest.
pub const ENTRY_BYTES_MAX: usize = 32 * 1024;

/// The type of an entry's record in the chain.
const RTYPE_ENTRY: u16 = 1;

/// The version of that record's form.
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
    /// Opens the ledger in a folder for writing; makes it if it is not there, repairs what a crash tore.
    ///
    /// # Errors
    /// - [`TelemetryError::Busy`]: another process writes the ledger; wait.
    /// - [`TelemetryError::Log`]: the chain is damaged or cannot be opened; run `kfm ledger verify`.
    pub fn open(folder: impl Into<PathBuf>, options: LocalOptions) -> Result<Self, TelemetryError> {
        let place = folder.into();
        let (log, _) = LocalLog::open(&place, options).map_err(|error| from_log(&place, error))?;
        Ok(Self { store: Arc::new(log), place })
    }

    /// Opens the ledger in a folder for reading, beside a writer; a folder that is not there is empty.
    ///
    /// # Errors
    /// [`TelemetryError::Log`]: the chain is damaged or cannot be read; [`Ledger::verify_folder`] says more.
    pub fn open_read_only(folder: impl Into<PathBuf>) -> Result<Self, TelemetryError> {
        let place = folder.into();
        let log = LocalLog::open_read_only(&place).map_err(|error| from_log(&place, error))?;
        Ok(Self { store: Arc::new(log), place })
    }

    /// Makes a ledger of a log that nothing else writes into; `place` is what errors call it.
    pub fn over(store: Arc<dyn WalStore>, place: impl Into<PathBuf>) -> Self {
        Self { store, place: place.into() }
    }

    /// Appends an entry and returns its position when it is durable.
    ///
    /// The same entry again, at whatever time, is a no-op and returns the old position.
    ///
    /// # Errors
    /// - [`TelemetryError::InvalidEntry`]: correct the caller; nothing was written.
    /// - [`TelemetryError::EntryConflict`]: the id is another entry's; nothing was written.
    /// - [`TelemetryError::NotWritten`], [`TelemetryError::Busy`], [`TelemetryError::Log`]: do not report
    ///   success; append the same entry again, on a ledger that was opened anew.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the entry there or not; append it again to be sure.
    pub async fn append(&self, entry: &LedgerEntry, at: Timestamp) -> Result<Lsn, TelemetryError> {
        self.append_all(std::slice::from_ref(entry), at).await.map(|first| first.unwrap_or(Lsn::ZERO))
    }

    /// Appends entries that belong together, all of them or none, and returns the position of the first when they are
    /// durable; none if there are none.
    ///
    /// The same entries again are a no-op.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    ///
    /// # Cancel safety
    /// Dropping the future leaves the entries there or not; append them again to be sure.
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
                let is_it = |(_, record): &(_, &NewRecord)| {
                    format!("{:032x}", u128::from_be_bytes(record.op_id)) == id
                };
                let entry = entries.iter().zip(&records).find(is_it).map_or(first, |(entry, _)| entry);
                Err(TelemetryError::EntryConflict { entry_id: entry.entry_id.clone(), lsn })
            }
            Err(error) => Err(from_append(&self.place, error)),
        }
    }

    /// Returns all entries, in order.
    ///
    /// # Errors
    /// - [`TelemetryError::NotAnEntry`]: a newer version wrote here, or somebody else; upgrade, or verify.
    /// - [`TelemetryError::Log`]: the chain is damaged; run `kfm ledger verify`.
    pub async fn entries(&self) -> Result<Vec<StoredEntry>, TelemetryError> {
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

/// Writes an entry as the chain takes it.
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

/// Reads an entry from the chain; none if it is something that this version may pass over.
fn read(stored: &StoredRecord) -> Result<Option<StoredEntry>, TelemetryError> {
    let refuse = |why: &str| TelemetryError::NotAnEntry { lsn: stored.lsn, source: why.into() };
    let record = &stored.record;
    if record.rtype & OPTIONAL != 0 {
        return Ok(None);
    }
    if (record.rtype, record.schema) != (RTYPE_ENTRY, SCHEMA_ENTRY) {
        return Err(refuse("its type or version is not known"));
    }
    let entry: LedgerEntry = serde_json::from_slice(&record.payload)
        .map_err(|error| TelemetryError::NotAnEntry { lsn: stored.lsn, source: error.into() })?;
    // INVARIANT: an entry that reads well writes back to the same bytes. So nothing unknown hides in it.
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

/// The id under which the log keeps an entry: the first half of its name's digest.
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
