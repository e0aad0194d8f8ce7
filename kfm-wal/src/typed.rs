//! Typed records in the form of the store: numbers for types, names as ids, canonical JSON as payload.

use kfm_lineage::canonical::canonical_of;
use kfm_lineage::{Digest, Timestamp, hex};

use crate::error::WalError;
use crate::record::{JournalEntry, Record};
use crate::shallow::shallow;
use crate::store::{NewRecord, OPTIONAL, StoredRecord};

/// The versions of the records' forms. Each record is written in the oldest form that can say it, so that an
/// older version of this crate stops only at records that it would misread.
const SCHEMA: u16 = 1;

/// The newest form that this version knows: what grows is in a segment, where the first form had it in the record.
const SCHEMA_SEGMENT: u16 = 2;

/// The types that have two forms: the ends of operations, journals, and entries of the registry.
const TWO_FORMS: [u16; 4] = [2, 4, 5, 9];

/// The type of [`Record::Stage`], which a reader need not know.
const STAGE: u16 = OPTIONAL | 10;

/// The type of [`Record::Snapshot`], which a reader need not know.
const SNAPSHOT: u16 = OPTIONAL | 11;

/// The type of [`Record::PolicyChange`], which a reader need not know.
const POLICY_CHANGE: u16 = OPTIONAL | 13;

/// The type of [`Record::PlanCancelled`]; every reader must know it, or it might execute the plan.
const PLAN_CANCELLED: u16 = 12;

/// The type of [`Record::Parts`], which a reader need not know.
const PARTS: u16 = OPTIONAL | 14;

impl Record {
    /// The numbers of the types in the log: durable, and never given to another type.
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
            Self::PlanCancelled(_) => PLAN_CANCELLED,
            Self::Parts(_) => PARTS,
        }
    }

    /// The oldest form that can say what this record says.
    fn schema(&self) -> u16 {
        let has_segment = match self {
            Self::PublishCompletion(completion) => completion.close.treated_segment.is_some(),
            Self::OperationClosed(closed) => closed.close.treated_segment.is_some(),
            Self::Journal(journal) => matches!(journal.entry, JournalEntry::Treated { .. }),
            Self::Labels(labels) => labels.segment.is_some(),
            _ => false,
        };
        if has_segment { SCHEMA_SEGMENT } else { SCHEMA }
    }
}

/// A record of the store, as far as this version understands it.
#[allow(clippy::large_enum_variant, reason = "one at a time, and taken apart at once")]
pub(crate) enum Read {
    /// A record of a known type.
    Known(Box<Record>),
    /// A record of an unknown type that need not be known.
    Optional,
    /// A record of an unknown type that must be known before anything is appended.
    Future,
}

/// Reads a record as the store has it.
///
/// # Errors
/// [`WalError::Malformed`]: the record cannot be read as its type.
pub(crate) fn read(stored: &StoredRecord) -> Result<Read, WalError> {
    let StoredRecord { lsn, record: new, .. } = stored;
    let is_known = (1..=9).contains(&new.rtype)
        || [STAGE, SNAPSHOT, POLICY_CHANGE, PLAN_CANCELLED, PARTS].contains(&new.rtype);
    let newest = if TWO_FORMS.contains(&new.rtype) { SCHEMA_SEGMENT } else { SCHEMA };
    if !is_known || new.schema > newest {
        return Ok(if new.rtype & OPTIONAL != 0 { Read::Optional } else { Read::Future });
    }
    let record =
        parse(&new.payload).map_err(|error| WalError::Malformed { lsn: *lsn, source: Box::new(error) })?;
    if record.rtype() != new.rtype {
        return Err(WalError::Malformed { lsn: *lsn, source: "type and payload differ".into() });
    }
    Ok(Read::Known(Box::new(record)))
}

/// Reads a payload. Of one that nests too deep, as older versions could write, it reads what does not.
fn parse(payload: &[u8]) -> serde_json::Result<Record> {
    serde_json::from_slice(payload).or_else(|error| match shallow(payload) {
        Some(cut) => serde_json::from_slice(&cut),
        None => Err(error),
    })
}

/// Writes a record in the form of the store, and reads it again: what is appended is what a reader will see.
///
/// Returns the record as it was read, too: the canonical form may say the same in another way (`30.0` is
/// `30`).
///
/// # Errors
/// [`WalError::Unreadable`]: the record has no canonical form, or could not be read again.
pub(crate) fn encode(record: Record, at: Timestamp) -> Result<(Record, NewRecord), WalError> {
    let unreadable = |source| WalError::Unreadable { kind: record.kind(), source };
    // Comes before the id, because the id of some records is the digest of this form.
    let payload = canonical_of(&record).map_err(|error| unreadable(Box::new(error)))?;
    let read: Record = serde_json::from_slice(&payload).map_err(|error| unreadable(Box::new(error)))?;
    let same = canonical_of(&read).is_ok_and(|again| again == payload);
    if !same || read.rtype() != record.rtype() {
        return Err(unreadable("it reads as something else".into()));
    }
    let digest = Digest::of_bytes(read.id().as_bytes());
    let mut op_id = [0; 16];
    op_id.copy_from_slice(&digest.bytes()[..16]);
    let new = NewRecord { op_id, rtype: read.rtype(), schema: read.schema(), at, payload };
    Ok((read, new))
}

/// Puts the record's name into an error in which the store has only its id.
pub(crate) fn name(error: WalError, records: &[Record], encoded: &[NewRecord]) -> WalError {
    let named = |id: String| {
        let known = |new: &NewRecord| hex::encode(new.op_id) == id;
        encoded.iter().position(known).map_or(id.clone(), |n| records[n].id())
    };
    match error {
        WalError::Conflict { id, lsn } => WalError::Conflict { id: named(id), lsn },
        WalError::Unknown { id, source } => WalError::Unknown { id: named(id), source },
        WalError::TooLarge { id, bytes, bytes_max } => WalError::TooLarge { id: named(id), bytes, bytes_max },
        other => other,
    }
}
