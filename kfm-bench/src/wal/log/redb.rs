//! redb 4: a copy-on-write B-tree, one writer, every commit synced.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::{Log, Replay};
use crate::wal::round::{Round, on_threads};

const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");

/// redb with its defaults: `Durability::Immediate`.
pub struct Redb {
    database: Database,
    next: AtomicU64,
}

impl Redb {
    /// Makes or opens a log.
    pub fn open(dir: &Path) -> Self {
        std::fs::create_dir_all(dir).expect("a folder");
        Self {
            database: Database::create(dir.join("log.redb")).expect("a database"),
            next: AtomicU64::new(0),
        }
    }

    fn append(&self, group: u64) {
        let write = self.database.begin_write().expect("a transaction");
        {
            let mut table = write.open_table(RECORDS).expect("a table");
            let first = self.next.fetch_add(group, Ordering::Relaxed);
            for n in first..first + group {
                table.insert(n, crate::wal::record(n).as_slice()).expect("an insert");
            }
        }
        write.commit().expect("a commit");
    }
}

impl Log for Redb {
    fn name(&self) -> &'static str {
        "redb"
    }

    fn round(&self, appenders: usize, time: Duration) -> Round {
        on_threads(appenders, time, |_| self.append(1))
    }
}

impl Replay for Redb {
    const NAME: &'static str = "redb";
    const CHECKS: &'static str = "nothing after a clean end";

    fn fill(dir: &Path, records: u64, group: u64) {
        let redb = Self::open(dir);
        (0..records / group).for_each(|_| redb.append(group));
    }

    fn replay(dir: &Path, take: &mut dyn FnMut(&[u8])) -> u64 {
        let redb = Self::open(dir);
        let read = redb.database.begin_read().expect("a transaction");
        let table = read.open_table(RECORDS).expect("a table");
        let mut records = 0;
        for entry in table.iter().expect("entries") {
            take(entry.expect("an entry").1.value());
            records += 1;
        }
        records
    }
}
