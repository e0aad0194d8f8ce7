//! Why something was not recorded, read or verified, sorted by what the caller does next.

use std::path::PathBuf;

use kfm_lineage::Lsn;
use kfm_retry::{Classify, ErrorClass, Verdict};

use crate::alert::AlertDefect;
use crate::record::{EventId, RecordDefect};

/// A foreign error; its type is not part of our interface.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why something was not recorded, read or verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The record contradicts itself: correct the caller. Nothing was written. Permanent.
    #[error("operation record is not valid: event_id={event_id}")]
    InvalidRecord {
        /// The record's event.
        event_id: EventId,
        /// What contradicts what.
        #[source]
        source: RecordDefect,
    },
    /// The alert contradicts itself: correct the caller. Nothing was written. Permanent.
    #[error("alert is not valid: alert_id={alert_id}")]
    InvalidAlert {
        /// The alert.
        alert_id: EventId,
        /// What contradicts what.
        #[source]
        source: AlertDefect,
    },
    /// The entry cannot be recorded as it is: correct or shorten it. Nothing was written. Permanent.
    #[error("ledger entry is not valid, {why}: entry_id={entry_id}")]
    InvalidEntry {
        /// The entry.
        entry_id: EventId,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Another process holds the file: try again later. Nothing was written. Transient.
    #[error("another process writes this file: path={}", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The line may or may not be there: do not report success, and append it again. Unknown.
    #[error("not written durably: path={}", path.display())]
    NotWritten {
        /// The file, or the folder of the ledger.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: BoxError,
    },
    /// The file cannot be read: look at the path and its permissions. Transient at best.
    #[error("cannot be read: path={}", path.display())]
    NotRead {
        /// The file or folder.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: BoxError,
    },
    /// A line is not what it must be: repair or set it aside by hand, knowingly. Permanent.
    #[error("line is not valid: path={} line={line}", path.display())]
    InvalidLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        #[source]
        source: BoxError,
    },
    /// The end of the file is not ours and was left alone: look at it by hand. Permanent.
    #[error("the end of the file is no record, torn or whole: path={}", path.display())]
    ForeignTail {
        /// The file.
        path: PathBuf,
    },
    /// Another entry has this id: take a new id; the recorded entry stands. Permanent.
    #[error("another ledger entry has this id: entry_id={entry_id} lsn={lsn}")]
    EntryConflict {
        /// The id.
        entry_id: EventId,
        /// Where the other entry is.
        lsn: Lsn,
    },
    /// An entry of the chain is not a ledger entry of this version: run `kfm ledger verify`. Permanent.
    #[error("not a ledger entry of a known form: lsn={lsn}")]
    NotAnEntry {
        /// Its position.
        lsn: Lsn,
        /// What is wrong with it.
        #[source]
        source: BoxError,
    },
    /// The ledger's log refuses or fails: do as the source says; do not report success (R94).
    #[error("the ledger's log is not available")]
    Log {
        /// The log's error.
        #[source]
        source: kfm_wal::WalError,
    },
    /// The rendered file is not a part of the chain: keep it, it is evidence; run `kfm ledger verify`. Permanent.
    #[error("the rendered ledger differs from the chain and was left alone, {why}: path={}", path.display())]
    ViewDiffers {
        /// The file.
        path: PathBuf,
        /// Where and how it differs.
        why: String,
    },
}

impl Classify for TelemetryError {
    fn classify(&self) -> Verdict {
        Verdict::from(match self {
            Self::InvalidRecord { .. } | Self::InvalidAlert { .. } | Self::InvalidEntry { .. } => {
                ErrorClass::Rejected
            }
            Self::Busy { .. } => ErrorClass::Io,
            Self::InvalidLine { .. } | Self::ForeignTail { .. } | Self::NotAnEntry { .. } => {
                ErrorClass::Schema
            }
            Self::EntryConflict { .. } | Self::ViewDiffers { .. } => ErrorClass::Immutable,
            Self::NotWritten { .. } | Self::NotRead { .. } | Self::Log { .. } => ErrorClass::Unknown,
        })
    }
}
