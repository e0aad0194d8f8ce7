//! The trait: a log of opaque records, and the laws that every store keeps.

use std::collections::HashSet;
use std::fmt::{self, Debug};

use async_trait::async_trait;
use kfm_lineage::{Digest, DigestKind, Lsn, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::WalError;
use crate::frame::leaf_of;
use crate::raw;

/// The most that one record's payload may hold; what grows goes into a segment of the version store (R21).
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// The most that the records of one batch may hold together.
pub const BATCH_BYTES_MAX: usize = 16 << 20;

/// A log of opaque records: appended at the end, never changed, each at most once.
///
/// # Laws
/// - **Durable**: once `append` has answered, the records are on the medium, whatever happens to the process.
/// - **Gapless**: positions count from 1 without gaps, in the order of the appends.
/// - **Faithful**: `scan` gives back what was appended, byte for byte.
/// - **Atomic**: of a batch all records are in the log, next to each other, or none.
/// - **At most once**: a batch whose ids and contents are in the log already, in this order and next to each
///   other, is not appended again; the answer is its old positions and `already`. The time is no part of
///   the content.
/// - **No overwrite**: a batch of which an id is in the log under other content, or of which only a part is
///   in the log, or in which an id stands twice, is a [`WalError::Conflict`], and nothing is appended.
/// - **Expected position**: with `expected`, a new batch is appended only if the head is there, else
///   [`WalError::Moved`]. A repeated batch is recognised before that.
/// - **Time never goes back** (R20): a record's time is never before that of the record before it. A store
///   takes the later of the two and notes the difference in `skew_ms`.
/// - **Settled reads**: `scan` and `head` show only what is durable.
/// - **Fenced**: after another handle's `fence`, an append is [`WalError::Fenced`].
/// - **Chained**: `head().chain` depends on every record before it and on their order.
/// - **Limits**: a payload above [`Capabilities::record_bytes_max`] is [`WalError::TooLarge`], and nothing is
///   appended.
/// - **Archived is not gone**: after [`WalStore::retain`] the log reads, verifies and recognises repeats as
///   before, what was archived included.
///
/// # Cancel safety
/// A dropped `append` has appended the whole batch or nothing; repeating it under the same ids finds out
/// which. The other methods leave nothing behind.
///
/// # Implementing
/// Do not retry: what is unknown is answered as [`WalError::Unknown`], and the caller repeats. Do not
/// interpret payloads. Run `wal_store_laws!` from `kfm_wal::conformance` (feature `test-util`).
///
/// # Example
/// ```
/// use kfm_wal::{WalStore, memory::MemoryLog, store::NewRecord};
/// # async fn example() -> Result<(), kfm_wal::WalError> {
/// let log = MemoryLog::new();
/// let record = NewRecord { op_id: [7; 16], rtype: 1, schema: 1, at: "2025-11-14T03:15:42Z".parse().unwrap(),
///     payload: b"hello".to_vec() };
/// let first = log.append(std::slice::from_ref(&record), None).await?;
/// let again = log.append(std::slice::from_ref(&record), None).await?;
/// assert_eq!((first.first, again.first, again.already), (again.first, first.first, true));
/// # Ok(())
/// # }
/// # std::pin::pin!(example()).as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
/// # use std::future::Future;
/// ```
#[async_trait]
pub trait WalStore: Debug + Send + Sync {
    /// Appends records as one atomic batch and answers once they are durable.
    ///
    /// `expected` is the position of the last record that the caller knows.
    ///
    /// # Errors
    /// - [`WalError::Unknown`]: repeat the same batch, on a handle that was opened anew.
    /// - [`WalError::Conflict`]: another record has the id; find out which is right.
    /// - [`WalError::Moved`]: read on, decide again.
    /// - [`WalError::Fenced`]: end; the other writer acts now.
    /// - [`WalError::TooLarge`], [`WalError::Empty`]: repair the call.
    /// - [`WalError::Poisoned`], [`WalError::ReadOnly`]: open the log anew.
    /// - [`WalError::Io`]: nothing was appended; repair the store and try again.
    async fn append(&self, records: &[NewRecord], expected: Option<Lsn>) -> Result<Appended, WalError>;

    /// Returns up to `limit` records from position `from` on, in order; none if the log ends before.
    ///
    /// # Errors
    /// - [`WalError::Corrupt`]: the log is damaged there.
    /// - [`WalError::Io`]: try again.
    async fn scan(&self, from: Lsn, limit: usize) -> Result<Vec<StoredRecord>, WalError>;

    /// Returns the position, chain and epoch of the end of the log.
    ///
    /// # Errors
    /// As [`WalStore::scan`].
    async fn head(&self) -> Result<Head, WalError>;

    /// Takes the log over: claims the next epoch, durably, and shuts out every handle of an earlier one.
    ///
    /// # Errors
    /// As [`WalStore::append`].
    async fn fence(&self) -> Result<u64, WalError>;

    /// Reads the whole log and says whether it is what was written; damage is an answer, not an error.
    ///
    /// # Errors
    /// [`WalError::Io`]: the log could not be read; try again.
    async fn verify(&self, depth: Depth) -> Result<VerifyReport, WalError>;

    /// Sets aside what lies wholly before `upto`, where the store can, and writes down why; nothing is deleted.
    ///
    /// A store that keeps all its records in one place for ever need not implement it.
    ///
    /// # Errors
    /// - [`WalError::Unsupported`]: [`Capabilities::archives`] says so; nothing is to be done.
    /// - [`WalError::TooLarge`]: shorten the reason.
    /// - [`WalError::Io`]: some of it is set aside, and the log reads as before; call again.
    /// - others as [`WalStore::append`].
    async fn retain(&self, upto: Lsn, reason: &RetainReason) -> Result<Retained, WalError> {
        let _ = (upto, reason);
        Err(WalError::Unsupported { what: "archive" })
    }

    /// Returns what this store can do.
    fn capabilities(&self) -> Capabilities;
}

const _OBJECT_SAFE: Option<&dyn WalStore> = None;

/// A record that is to be appended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewRecord {
    /// Names the record: the same id is appended at most once.
    pub op_id: [u8; 16],
    /// What the payload is; belongs to whoever writes this log. See [`OPTIONAL`].
    pub rtype: u16,
    /// The version of the payload's form.
    pub schema: u16,
    /// When it happened; information, never order.
    pub at: Timestamp,
    /// The bytes.
    pub payload: Vec<u8>,
}

/// The bit of a record type that lets a reader who does not know the type pass over it.
///
/// A reader who meets an unknown type without this bit must not append to the log.
pub const OPTIONAL: u16 = 0x8000;

/// A record that is in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRecord {
    /// Its position.
    pub lsn: Lsn,
    /// The epoch of the writer who appended it.
    pub epoch: u64,
    /// The hash of the record as a leaf of a Merkle tree (RFC 6962, 2.1), kind `sha256`.
    pub leaf: Digest,
    /// By how many milliseconds the writer's clock was behind the record before; rounded up, bounded.
    pub skew_ms: u32,
    /// What was appended, with its time as the log has it.
    pub record: NewRecord,
}

impl StoredRecord {
    /// Gives a record its place after one of the time `last`: its time clamped, its leaf computed.
    ///
    /// For stores with a form of their own; the leaf is that of the local log's form of a record.
    pub fn place(lsn: Lsn, epoch: u64, last: Option<Timestamp>, mut record: NewRecord) -> Self {
        let (at, skew_ms) = clamp_time(record.at, last);
        record.at = at;
        let mut bytes = Vec::new();
        raw::write(&mut bytes, &record, at, skew_ms);
        let leaf = Digest::from_parts(DigestKind::Bytes, leaf_of(&bytes));
        Self { lsn, epoch, leaf, skew_ms, record }
    }
}

/// The answer to an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Position of the first record of the batch.
    pub first: Lsn,
    /// Position of the last record of the batch.
    pub last: Lsn,
    /// Whether the batch was in the log before this call.
    pub already: bool,
}

/// The end of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Head {
    /// Position of the last record; zero if there is none.
    pub lsn: Lsn,
    /// The hash over everything before.
    pub chain: Digest,
    /// The highest epoch that was claimed.
    pub epoch: u64,
}

/// Why records are set aside, as the log keeps it for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RetainReason {
    /// The policy that allows it: the digest of a snapshot, or its name and version.
    pub policy_ref: String,
    /// Who asked for it.
    pub requested_by: String,
}

/// The most that the texts of a [`RetainReason`] may hold together.
pub const REASON_BYTES_MAX: usize = 2048;

/// What was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Retained {
    /// Number of files or objects set aside by this call.
    pub segments: u64,
    /// Their bytes in use.
    pub bytes: u64,
    /// The first record that is not set aside, now and by earlier calls.
    pub first_kept: Lsn,
}

/// What a store can do, as data; by default the least, with the largest limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Capabilities {
    /// Whether records outlive the process.
    pub durable: bool,
    /// Whether several handles may be open for writing, with a fence between them.
    pub many_writers: bool,
    /// Whether [`WalStore::retain`] sets old records aside.
    pub archives: bool,
    /// The largest payload of a record.
    pub record_bytes_max: u64,
    /// The largest sum of the payloads of a batch.
    pub batch_bytes_max: u64,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            durable: false,
            many_writers: false,
            archives: false,
            record_bytes_max: RECORD_BYTES_MAX as u64,
            batch_bytes_max: BATCH_BYTES_MAX as u64,
        }
    }
}

/// How closely [`WalStore::verify`] looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Depth {
    /// Checksums, positions and epochs.
    Crc,
    /// Also every hash of the chain.
    Chain,
}

/// What [`WalStore::verify`] found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerifyReport {
    /// Whether nothing is wrong: no damage, no torn tail.
    pub ok: bool,
    /// Number of records that read well, from the first.
    pub records: u64,
    /// Number of files or objects.
    pub segments: u64,
    /// Number of frames that read well, from the first.
    pub frames: u64,
    /// Bytes in those frames.
    pub bytes: u64,
    /// Number of torn tails that were set aside by earlier repairs.
    pub quarantined: u64,
    /// Bytes of an append that never finished; the next writer sets them aside.
    pub torn_bytes: u64,
    /// The end of what reads well.
    pub head: Head,
    /// The first place that is damaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_bad: Option<BadPlace>,
}

impl VerifyReport {
    /// Makes the report of a log with nothing wrong, in one piece of `bytes`.
    pub fn sound(head: Head, frames: u64, bytes: u64) -> Self {
        Self {
            ok: true,
            records: head.lsn.0,
            segments: 1,
            frames,
            bytes,
            quarantined: 0,
            torn_bytes: 0,
            head,
            first_bad: None,
        }
    }
}

/// Where a log is damaged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BadPlace {
    /// The file or object.
    pub segment: String,
    /// Where in it the first bad frame begins, in bytes.
    pub offset: u64,
    /// The first record that cannot be read.
    pub lsn: Lsn,
    /// What kind of damage it is.
    pub class: Damage,
}

#[cfg(feature = "slots")]
impl BadPlace {
    /// Takes the damage out of an error, which may be another one.
    pub(crate) fn of(error: WalError) -> Result<Self, WalError> {
        match error {
            WalError::Corrupt { segment, offset, lsn, class } => Ok(Self { segment, offset, lsn, class }),
            WalError::FutureFormat { segment, offset, lsn } => {
                Ok(Self { segment, offset, lsn, class: Damage::FutureFormat })
            }
            other => Err(other),
        }
    }
}

impl From<BadPlace> for WalError {
    fn from(bad: BadPlace) -> Self {
        let BadPlace { segment, offset, lsn, class } = bad;
        match class {
            // Nothing to restore: the next step is another one.
            Damage::FutureFormat => Self::FutureFormat { segment, offset, lsn },
            class => Self::Corrupt { segment, offset, lsn, class },
        }
    }
}

/// A kind of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Damage {
    /// Bytes do not fit their checksum.
    BitRot,
    /// A segment is shorter than it was made.
    Truncated,
    /// A segment that must exist does not.
    MissingSegment,
    /// A whole frame stands where another belongs.
    ChainBreak,
    /// A segment or frame of another log.
    ForeignLog,
    /// A writer that was shut out wrote on.
    EpochRegress,
    /// Two records have the same id.
    DuplicateOperation,
    /// A record's time is before that of the record before it.
    TimeRegress,
    /// The checksum fits, the content does not read.
    Malformed,
    /// Written by a newer version.
    FutureFormat,
    /// The log is sound and ends before a point that a witness has seen.
    LostTail,
    /// The log is sound and is not the one that a witness has seen.
    Rewritten,
}

impl Damage {
    /// Returns the word used in messages and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BitRot => "bit_rot",
            Self::Truncated => "truncated",
            Self::MissingSegment => "missing_segment",
            Self::ChainBreak => "chain_break",
            Self::ForeignLog => "foreign_log",
            Self::EpochRegress => "epoch_regress",
            Self::DuplicateOperation => "duplicate_operation",
            Self::TimeRegress => "time_regress",
            Self::Malformed => "malformed",
            Self::FutureFormat => "future_format",
            Self::LostTail => "lost_tail",
            Self::Rewritten => "rewritten",
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Refuses what no store may take: nothing at all, or more than the limits.
///
/// # Errors
/// - [`WalError::Empty`]: there is no record.
/// - [`WalError::TooLarge`]: names the record, or the first one of the batch.
pub fn check_limits(records: &[NewRecord], limits: &Capabilities) -> Result<(), WalError> {
    let first = records.first().ok_or(WalError::Empty)?;
    let too_large = |record: &NewRecord, bytes: u64, bytes_max: u64| WalError::TooLarge {
        id: format!("{:032x}", u128::from_be_bytes(record.op_id)),
        bytes,
        bytes_max,
    };
    let mut batch_bytes = 0;
    for record in records {
        let bytes = record.payload.len() as u64;
        if bytes > limits.record_bytes_max {
            return Err(too_large(record, bytes, limits.record_bytes_max));
        }
        batch_bytes += bytes;
    }
    if batch_bytes > limits.batch_bytes_max {
        return Err(too_large(first, batch_bytes, limits.batch_bytes_max));
    }
    Ok(())
}

/// Says whether a batch repeats what is in the log: its old positions, none if all of it is new.
///
/// `find` returns the record in the log that has an id. For stores that have no faster way.
///
/// # Errors
/// [`WalError::Conflict`]: an id has other content, stands twice, or only a part of the batch is there.
pub fn find_repeat<'a>(
    records: &[NewRecord],
    find: impl Fn(&[u8; 16]) -> Option<&'a StoredRecord>,
) -> Result<Option<Appended>, WalError> {
    let mut seen = HashSet::new();
    let first = records.first().and_then(|record| find(&record.op_id)).map(|stored| stored.lsn);
    for (n, record) in records.iter().enumerate() {
        let stored = find(&record.op_id);
        let place = stored.map(|stored| stored.lsn);
        let same = stored.is_none_or(|stored| {
            let (there, new) = (&stored.record, record);
            (there.rtype, there.schema, &there.payload) == (new.rtype, new.schema, &new.payload)
        });
        let expected = first.map(|first| Lsn(first.0 + n as u64));
        if !seen.insert(record.op_id) || place != expected || !same {
            let id = format!("{:032x}", u128::from_be_bytes(record.op_id));
            return Err(WalError::Conflict { id, lsn: place.or(first).unwrap_or(Lsn::ZERO) });
        }
    }
    let last = |first: Lsn| Lsn(first.0 + records.len() as u64 - 1);
    Ok(first.map(|first| Appended { first, last: last(first), already: true }))
}

/// Returns the time that the log takes for a record, and by how many milliseconds, rounded up and bounded,
/// that is later than the writer's (R20).
pub(crate) fn clamp_time(at: Timestamp, last: Option<Timestamp>) -> (Timestamp, u32) {
    match last {
        Some(last) if at < last => {
            let behind_ns = last.as_nanosecond().abs_diff(at.as_nanosecond());
            (last, u32::try_from(behind_ns.div_ceil(1_000_000)).unwrap_or(u32::MAX))
        }
        _ => (at, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_went_back_is_clamped_and_the_skew_rounded_up() {
        let (late, early) = (Timestamp::new(10, 0).unwrap(), Timestamp::new(8, 999_999_999).unwrap());
        assert_eq!(clamp_time(early, Some(late)), (late, 1001));
        assert_eq!(clamp_time(late, Some(early)), (late, 0));
        assert_eq!(clamp_time(Timestamp::MIN, Some(Timestamp::MAX)).1, u32::MAX);
    }
}
