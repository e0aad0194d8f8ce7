//! Reading a whole log once, from its first record to its last, verified on the way.

use std::path::Path;

use kfm_lineage::{Lsn, Timestamp};

use super::disk::{Disk, RealDisk};
use super::load::{self, Ending};
use super::verify;
use crate::error::WalError;
use crate::raw::RawRecord;
use crate::store::{Depth, StoredRecord, VerifyReport};

/// A record that is being replayed, as it lies in the log.
#[derive(Debug, Clone, Copy)]
pub struct Replayed<'a> {
    /// Its position in the log.
    pub lsn: Lsn,
    /// The epoch of the writer that appended it.
    pub epoch: u64,
    /// Its id: the same id is in the log at most once.
    pub op_id: [u8; 16],
    /// The type of the payload, as [`NewRecord::rtype`](crate::NewRecord::rtype).
    pub rtype: u16,
    /// The version of the payload's form.
    pub schema: u16,
    /// The time of the record, as the log has it.
    pub at: Timestamp,
    /// The payload of the record.
    pub payload: &'a [u8],
    raw: RawRecord<'a>,
}

impl<'a> Replayed<'a> {
    pub(crate) fn of(record: &RawRecord<'a>, lsn: Lsn, epoch: u64) -> Self {
        let (rtype, schema, payload) = (record.rtype(), record.schema(), record.payload());
        Self { lsn, epoch, op_id: record.op_id, rtype, schema, at: record.at, payload, raw: *record }
    }

    /// Returns the record as a scan would, with its leaf and with a copy of its bytes.
    pub fn stored(&self) -> StoredRecord {
        self.raw.stored(self.lsn, self.epoch)
    }
}

/// Hands each record to `take`, in order and once, and says whether the log is whole.
///
/// A record is handed over when the checksums and the chain up to it hold, and when the log says that it is
/// durable. Of a damaged log the caller gets all records before the damage; of a log that goes on in a newer
/// format, all before that. This is the fastest way to read a whole log: one pass, no copies, hashed on
/// several processors.
///
/// # Errors
/// [`WalError::Io`]: the folder could not be read; the records that were handed over are true all the same.
pub fn replay(dir: impl AsRef<Path>, mut take: impl FnMut(Replayed<'_>)) -> Result<VerifyReport, WalError> {
    replay_on(&RealDisk, dir.as_ref(), &mut take)
}

/// As [`replay`], on a file system that the caller gives.
///
/// # Errors
/// As [`replay`].
pub fn replay_on(
    disk: &dyn Disk,
    dir: &Path,
    take: &mut dyn FnMut(Replayed<'_>),
) -> Result<VerifyReport, WalError> {
    let loaded = load::load_with(disk, dir, Depth::Chain, take)?;
    if loaded.ending == Ending::Clean {
        return verify::report(disk, dir, Depth::Chain, loaded, None);
    }
    // What was read beside a writer may look unfinished: reading once more decides.
    verify::verify_on(disk, dir, Depth::Chain)
}
