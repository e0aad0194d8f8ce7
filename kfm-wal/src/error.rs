//! What can go wrong with a log, named by what the caller does next.

use kfm_lineage::Lsn;

use crate::store::Damage;

/// A foreign error, boxed so that its version is not part of ours.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a log did not do what it was asked.
///
/// An append has three answers: durable (`Ok`), not appended (every variant but one) and unknown
/// ([`WalError::Unknown`]). See [`WalError::outlook`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WalError {
    /// What was once durable is damaged: restore it from a copy, or look at `kfm wal repair --plan`.
    #[error("log is damaged: segment={segment} offset={offset} lsn={lsn} class={class}")]
    Corrupt {
        /// The file or object that holds the damage.
        segment: String,
        /// Where in it the first bad frame begins, in bytes.
        offset: u64,
        /// The first record that cannot be read.
        lsn: Lsn,
        /// What kind of damage it is.
        class: Damage,
    },
    /// Another writer has the log: wait for it to end, or stop it.
    #[error("log is being written by another process: holder={holder}")]
    Locked {
        /// What the other writer says about itself.
        holder: String,
    },
    /// A write or a sync failed before: nothing more is written through this handle, open the log again.
    #[error("log takes no more writes since an earlier write failed")]
    Poisoned,
    /// The log holds something else under the same id: find out which of the two is right.
    #[error("log holds another record under this id: id={id} lsn={lsn}")]
    Conflict {
        /// The id, as the record names it.
        id: String,
        /// Where the other record is; zero if it stands in the same batch.
        lsn: Lsn,
    },
    /// Somebody appended since the caller looked: look again, decide again.
    #[error("log has moved on: head={head}")]
    Moved {
        /// The head at the time of the append.
        head: Lsn,
    },
    /// Another writer took the log over: stop, it acts now.
    #[error("log was taken over by another writer: epoch={epoch}")]
    Fenced {
        /// The epoch of the other writer.
        epoch: u64,
    },
    /// The record or the batch is above the limit: put what grows into a segment of the version store.
    #[error("record is too large for the log: id={id} bytes={bytes} bytes_max={bytes_max}")]
    TooLarge {
        /// The id, as the record names it.
        id: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// The record could not be read again once it is written, so it was not: repair what it holds.
    #[error("record cannot be read again and is not written: record={kind}")]
    Unreadable {
        /// The kind of the record.
        kind: &'static str,
        /// What a reader would say.
        #[source]
        source: Source,
    },
    /// There was nothing to append: a defect of the caller.
    #[error("an append needs at least one record")]
    Empty,
    /// The store has no way to do this: ask its capabilities before.
    #[error("log cannot do this: what={what}")]
    Unsupported {
        /// What it was asked for.
        what: &'static str,
    },
    /// The log was opened for reading: open it for writing.
    #[error("log is open for reading only")]
    ReadOnly,
    /// Whether the append is durable is not known: repeat it under the same id, on a newly opened log.
    #[error("append may or may not be durable: id={id}")]
    Unknown {
        /// The id of the first record; of what the log notes of itself, its kind: `fence`, `repair`, `archive`, `hold`.
        id: String,
        /// Why it is not known.
        #[source]
        source: Source,
    },
    /// The disk or the store refused, nothing was appended: repair it and try again.
    #[error("log could not {action}: path={path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file, folder or object.
        path: String,
        /// What the system said.
        #[source]
        source: Source,
    },
    /// The store breaks a promise that a log stands on: use another store, nothing was written to this one.
    #[error("store is not fit to hold a log: path={path} broken={promise}")]
    Unfit {
        /// The store.
        path: String,
        /// The promise that it broke.
        promise: &'static str,
    },
    /// A newer version wrote records that must be understood before anything is appended: upgrade.
    #[error("log holds a record that only a newer version knows: lsn={lsn} rtype={rtype} schema={schema}")]
    FutureRecord {
        /// The first such record.
        lsn: Lsn,
        /// Its type.
        rtype: u16,
        /// The version of its type.
        schema: u16,
    },
    /// A newer version wrote here in a form that must be understood to read on: upgrade.
    #[error("log was written by a newer version: segment={segment} offset={offset} lsn={lsn}")]
    FutureFormat {
        /// The file or object.
        segment: String,
        /// Where in it the first frame that is not understood begins, in bytes.
        offset: u64,
        /// The first record that cannot be read.
        lsn: Lsn,
    },
    /// A record of a known type does not read, or a typed value cannot be written: a defect, report it.
    #[error("record does not fit its type: lsn={lsn}")]
    Malformed {
        /// The record; zero if it was about to be appended.
        lsn: Lsn,
        /// What did not fit.
        #[source]
        source: Source,
    },
    /// A segment of the version store does not resolve: the operation is incomplete (R23).
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
    /// It is not known what happened; repeating under the same id is safe.
    Unknown,
}

impl WalError {
    /// Says what trying again would bring.
    pub fn outlook(&self) -> Outlook {
        match self {
            Self::Locked { .. } | Self::Moved { .. } | Self::Io { .. } => Outlook::Transient,
            Self::Unknown { .. } => Outlook::Unknown,
            _ => Outlook::Permanent,
        }
    }
}
