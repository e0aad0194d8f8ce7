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
use crate::frame::leaf_of;
use crate::raw::{self, RECORD_HEADER_BYTES};

/// The most that one record's payload may hold; what grows goes into a segment of the version store (R21).
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// What a record takes in a batch beside its payload.
pub const RECORD_OVERHEAD_BYTES: usize = RECORD_HEADER_BYTES;

/// The most that the records of one batch may take together, each with [`RECORD_OVERHEAD_BYTES`].
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
/// - **Limits**: a payload above [`Capabilities::record_bytes_max`], or a batch above
///   [`Capabilities::batch_bytes_max`], is [`WalError::TooLarge`], and nothing is appended.
/// - **Archived is not gone**: after [`WalStore::retain`] the log reads, verifies and recognises repeats as
///   before, what was archived included.
///
/// # Cancel safety
/// A dropped `append` has appended the whole batch or nothing; repeating it under the same ids finds out
/// which. A dropped `fence` or `retain` has written all that it writes down or nothing, and may be called again:
/// epochs only grow, and what is set aside already stays so. Methods that read leave nothing behind.
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
    /// - [`WalError::Unknown`]: the epoch may be claimed, and others shut out; call again, on a handle that was opened
    ///   anew.
    /// - others as [`WalStore::append`].
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
    /// - [`WalError::Unknown`]: why may be written down, and nothing is set aside; call again, on a handle that was
    ///   opened anew.
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
    /// The largest batch: the sum of its payloads, and of [`RECORD_OVERHEAD_BYTES`] for each record, so that very
    /// many small ones have a bound too.
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
