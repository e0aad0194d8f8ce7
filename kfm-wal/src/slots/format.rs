//! Slot 0: the identity of the log, and the versions that may read it or append to it.
//!
//! It holds a frame of the kind that opens a segment; the body is JSON, so that people can read it.

use bytes::Bytes;
use kfm_lineage::{Lsn, Timestamp, hex};
use serde::{Deserialize, Serialize};

use crate::error::WalError;
use crate::frame::{self, Fault, Kind};
use crate::position::Position;
use crate::store::{BATCH_BYTES_MAX, BadPlace, Damage, RECORD_BYTES_MAX};

/// The slot that holds the format.
pub(crate) const FORMAT_SLOT: u64 = 0;

/// The version of the log's format that this crate reads and writes.
const VERSION: u32 = 1;

/// What a log says about itself, written once when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Format {
    /// A line for people: what this is.
    format: String,
    /// The oldest format version that may read the log.
    reader: u32,
    /// The oldest format version that may append to it.
    writer: u32,
    /// The log's name, which no other log has; 32 hexadecimal digits.
    log_id: String,
    /// When the log was made, by its maker's clock.
    made_at: Timestamp,
    /// The largest payload of a record, in bytes.
    pub(crate) record_bytes_max: u64,
    /// The largest batch, in bytes, as [`crate::Capabilities`] counts them.
    pub(crate) batch_bytes_max: u64,
    /// How many races the store stood before the log was made in it.
    pub(crate) proofs: u32,
}

impl Format {
    pub(crate) fn new(log_id: [u8; 16], made_at: Timestamp, proofs: u32) -> Self {
        Self {
            format: "kfm-wal on slots".to_owned(),
            reader: VERSION,
            writer: VERSION,
            log_id: hex::encode(log_id),
            made_at,
            record_bytes_max: RECORD_BYTES_MAX as u64,
            batch_bytes_max: BATCH_BYTES_MAX as u64,
            proofs,
        }
    }

    pub(crate) fn log_id(&self) -> Option<[u8; 16]> {
        hex::decode(&self.log_id)
    }

    pub(crate) fn encode(&self, nonce: [u8; 16]) -> Bytes {
        let log_id = self.log_id().expect("made from 16 bytes, or read and checked");
        let body = serde_json::to_vec(self).expect("strings and numbers have a form in JSON");
        let header = Position::origin(&log_id).header(Kind::Segment, 0, nonce);
        frame::encode(&header, &body, &[]).0.into()
    }

    /// Reads slot 0; `writes` says whether the caller means to append.
    pub(crate) fn decode(bytes: &[u8], writes: bool) -> Result<Self, Damage> {
        let frame = frame::decode(bytes).map_err(damage_of)?;
        if frame.bytes != bytes.len() || frame.header.kind != Kind::Segment {
            return Err(Damage::Malformed);
        }
        let body: serde_json::Value = serde_json::from_slice(frame.body).map_err(|_| Damage::Malformed)?;
        let oldest = |key: &str| body.get(key).and_then(serde_json::Value::as_u64).ok_or(Damage::Malformed);
        let (reader, writer) = (oldest("reader")?, oldest("writer")?);
        if reader > u64::from(VERSION) || (writes && writer > u64::from(VERSION)) {
            return Err(Damage::FutureFormat);
        }
        let format: Self = serde_json::from_value(body).map_err(|_| Damage::Malformed)?;
        let log_id = format.log_id().ok_or(Damage::Malformed)?;
        let sane = format.record_bytes_max <= RECORD_BYTES_MAX as u64
            && format.batch_bytes_max <= BATCH_BYTES_MAX as u64
            && frame.header.log == Position::origin(&log_id).log;
        if sane { Ok(format) } else { Err(Damage::Malformed) }
    }
}

/// Returns the damage of a slot that holds no frame.
pub(crate) fn damage_of(fault: Fault) -> Damage {
    match fault {
        Fault::Blank | Fault::Broken => Damage::BitRot,
        Fault::Short { .. } => Damage::Truncated,
        Fault::Future => Damage::FutureFormat,
    }
}

/// Makes the error of a log whose slot 0 is damaged.
pub(crate) fn unreadable(segment: String, class: Damage) -> WalError {
    BadPlace { segment, offset: 0, lsn: Lsn(1), class }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format() -> Format {
        Format::new([7; 16], Timestamp::UNIX_EPOCH, 3)
    }

    #[test]
    fn what_a_log_says_of_itself_reads_back() {
        let bytes = format().encode([1; 16]);
        let read = Format::decode(&bytes, true).unwrap();
        assert_eq!((read.log_id(), read), (Some([7; 16]), format()));
    }

    #[test]
    fn a_log_for_newer_writers_opens_for_reading_only() {
        let bytes = Format { writer: 2, ..format() }.encode([1; 16]);
        assert!(Format::decode(&bytes, false).is_ok());
        assert_eq!(Format::decode(&bytes, true), Err(Damage::FutureFormat));
        let bytes = Format { reader: 2, ..format() }.encode([1; 16]);
        assert_eq!(Format::decode(&bytes, false), Err(Damage::FutureFormat));
    }

    #[test]
    fn a_cut_or_flipped_or_lengthened_slot_0_is_damage() {
        let bytes = format().encode([1; 16]).to_vec();
        assert_eq!(Format::decode(&bytes[..bytes.len() - 8], false), Err(Damage::Truncated));
        let mut flipped = bytes.clone();
        flipped[150] ^= 1;
        assert_eq!(Format::decode(&flipped, false), Err(Damage::BitRot));
        let longer = [bytes, vec![0; 8]].concat();
        assert_eq!(Format::decode(&longer, false), Err(Damage::Malformed));
    }
}
