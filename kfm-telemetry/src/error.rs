//! Why telemetry was not recorded, read or verified, named by what the caller does next.

use std::path::PathBuf;

use kfm_lineage::Lsn;
use kfm_retry::{Classify, ErrorClass, Verdict};

use crate::alert::AlertDefect;
use crate::record::{EventId, RecordDefect};

/// The error of another library; its type is not part of this crate's interface.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why telemetry was not recorded, read or verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The record contradicts itself: correct the caller. Nothing was written. Permanent.
    #[error("operation record is not valid: event_id={event_id}")]
    InvalidRecord {
        /// The id of the event in the record.
        event_id: EventId,
        /// How the record contradicts itself.
        #[source]
        source: RecordDefect,
    },
    /// The alert contradicts itself: correct the caller. Nothing was written. Permanent.
    #[error("alert is not valid: alert_id={alert_id}")]
    InvalidAlert {
        /// The id of the alert.
        alert_id: EventId,
        /// How the alert contradicts itself.
        #[source]
        source: AlertDefect,
    },
    /// The entry is not valid: correct or shorten it. Nothing was written. Permanent.
    #[error("ledger entry is not valid, {why}: entry_id={entry_id}")]
    InvalidEntry {
        /// The id of the entry.
        entry_id: EventId,
        /// Why the entry is not valid.
        why: &'static str,
    },
    /// Another process has locked the file: try again later. Nothing was written. Transient.
    #[error("another process writes this file: path={}", path.display())]
    Busy {
        /// The path of the file.
        path: PathBuf,
    },
    /// The line may or may not be there: do not report success, and append it again. Unknown.
    #[error("not written durably: path={}", path.display())]
    NotWritten {
        /// The file, or the folder of the ledger.
        path: PathBuf,
        /// The error of the system or of the log.
        #[source]
        source: BoxError,
    },
    /// The file cannot be read: look at its path and its permissions. Sometimes transient.
    #[error("cannot be read: path={}", path.display())]
    NotRead {
        /// The file or folder.
        path: PathBuf,
        /// Why it cannot be read.
        #[source]
        source: BoxError,
    },
    /// A line is not valid: repair it or set it aside, by hand. Permanent.
    #[error("line is not valid: path={} line={line}", path.display())]
    InvalidLine {
        /// The path of the file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: u64,
        /// Why the line is not valid.
        #[source]
        source: BoxError,
    },
    /// The end of the file was not written by this toolkit and was left alone: look at the file. Permanent.
    #[error("the end of the file is not a record, torn or whole: path={}", path.display())]
    ForeignTail {
        /// The path of the file.
        path: PathBuf,
    },
    /// Another entry has this id and stands: take a new id. Permanent.
    #[error("another ledger entry has this id: entry_id={entry_id} lsn={lsn}")]
    EntryConflict {
        /// The id of both entries.
        entry_id: EventId,
        /// The position of the other entry.
        lsn: Lsn,
    },
    /// An entry of the chain is not a ledger entry of this version: run `kfm ledger verify`. Permanent.
    #[error("not a ledger entry of a known form: lsn={lsn}")]
    NotAnEntry {
        /// The position of the record in the ledger.
        lsn: Lsn,
        /// Why it is not an entry.
        #[source]
        source: BoxError,
    },
    /// The ledger's log refuses or fails: do as the source says, and do not report success (R94).
    #[error("the ledger's log is not available")]
    Log {
        /// The error of the log.
        #[source]
        source: kfm_wal::WalError,
    },
    /// The rendered file differs from the chain: keep the file, it is evidence, and run `kfm ledger verify`.
    /// Permanent.
    #[error("the rendered ledger differs from the chain and was left alone, {why}: path={}", path.display())]
    ViewDiffers {
        /// The path of the rendered file.
        path: PathBuf,
        /// Where and how the file differs.
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
