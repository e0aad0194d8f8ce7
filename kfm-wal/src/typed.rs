//! Typed records as the store has them: numbers of types, names as ids, canonical JSON as bytes.

use kfm_lineage::{Digest, Lsn, Timestamp};

use crate::error::WalError;
use crate::record::Record;
use crate::store::{NewRecord, OPTIONAL, StoredRecord};

/// The version of the records' form that this version writes.
const SCHEMA: u16 = 1;

/// The type of [`Record::Stage`], which a reader need not know.
const STAGE: u16 = OPTIONAL | 10;

/// The type of [`Record::Snapshot`], which a reader need not know.
const SNAPSHOT: u16 = OPTIONAL | 11;

/// The type of [`Record::PolicyChange`], which a reader need not know.
const POLICY_CHANGE: u16 = OPTIONAL | 13;

impl Record {
    /// The numbers of the types in the log; durable, never used twice.
    fn rtype(&self) -> u16 {
        match self {
            Self::PublishIntent(_) => 1,
            Self::PublishCompletion(_) => 2,
            Self::Operation(_) => 3,
            Self::OperationClosed(_) => 4,
            Self::Journal(_) => 5,
            Self::Plan(_) => 6,
            Self::Approval(_) => 7,
            Self::Refusal(_) => 8,
            Self::Labels(_) => 9,
            Self::PolicyChange(_) => POLICY_CHANGE,
            Self::Stage(_) => STAGE,
            Self::Snapshot(_) => SNAPSHOT,
        }
    }
}

/// What a record in the store is to this version.
pub(crate) enum Read {
    /// A record that it knows.
    Known(Record),
    /// One that it does not know and need not know.
    Optional,
    /// One that it must know before it appends anything, and does not.
    Future,
}

/// Reads a record as the store has it.
///
/// # Errors
/// [`WalError::Malformed`]: it does not read as what it says it is.
pub(crate) fn read(stored: &StoredRecord) -> Result<Read, WalError> {
    let StoredRecord { lsn, record: new, .. } = stored;
    let is_known = (1..=9).contains(&new.rtype) || [STAGE, SNAPSHOT, POLICY_CHANGE].contains(&new.rtype);
    if !is_known || new.schema > SCHEMA {
        return Ok(if new.rtype & OPTIONAL != 0 { Read::Optional } else { Read::Future });
    }
    let record: Record = serde_json::from_slice(&new.payload)
        .map_err(|error| WalError::Malformed { lsn: *lsn, source: Box::new(error) })?;
    if record.rtype() != new.rtype {
        return Err(WalError::Malformed { lsn: *lsn, source: "type and payload differ".into() });
    }
    Ok(Read::Known(record))
}

/// Writes a record as the store takes it.
pub(crate) fn encode(record: &Record, at: Timestamp) -> Result<NewRecord, WalError> {
    // Before the id, which is a digest of the canonical form for some records.
    let payload = kfm_lineage::canonical::canonical_of(record)
        .map_err(|error| WalError::Malformed { lsn: Lsn::ZERO, source: Box::new(error) })?;
    let digest = Digest::of_bytes(record.id().as_bytes());
    let op_id = digest.bytes()[..16].try_into().expect("16 of 32 bytes");
    Ok(NewRecord { op_id, rtype: record.rtype(), schema: SCHEMA, at, payload })
}

/// Puts the record's name where the store had only its id.
pub(crate) fn name(error: WalError, records: &[Record], encoded: &[NewRecord]) -> WalError {
    let named = |id: String| {
        let known = |new: &NewRecord| format!("{:032x}", u128::from_be_bytes(new.op_id)) == id;
        encoded.iter().position(known).map_or(id.clone(), |n| records[n].id())
    };
    match error {
        WalError::Conflict { id, lsn } => WalError::Conflict { id: named(id), lsn },
        WalError::Unknown { id, source } => WalError::Unknown { id: named(id), source },
        WalError::TooLarge { id, bytes, bytes_max } => WalError::TooLarge { id: named(id), bytes, bytes_max },
        other => other,
    }
}
