//! What can go wrong with a log, named by what the caller does next.

use std::io;

use kfm_lineage::Lsn;

use crate::store::Damage;

/// The error of another library, boxed so that its version is not part of this crate's interface.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a log did not do what it was asked.
///
/// An append has three answers: durable (`Ok`), not appended (every variant but one) and unknown
/// ([`WalError::Unknown`]). See [`WalError::outlook`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WalError {
    /// What was once durable is damaged: restore the log from a copy; `kfm wal repair --plan` shows what is
    /// there.
    #[error("log is damaged: segment={segment} offset={offset} lsn={lsn} class={class}")]
    Corrupt {
        /// The file or object that holds the damage.
        segment: String,
        /// Where in the segment the first bad frame begins, in bytes.
        offset: u64,
        /// The first record that cannot be read.
        lsn: Lsn,
        /// What kind of damage it is.
        class: Damage,
    },
    /// Another writer has the log: wait until it ends, or stop it.
    #[error("log is being written by another process: holder={holder}")]
    Locked {
        /// The other writer's description of itself, as its caller set it.
        holder: String,
    },
    /// An earlier write or sync through this handle failed, so this handle writes nothing more: open the log
    /// again.
    #[error("log takes no more writes since an earlier write failed")]
    Poisoned,
    /// The log holds another record under the same id: find out which of the two is right.
    #[error("log holds another record under this id: id={id} lsn={lsn}")]
    Conflict {
        /// The id, as the record has it.
        id: String,
        /// The position of the other record; zero if it is in the same batch.
        lsn: Lsn,
    },
    /// Another writer appended since the caller looked: read on, and decide again.
    #[error("log has moved on: head={head}")]
    Moved {
        /// The position of the last record at the time of the append.
        head: Lsn,
    },
    /// Another writer has taken the log over and acts now: stop.
    #[error("log was taken over by another writer: epoch={epoch}")]
    Fenced {
        /// The epoch that the other writer claimed.
        epoch: u64,
    },
    /// The record or the batch is above the limit: put the part that grows into a segment of the version
    /// store.
    #[error("record is too large for the log: id={id} bytes={bytes} bytes_max={bytes_max}")]
    TooLarge {
        /// The id, as the record has it.
        id: String,
        /// The size of the record's payload, or of the batch, in bytes.
        bytes: u64,
        /// The limit, in bytes.
        bytes_max: u64,
    },
    /// The record could not be read again once it is written, so nothing was written: repair its content.
    #[error("record cannot be read again and is not written: record={kind}")]
    Unreadable {
        /// The kind of the record.
        kind: &'static str,
        /// Why it could not be read again.
        #[source]
        source: Source,
    },
    /// The caller gave no record: a defect of the caller.
    #[error("an append needs at least one record")]
    Empty,
    /// The store cannot do this at all: look at its capabilities before calling.
    #[error("log cannot do this: what={what}")]
    Unsupported {
        /// The call that the store does not support.
        what: &'static str,
    },
    /// The log was opened for reading: open it for writing.
    #[error("log is open for reading only")]
    ReadOnly,
    /// It is not known whether the append is durable: open the log again and repeat the append under the same
    /// id.
    #[error("append may or may not be durable: id={id}")]
    Unknown {
        /// The id of the first record. For what the log writes about itself, its kind: `fence`, `repair`,
        /// `archive`, `hold`.
        id: String,
        /// Why it is not known.
        #[source]
        source: Source,
    },
    /// The disk or the store refused and nothing was appended: repair it and try again.
    #[error("log could not {action}: path={path}")]
    Io {
        /// What the log tried to do there, a verb.
        action: &'static str,
        /// The file, the folder or the object.
        path: String,
        /// What the system or the store said.
        #[source]
        source: Source,
    },
    /// What a snapshot keeps beside the log cannot be read, and nothing was appended: try again. If it was damaged, it was
    /// removed, and the log is read instead.
    #[error("snapshot of the log cannot be read: path={path}")]
    Snapshot {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The store breaks a promise that the log relies on, and nothing was written: use another store.
    #[error("store is not fit to hold a log: path={path} broken={promise}")]
    Unfit {
        /// The address of the store.
        path: String,
        /// The name of the promise that it broke.
        promise: &'static str,
    },
    /// A newer version wrote records that must be understood before anything is appended: upgrade.
    #[error("log holds a record that only a newer version knows: lsn={lsn} rtype={rtype} schema={schema}")]
    FutureRecord {
        /// The first such record.
        lsn: Lsn,
        /// Its type, as [`NewRecord::rtype`](crate::NewRecord::rtype).
        rtype: u16,
        /// The version of its form.
        schema: u16,
    },
    /// A newer version wrote here in a form that must be understood to read on: upgrade.
    #[error("log was written by a newer version: segment={segment} offset={offset} lsn={lsn}")]
    FutureFormat {
        /// The file or object that holds the frame.
        segment: String,
        /// Where in the segment the first frame begins that is not understood, in bytes.
        offset: u64,
        /// The first record that cannot be read.
        lsn: Lsn,
    },
    /// A record of a known type cannot be read, or a typed value cannot be written. This is a defect: report
    /// it.
    #[error("record does not fit its type: lsn={lsn}")]
    Malformed {
        /// The position of the record; zero if it was about to be appended.
        lsn: Lsn,
        /// What did not fit.
        #[source]
        source: Source,
    },
    /// A segment of the version store does not resolve, so the operation is incomplete (R23).
    #[error("segment of the version store does not resolve: id={id} digest={digest}")]
    Incomplete {
        /// The operation whose segment it is.
        id: String,
        /// The digest that the record names.
        digest: kfm_lineage::Digest,
        /// Why it did not resolve.
        #[source]
        source: Source,
    },
}

/// What trying again would bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// Nothing happened, and trying again may help.
    Transient,
    /// Nothing happened, and trying again cannot help.
    Permanent,
    /// It is not known what happened; repeating the call under the same id is safe.
    Unknown,
}

impl WalError {
    /// Says what trying again would bring.
    pub fn outlook(&self) -> Outlook {
        match self {
            Self::Locked { .. } | Self::Moved { .. } | Self::Io { .. } | Self::Snapshot { .. } => {
                Outlook::Transient
            }
            Self::Unknown { .. } => Outlook::Unknown,
            _ => Outlook::Permanent,
        }
    }
}
