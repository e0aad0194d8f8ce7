//! raft-engine 0.4: a write queue with a leader, all in one file; checksums of headers and entries.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use protobuf::well_known_types::BytesValue;
use raft_engine::{Config, Engine, LogBatch, MessageExt};

use super::{Log, Replay};
use crate::wal::round::{Round, on_threads};

/// The largest number of appenders in a turn; each writes the log of its own raft group.
const GROUPS: usize = 64;

/// raft-engine with its defaults; every batch is synced.
pub struct RaftEngine {
    engine: Engine,
    next: [AtomicU64; GROUPS],
}

/// Entries of bytes that begin with their index.
#[derive(Clone)]
struct Entries;

impl MessageExt for Entries {
    type Entry = BytesValue;

    fn index(entry: &BytesValue) -> u64 {
        u64::from_le_bytes(entry.value[..8].try_into().expect("8 bytes"))
    }
}

fn open(dir: &Path) -> Engine {
    let dir = dir.to_str().expect("a path of text").to_owned();
    Engine::open(Config { dir, ..Config::default() }).expect("a log")
}

fn append(engine: &Engine, group: u64, indexes: impl Iterator<Item = u64>) {
    let entry = |n| BytesValue { value: crate::wal::record(n), ..BytesValue::default() };
    let mut batch = LogBatch::default();
    batch.add_entries::<Entries>(group, &indexes.map(entry).collect::<Vec<_>>()).expect("a batch");
    engine.write(&mut batch, true).expect("a write");
}

impl RaftEngine {
    /// Makes an empty log.
    pub fn create(dir: &Path) -> Self {
        Self { engine: open(dir), next: [const { AtomicU64::new(1) }; GROUPS] }
    }
}

impl Log for RaftEngine {
    fn name(&self) -> &'static str {
        "raft-engine"
    }

    fn round(&self, appenders: usize, time: Duration) -> Round {
        on_threads(appenders, time, |appender| {
            let n = self.next[appender].fetch_add(1, Ordering::Relaxed);
            append(&self.engine, 1 + appender as u64, std::iter::once(n));
        })
    }
}

impl Replay for RaftEngine {
    const NAME: &'static str = "raft-engine";
    const CHECKS: &'static str = "CRC32 as entries are read";

    fn fill(dir: &Path, records: u64, group: u64) {
        let engine = open(dir);
        for first in (1..=records).step_by(usize::try_from(group).expect("small")) {
            append(&engine, 1, first..(first + group).min(records + 1));
        }
    }

    fn replay(dir: &Path, take: &mut dyn FnMut(&[u8])) -> u64 {
        let engine = open(dir);
        let (first, last) = (engine.first_index(1).expect("entries"), engine.last_index(1).expect("entries"));
        for from in (first..=last).step_by(4096) {
            let mut entries = Vec::new();
            let to = (from + 4096).min(last + 1);
            engine.fetch_entries_to::<Entries>(1, from, to, None, &mut entries).expect("entries");
            entries.iter().for_each(|entry| take(&entry.value));
        }
        last + 1 - first
    }
}
