//! `kfm-wal` beside okaywal, raft-engine, fjall, redb, SQLite and what the disk itself can do.
//!
//! Records of [`RECORD_BYTES`] bytes. Every log syncs before it answers. The logs take turns in short rounds, so
//! that what else the machine does befalls all of them alike, and each number is the median of its rounds. Take
//! them in a real-time class, `chrt -r 1 kfm-bench wal`, where the processors are shared. The logs lie below the
//! folder for temporary files (`TMPDIR`): a disk of which `fdatasync` is honest.

mod appends;
mod honesty;
mod log;
mod replay;
mod round;

pub use honesty::{answer as honesty, read_back};

use crate::report::Row;

/// Length of a record.
const RECORD_BYTES: usize = 400;

/// Asks all questions, or one of them; none if there is no such question.
pub fn answers(question: Option<&str>) -> Option<Vec<Row>> {
    match question {
        None => Some([appends::answer(), replay::answer()].concat()),
        Some("appends") => Some(appends::answer()),
        Some("replay") => Some(replay::answer()),
        Some(_) => None,
    }
}

/// Returns the payload of record `n`.
fn record(n: u64) -> Vec<u8> {
    let mut record = vec![0x5a; RECORD_BYTES];
    record[..8].copy_from_slice(&n.to_le_bytes());
    record
}
