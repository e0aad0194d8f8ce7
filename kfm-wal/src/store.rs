//! The trait: a log of opaque records, and the laws that every store keeps.

mod batch;
mod damage;

use std::fmt::Debug;

use async_trait::async_trait;
use kfm_lineage::{Digest, DigestKind, Lsn, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use self::batch::clamp_time;
pub use self::batch::{check_limits, find_repeat};
pub use self::damage::{BadPlace, Damage, Depth, VerifyReport};
use crate::error::WalError;
pub use crate::frame::BATCH_BYTES_MAX;
use crate::frame::leaf_of;
use crate::raw::{self, RECORD_HEADER_BYTES};

/// The most that one record's payload may hold, in bytes; a list that grows goes into a segment of the
/// version store (R21).
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// What a record takes in a batch beside its payload, in bytes.
pub const RECORD_OVERHEAD_BYTES: usize = RECORD_HEADER_BYTES;

/// A log of opaque records: appended at the end, never changed, each at most once.
///
/// # Laws
/// - **Durable**: once `append` has answered, the records are on the medium, whatever happens to the process.
/// - **Gapless**: positions count from 1 without gaps, in the order of the appends.
/// - **Faithful**: `scan` gives back what was appended, byte for byte.
/// - **Atomic**: either all records of a batch are in the log, next to each other, or none is.
/// - **At most once**: a batch whose ids and contents are in the log already, in this order and next to each
///   other, is not appended again; the answer is its old positions and `already`. The time is no part of the
///   content.
/// - **No overwrite**: a batch of which an id is in the log under other content, or of which only a part is
///   in the log, or in which an id stands twice, is a [`WalError::Conflict`], and nothing is appended.
/// - **Expected position**: with `expected`, a new batch is appended only if the head is there, else
///   [`WalError::Moved`]. A repeated batch is recognised before that.
/// - **Time never goes back** (R20): a record's time is never before that of the record before it. A store
///   takes the later of the two and notes the difference in `skew_ms`.
/// - **Settled reads**: `scan` and `head` show only what is durable.
/// - **Fenced**: after another handle's `fence`, an append is [`WalError::Fenced`].
/// - **Chained**: `head().chain` depends on every record before it and on their order.
/// - **Limits**: a payload above [`Capabilities::record_bytes_max`], or a batch above
///   [`Capabilities::batch_bytes_max`], is [`WalError::TooLarge`], and nothing is appended.
/// - **Archived is not gone**: after [`WalStore::retain`] the log reads, verifies and recognises repeats as
///   before, what was archived included.
///
/// # Cancel safety
/// When the caller drops the future of an `append`, the whole batch is appended or nothing is; repeating the
/// append under the same ids finds out which. When the caller drops a `fence` or a `retain`, its frame is in
/// the log or is not, and the caller may call again: epochs only grow, and what is set aside already stays
/// so. Methods that only read leave nothing behind.
///
/// # Implementing
/// Do not retry: answer [`WalError::Unknown`] where the outcome is unknown, and let the caller repeat. Do not
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
    /// With `expected`, the batch is appended only if the head is at that position: the last record that the
    /// caller knows.
    ///
    /// # Errors
    /// - [`WalError::Unknown`]: open the log again and repeat the same batch.
    /// - [`WalError::Conflict`]: another record has the id; find out which one is right.
    /// - [`WalError::Moved`]: read on, decide again.
    /// - [`WalError::Fenced`]: stop; the other writer acts now.
    /// - [`WalError::TooLarge`], [`WalError::Empty`]: correct the call.
    /// - [`WalError::Poisoned`], [`WalError::ReadOnly`]: open the log again, for writing.
    /// - [`WalError::Io`]: nothing was appended; repair the store and try again.
    async fn append(&self, records: &[NewRecord], expected: Option<Lsn>) -> Result<Appended, WalError>;

    /// Returns up to `limit` records from position `from` on, in order; an empty list if the log ends before
    /// `from`.
    ///
    /// # Errors
    /// - [`WalError::Corrupt`]: the log is damaged there; restore it from a copy.
    /// - [`WalError::Io`]: try again.
    async fn scan(&self, from: Lsn, limit: usize) -> Result<Vec<StoredRecord>, WalError>;

    /// Returns the position, chain and epoch of the end of the log.
    ///
    /// # Errors
    /// As [`WalStore::scan`].
    async fn head(&self) -> Result<Head, WalError>;

    /// Takes the log over: claims the next epoch, durably, and fences every handle of an earlier one. Returns
    /// the epoch.
    ///
    /// # Errors
    /// - [`WalError::Unknown`]: the epoch may be claimed, and other handles fenced; open the log again and
    ///   call again.
    /// - others as [`WalStore::append`].
    async fn fence(&self) -> Result<u64, WalError>;

    /// Reads the whole log and says whether it holds what was written. Damage is an answer, not an error.
    ///
    /// # Errors
    /// [`WalError::Io`]: the log could not be read; try again.
    async fn verify(&self, depth: Depth) -> Result<VerifyReport, WalError>;

    /// Sets aside the records that lie wholly before `upto`, as far as the store can, and notes `reason` in
    /// the log. Nothing is deleted.
    ///
    /// A store that keeps all its records in one place for ever need not implement this.
    ///
    /// # Errors
    /// - [`WalError::Unsupported`]: the store does not archive, as [`Capabilities::archives`] says; nothing
    ///   need be done.
    /// - [`WalError::TooLarge`]: shorten the reason.
    /// - [`WalError::Unknown`]: the reason may be in the log, and nothing is set aside; open the log again
    ///   and call again.
    /// - [`WalError::Io`]: some records are set aside, and the log reads as before; call again.
    /// - others as [`WalStore::append`].
    async fn retain(&self, upto: Lsn, reason: &RetainReason) -> Result<Retained, WalError> {
        let _ = (upto, reason);
        Err(WalError::Unsupported { what: "archive" })
    }

    /// Returns what this store can do; always the same for one handle.
    fn capabilities(&self) -> Capabilities;
}

const _OBJECT_SAFE: Option<&dyn WalStore> = None;

/// A record that is to be appended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewRecord {
    /// The id of the record, chosen by the caller: the same id is appended at most once.
    pub op_id: [u8; 16],
    /// The type of the payload, a number that the application gives it; the store does not look at it. See
    /// [`OPTIONAL`].
    pub rtype: u16,
    /// The version of the payload's form, a number that the application gives it.
    pub schema: u16,
    /// When it happened, by the caller's clock. The order of the log does not depend on it.
    pub at: Timestamp,
    /// The payload; the store does not interpret it.
    pub payload: Vec<u8>,
}

/// The bit of a record type that allows a reader to pass over a record whose type it does not know.
///
/// A reader that meets an unknown type without this bit must not append to the log.
pub const OPTIONAL: u16 = 0x8000;

/// A record that is in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRecord {
    /// Its position in the log.
    pub lsn: Lsn,
    /// The epoch of the writer that appended it.
    pub epoch: u64,
    /// The hash of the record as a leaf of a Merkle tree (RFC 6962, 2.1), kind `sha256`.
    pub leaf: Digest,
    /// By how many milliseconds the writer's clock was behind the record before; rounded up, at most
    /// `u32::MAX`.
    pub skew_ms: u32,
    /// What was appended, with its time as the log has it.
    pub record: NewRecord,
}

impl StoredRecord {
    /// Makes the record that follows one of the time `last`: with its time clamped and its leaf computed.
    ///
    /// For stores with a form of their own. The leaf is that of the local log's form of a record.
    pub fn place(lsn: Lsn, epoch: u64, last: Option<Timestamp>, mut record: NewRecord) -> Self {
        let (at, skew_ms) = clamp_time(record.at, last);
        record.at = at;
        let mut bytes = Vec::new();
        raw::write(&mut bytes, &record, at, skew_ms);
        let leaf = Digest::from_parts(DigestKind::Bytes, leaf_of(&bytes));
        Self { lsn, epoch, leaf, skew_ms, record }
    }
}

/// What an append answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Position of the first record of the batch.
    pub first: Lsn,
    /// Position of the last record of the batch.
    pub last: Lsn,
    /// Whether the log had the batch already before this call.
    pub already: bool,
}

/// The end of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Head {
    /// Position of the last record; zero if there is none.
    pub lsn: Lsn,
    /// The chain: the hash over everything before.
    pub chain: Digest,
    /// The highest epoch that was claimed.
    pub epoch: u64,
}

/// Why records are set aside, as the log keeps it for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RetainReason {
    /// The policy that allows it: the digest of a policy snapshot, or the policy's name and version.
    pub policy_ref: String,
    /// The principal that asked for it.
    pub requested_by: String,
}

/// The most that the texts of a [`RetainReason`] may hold together, in bytes.
pub const REASON_BYTES_MAX: usize = 2048;

/// What was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Retained {
    /// Number of files or objects that this call has set aside.
    pub segments: u64,
    /// Their bytes in use.
    pub bytes: u64,
    /// The first record that is not set aside, by this call or an earlier one.
    pub first_kept: Lsn,
}

/// What a store can do, as data. The default is the least that a store can do, with the largest limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Capabilities {
    /// Whether records outlive the process.
    pub durable: bool,
    /// Whether several handles may be open for writing, which only a fence shuts out.
    pub many_writers: bool,
    /// Whether [`WalStore::retain`] sets old records aside.
    pub archives: bool,
    /// The largest payload of a record, in bytes.
    pub record_bytes_max: u64,
    /// The largest batch, in bytes: its payloads and [`RECORD_OVERHEAD_BYTES`] for each record, so that very
    /// many small records have a bound too.
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
