//! The durable form of one record within a frame, format v1.
//!
//! `payload length u32 | rtype u16 | schema u16 | id 16 bytes | seconds i64 | nanoseconds i32 | skew in
//! milliseconds u32 | payload`, little-endian, without padding. The time counts from 1970, as the log has it.

use kfm_lineage::{Digest, DigestKind, Lsn, Timestamp};

use crate::frame::{leaf_of, u32_at, u64_at};
use crate::store::{NewRecord, RECORD_BYTES_MAX, StoredRecord};

/// Bytes before the payload.
pub(crate) const RECORD_HEADER_BYTES: usize = 40;

/// A record as it lies in a frame's body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawRecord<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) op_id: [u8; 16],
    pub(crate) at: Timestamp,
}

impl<'a> RawRecord<'a> {
    /// Takes the next record from the front of a body; `None` if it cannot be read.
    fn take(body: &mut &'a [u8]) -> Option<Self> {
        let header = body.get(..RECORD_HEADER_BYTES)?;
        let payload_bytes = u32_at(header, 0) as usize;
        if payload_bytes > RECORD_BYTES_MAX {
            return None;
        }
        let (bytes, rest) = body.split_at_checked(RECORD_HEADER_BYTES + payload_bytes)?;
        *body = rest;
        let (seconds, nanoseconds) = (u64_at(bytes, 24) as i64, u32_at(bytes, 32) as i32);
        // Each time has only one form: otherwise one record could have two leaves.
        let at = Timestamp::new(seconds, nanoseconds)
            .ok()
            .filter(|at| (at.as_second(), at.subsec_nanosecond()) == (seconds, nanoseconds))?;
        Some(Self { bytes, op_id: bytes[8..24].try_into().expect("16 bytes"), at })
    }

    pub(crate) fn leaf(&self) -> [u8; 32] {
        leaf_of(self.bytes)
    }

    pub(crate) fn rtype(&self) -> u16 {
        u16::from_le_bytes([self.bytes[4], self.bytes[5]])
    }

    pub(crate) fn schema(&self) -> u16 {
        u16::from_le_bytes([self.bytes[6], self.bytes[7]])
    }

    pub(crate) fn payload(&self) -> &'a [u8] {
        &self.bytes[RECORD_HEADER_BYTES..]
    }

    /// Returns the record with its position in the log.
    pub(crate) fn stored(&self, lsn: Lsn, epoch: u64) -> StoredRecord {
        StoredRecord {
            lsn,
            epoch,
            leaf: Digest::from_parts(DigestKind::Bytes, self.leaf()),
            skew_ms: u32_at(self.bytes, 36),
            record: NewRecord {
                op_id: self.op_id,
                rtype: self.rtype(),
                schema: self.schema(),
                at: self.at,
                payload: self.payload().to_vec(),
            },
        }
    }
}

/// Splits a frame's body into its `count` records; `None` if it cannot be read.
pub(crate) fn raw_records(mut body: &[u8], count: u32) -> Option<Vec<RawRecord<'_>>> {
    // No memory is reserved for a count that the body cannot hold.
    let mut records = Vec::with_capacity((count as usize).min(body.len() / RECORD_HEADER_BYTES));
    for _ in 0..count {
        records.push(RawRecord::take(&mut body)?);
    }
    body.is_empty().then_some(records)
}

/// Appends a record to a frame's body.
pub(crate) fn write(body: &mut Vec<u8>, record: &NewRecord, at: Timestamp, skew_ms: u32) {
    let payload_bytes = u32::try_from(record.payload.len()).expect("a record is at most 1 MiB");
    body.extend_from_slice(&payload_bytes.to_le_bytes());
    body.extend_from_slice(&record.rtype.to_le_bytes());
    body.extend_from_slice(&record.schema.to_le_bytes());
    body.extend_from_slice(&record.op_id);
    body.extend_from_slice(&at.as_second().to_le_bytes());
    body.extend_from_slice(&at.subsec_nanosecond().to_le_bytes());
    body.extend_from_slice(&skew_ms.to_le_bytes());
    body.extend_from_slice(&record.payload);
}

/// Changes the time of a record that was written into a body.
pub(crate) fn set_time(record: &mut [u8], at: Timestamp, skew_ms: u32) {
    record[24..32].copy_from_slice(&at.as_second().to_le_bytes());
    record[32..36].copy_from_slice(&at.subsec_nanosecond().to_le_bytes());
    record[36..40].copy_from_slice(&skew_ms.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_to_the_nanosecond() {
        for at in
            [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::new(1, 999_999_999).unwrap(), Timestamp::MAX]
        {
            let record = NewRecord { op_id: [1; 16], rtype: 2, schema: 3, at, payload: b"payload".to_vec() };
            let mut body = Vec::new();
            write(&mut body, &record, at, 4);
            let stored = raw_records(&body, 1).unwrap()[0].stored(Lsn(5), 6);
            assert_eq!((stored.record, stored.skew_ms), (record, 4));
        }
    }

    #[test]
    fn a_time_in_another_form_does_not_read() {
        let at = Timestamp::new(9, 999_999_999).unwrap();
        let record = NewRecord { op_id: [1; 16], rtype: 2, schema: 3, at, payload: Vec::new() };
        let mut body = Vec::new();
        write(&mut body, &record, at, 0);
        body[24..36].copy_from_slice(&[&10_i64.to_le_bytes()[..], &(-1_i32).to_le_bytes()[..]].concat());
        assert_eq!(Timestamp::new(10, -1).unwrap(), at);
        assert!(raw_records(&body, 1).is_none());
    }

    #[test]
    fn a_body_with_bytes_left_over_does_not_read() {
        let at = Timestamp::UNIX_EPOCH;
        let record = NewRecord { op_id: [1; 16], rtype: 2, schema: 3, at, payload: Vec::new() };
        let mut body = Vec::new();
        write(&mut body, &record, at, 0);
        assert!(raw_records(&body, 1).is_some());
        assert!(raw_records(&body, 2).is_none());
        body.push(0);
        assert!(raw_records(&body, 1).is_none());
    }
}
