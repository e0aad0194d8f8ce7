//! The logs, each behind the same two questions: append for a while, and read a million records back.

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
    /// What it is called in the answer.
    fn name(&self) -> &'static str;

    /// Lets so many appenders append for `time`, each waiting for one record before it brings the next.
    fn round(&self, appenders: usize, time: Duration) -> Round;
}

/// A log that can be filled and read back.
pub trait Replay {
    /// What it is called in the answer.
    const NAME: &'static str;

    /// What it checks on the way.
    const CHECKS: &'static str;

    /// Fills a new log with `records`, in groups of `group`.
    fn fill(dir: &Path, records: u64, group: u64);

    /// Opens the log as after a restart, hands every record to `take`, and returns how many there were.
    fn replay(dir: &Path, take: &mut dyn FnMut(&[u8])) -> u64;
}
