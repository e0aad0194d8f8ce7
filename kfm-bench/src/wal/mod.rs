//! `kfm-wal` beside okaywal, raft-engine, fjall, redb, SQLite, and the disk itself.
//!
//! The records have [`RECORD_BYTES`] bytes. Every log syncs before it answers. The logs take turns in short
//! rounds, so that other work of the machine hits all of them in the same way; each number is the median of
//! its rounds. Where the processors are shared, run it in a real-time class: `chrt -r 1 kfm-bench wal`. The
//! logs are below the folder for temporary files (`TMPDIR`): choose a disk with an honest `fdatasync`.

mod appends;
mod honesty;
mod log;
mod replay;
mod round;

pub use honesty::{answer as honesty, read_back};

use crate::report::Row;

/// The length of a record, in bytes.
const RECORD_BYTES: usize = 400;

/// Answers all questions, or one of them; `None` if there is no such question.
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
