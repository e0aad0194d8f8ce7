//! What every store asks of a batch before it takes it: is it within the limits, is it new, at what time.

use std::collections::HashSet;

use kfm_lineage::{Lsn, Timestamp, hex};

use super::{Appended, Capabilities, NewRecord, RECORD_OVERHEAD_BYTES, StoredRecord};
use crate::error::WalError;

/// Refuses a batch that no store may take: an empty one, or one above the limits.
///
/// The batch is measured with all that it takes in a log, not with its payloads alone: a frame longer than
/// any reader accepts would end the log there for ever.
///
/// # Errors
/// - [`WalError::Empty`]: there is no record.
/// - [`WalError::TooLarge`]: the named record is too large, or the batch that begins with it.
pub fn check_limits(records: &[NewRecord], limits: &Capabilities) -> Result<(), WalError> {
    let first = records.first().ok_or(WalError::Empty)?;
    let too_large = |record: &NewRecord, bytes: u64, bytes_max: u64| WalError::TooLarge {
        id: hex::encode(record.op_id),
        bytes,
        bytes_max,
    };
    let mut batch_bytes = 0;
    for record in records {
        let bytes = record.payload.len() as u64;
        if bytes > limits.record_bytes_max {
            return Err(too_large(record, bytes, limits.record_bytes_max));
        }
        batch_bytes += RECORD_OVERHEAD_BYTES as u64 + bytes;
    }
    if batch_bytes > limits.batch_bytes_max {
        return Err(too_large(first, batch_bytes, limits.batch_bytes_max));
    }
    Ok(())
}

/// Says whether a batch repeats what is in the log: its old positions, or `None` if all of it is new.
///
/// `find` returns the record of an id in the log. For stores that have no faster way.
///
/// # Errors
/// [`WalError::Conflict`]: an id has other content or is in the batch twice, or only a part of the batch is
/// in the log.
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
            let id = hex::encode(record.op_id);
            return Err(WalError::Conflict { id, lsn: place.or(first).unwrap_or(Lsn::ZERO) });
        }
    }
    let last = |first: Lsn| Lsn(first.0 + records.len() as u64 - 1);
    Ok(first.map(|first| Appended { first, last: last(first), already: true }))
}

/// Returns the time that the log takes for a record, and by how many milliseconds that is later than the
/// writer's time: rounded up, at most `u32::MAX` (R20).
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
    fn a_batch_is_measured_by_what_it_takes_in_a_log() {
        let at = Timestamp::UNIX_EPOCH;
        let record = NewRecord { op_id: [1; 16], rtype: 1, schema: 1, at, payload: vec![0; 10] };
        let batch = vec![record; 4];
        let limits = |batch_bytes_max| Capabilities { batch_bytes_max, ..Capabilities::default() };
        check_limits(&batch, &limits(200)).unwrap();
        let refused = check_limits(&batch, &limits(199)).unwrap_err();
        assert!(matches!(refused, WalError::TooLarge { bytes: 200, bytes_max: 199, .. }), "{refused}");
    }

    #[test]
    fn a_clock_that_went_back_is_clamped_and_the_skew_rounded_up() {
        let (late, early) = (Timestamp::new(10, 0).unwrap(), Timestamp::new(8, 999_999_999).unwrap());
        assert_eq!(clamp_time(early, Some(late)), (late, 1001));
        assert_eq!(clamp_time(late, Some(early)), (late, 0));
        assert_eq!(clamp_time(Timestamp::MIN, Some(Timestamp::MAX)).1, u32::MAX);
    }
}
