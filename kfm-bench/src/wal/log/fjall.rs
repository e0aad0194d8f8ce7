//! fjall 3: a key-value store on a journal; each batch in the journal has a checksum.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::{Log, Replay};
use crate::wal::round::{Round, on_threads};

/// fjall with every write synced.
pub struct Fjall {
    database: Database,
    records: Keyspace,
    next: AtomicU64,
}

impl Fjall {
    /// Makes or opens a log.
    pub fn open(dir: &Path) -> Self {
        let database = Database::builder(dir).open().expect("a database");
        let records = database.keyspace("records", KeyspaceCreateOptions::default).expect("a keyspace");
        Self { database, records, next: AtomicU64::new(0) }
    }

    fn append(&self, group: u64) {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        let first = self.next.fetch_add(group, Ordering::Relaxed);
        for n in first..first + group {
            batch.insert(&self.records, n.to_be_bytes(), crate::wal::record(n));
        }
        batch.commit().expect("a commit");
    }
}

impl Log for Fjall {
    fn name(&self) -> &'static str {
        "fjall"
    }

    fn round(&self, appenders: usize, time: Duration) -> Round {
        on_threads(appenders, time, |_| self.append(1))
    }
}

impl Replay for Fjall {
    const NAME: &'static str = "fjall";
    const CHECKS: &'static str = "XXH3 of journal and tables";

    fn fill(dir: &Path, records: u64, group: u64) {
        let fjall = Self::open(dir);
        (0..records / group).for_each(|_| fjall.append(group));
    }

    fn replay(dir: &Path, take: &mut dyn FnMut(&[u8])) -> u64 {
        let fjall = Self::open(dir);
        let mut records = 0;
        for entry in fjall.records.iter() {
            take(&entry.value().expect("a value"));
            records += 1;
        }
        records
    }
}
