//! The logs, each with the same two methods: append for a while, and read a million records back.

mod fjall;
mod kfm;
mod okaywal;
mod raft_engine;
mod raw;
mod redb;
mod sqlite;

use std::path::Path;
use std::time::Duration;

pub use self::fjall::Fjall;
pub use self::kfm::{KfmTasks, KfmThreads};
pub use self::okaywal::Okaywal;
pub use self::raft_engine::RaftEngine;
pub use self::raw::Raw;
pub use self::redb::Redb;
pub use self::sqlite::Sqlite;

use super::round::Round;

/// A log that can be appended to.
pub trait Log {
    /// Returns the name of the log in the answer.
    fn name(&self) -> &'static str;

    /// Lets `appenders` appenders append for `time`; each waits for one record before it appends the next.
    fn round(&self, appenders: usize, time: Duration) -> Round;
}

/// A log that can be filled and read back.
pub trait Replay {
    /// The name of the log in the answer.
    const NAME: &'static str;

    /// What the log checks while it reads.
    const CHECKS: &'static str;

    /// Fills a new log with `records` records, in groups of `group`.
    fn fill(dir: &Path, records: u64, group: u64);

    /// Opens the log as after a restart, hands each record to `take`, and returns how many there were.
    fn replay(dir: &Path, take: &mut dyn FnMut(&[u8])) -> u64;
}
