//! SQLite through rusqlite: `journal_mode=WAL`, `synchronous=FULL`, one connection a thread.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use rusqlite::Connection;

use super::{Log, Replay};
use crate::wal::round::{Round, on_threads};

/// How long a connection waits for the transaction of another one.
const BUSY: Duration = Duration::from_secs(60);

/// SQLite with every commit synced.
pub struct Sqlite {
    path: PathBuf,
    connections: Mutex<Vec<Connection>>,
}

fn open(dir: &Path) -> Connection {
    std::fs::create_dir_all(dir).expect("a folder");
    connect(&dir.join("log.sqlite"))
}

fn connect(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("a connection");
    connection.busy_timeout(BUSY).expect("a timeout");
    connection
        .execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
             CREATE TABLE IF NOT EXISTS records (lsn INTEGER PRIMARY KEY, payload BLOB NOT NULL);",
        )
        .expect("a table");
    connection
}

fn append(connection: &mut Connection, records: impl Iterator<Item = Vec<u8>>) {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate);
    let transaction = transaction.expect("a transaction");
    {
        let insert = "INSERT INTO records (payload) VALUES (?1)";
        let mut insert = transaction.prepare_cached(insert).expect("a statement");
        records.for_each(|record| assert_eq!(insert.execute([record]).expect("an insert"), 1));
    }
    transaction.commit().expect("a commit");
}

impl Sqlite {
    /// Makes an empty log.
    pub fn create(dir: &Path) -> Self {
        Self { path: dir.join("log.sqlite"), connections: Mutex::new(vec![open(dir)]) }
    }

    fn connections(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.connections.lock().expect("no panic")
    }
}

impl Log for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn round(&self, appenders: usize, time: Duration) -> Round {
        let have = self.connections().len();
        let new: Vec<_> = (have..appenders).map(|_| connect(&self.path)).collect();
        self.connections().extend(new);
        let mine: Vec<Mutex<Option<Connection>>> = {
            let mut connections = self.connections();
            (0..appenders).map(|_| Mutex::new(connections.pop())).collect()
        };
        let round = on_threads(appenders, time, |appender| {
            let mut connection = mine[appender].lock().expect("no panic");
            append(connection.as_mut().expect("a connection"), std::iter::once(crate::wal::record(0)));
        });
        let back = mine.into_iter().filter_map(|connection| connection.into_inner().expect("no panic"));
        self.connections().extend(back);
        round
    }
}

impl Replay for Sqlite {
    const NAME: &'static str = "sqlite";
    const CHECKS: &'static str = "nothing";

    fn fill(dir: &Path, records: u64, group: u64) {
        let mut connection = open(dir);
        for first in (0..records).step_by(usize::try_from(group).expect("small")) {
            append(&mut connection, (first..records.min(first + group)).map(crate::wal::record));
        }
    }

    fn replay(dir: &Path, take: &mut dyn FnMut(&[u8])) -> u64 {
        let connection = open(dir);
        let mut select = connection.prepare("SELECT payload FROM records ORDER BY lsn").expect("a statement");
        let mut rows = select.query([]).expect("rows");
        let mut records = 0;
        while let Some(row) = rows.next().expect("a row") {
            take(row.get_ref(0).expect("a column").as_blob().expect("a blob"));
            records += 1;
        }
        records
    }
}
