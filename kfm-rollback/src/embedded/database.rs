//! The file of an embedded store: a SQLite database, opened anew for each call (ADR 0024).

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

/// Name of the database in a store's folder; a rollback journal lies beside it while a change is made.
pub(super) const FILE: &str = "cells.sqlite3";

/// What says that a database is a store of the toolkit: `application_id` of its header, the letters `kfmc`.
const APPLICATION: i32 = 0x6b66_6d63;

/// The form of the tables: `user_version` of the header.
pub(super) const FORM: i32 = 1;

/// How long a call waits for a change that another process makes; changes are short.
const BUSY_MAX: Duration = Duration::from_secs(2);

/// The tables. `cells` has every cell that ever had a value, absent ones too; `changes` is what became of each, and
/// `contents` what readers see of those that are not absent.
const TABLES: &str = "
CREATE TABLE cells (
    key TEXT NOT NULL PRIMARY KEY,
    generation INTEGER NOT NULL,
    value TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE contents (
    key TEXT NOT NULL PRIMARY KEY,
    content TEXT NOT NULL
) STRICT;
CREATE TABLE changes (
    key TEXT NOT NULL,
    generation INTEGER NOT NULL,
    value TEXT,
    operation TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (key, generation)
) STRICT, WITHOUT ROWID;
CREATE TABLE fence (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    token INTEGER NOT NULL
) STRICT;
INSERT INTO fence VALUES (1, 0);
";

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum DatabaseError {
    /// SQLite said so.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The file cannot be looked at, or cannot be made.
    #[error("file cannot be used: path={}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// The file is a database of something else.
    #[error("database is not one of the toolkit's: path={} application_id={application}", path.display())]
    Other { path: PathBuf, application: i32 },
    /// A later version of the toolkit has made the file.
    #[error("database is of a later form than this version knows: path={} form={form} known={FORM}", path.display())]
    Later { path: PathBuf, form: i32 },
}

/// Says whether a store has a database. One that cannot be looked at must not pass for an empty store.
pub(super) fn is_there(folder: &Path) -> Result<bool, DatabaseError> {
    let path = folder.join(FILE);
    path.try_exists().map_err(|source| DatabaseError::File { path, source })
}

/// Opens a store's database to read it; a store that was never written is an empty one.
///
/// If a process died while it changed the database, SQLite takes that change back first; otherwise nothing is written.
pub(super) fn open_to_read(folder: &Path) -> Result<Connection, DatabaseError> {
    let path = folder.join(FILE);
    if is_there(folder)? {
        let connection = open(&path)?;
        if form_of(&connection, &path)? == FORM {
            connection.pragma_update(None, "query_only", true)?;
            return Ok(connection);
        }
    }
    let empty = Connection::open_in_memory()?;
    empty.execute_batch(TABLES)?;
    Ok(empty)
}

/// Opens a store's database to change it, and makes it if it is not there.
///
/// What is committed is durable: SQLite syncs the journal, the database and, with `EXTRA`, the folder in which the
/// journal was removed. What is deleted is overwritten, since it may have been withdrawn.
pub(super) fn open_to_write(folder: &Path) -> Result<Connection, DatabaseError> {
    let path = folder.join(FILE);
    make_private(&path).map_err(|source| DatabaseError::File { path: path.clone(), source })?;
    let connection = open(&path)?;
    connection.pragma_update(None, "synchronous", "EXTRA")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    Ok(connection)
}

/// Begins a change, which waits for that of another process, and makes the tables if they are not there.
///
/// Its commit writes, also if no cell is changed: what an earlier process committed and did not live to see durable is
/// durable then.
pub(super) fn begin<'c>(
    connection: &'c mut Connection,
    folder: &Path,
) -> Result<Transaction<'c>, DatabaseError> {
    let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if form_of(&change, &folder.join(FILE))? != FORM {
        change.execute_batch(TABLES)?;
        change.pragma_update(None, "application_id", APPLICATION)?;
    }
    change.pragma_update(None, "user_version", FORM)?;
    Ok(change)
}

fn open(path: &Path) -> Result<Connection, DatabaseError> {
    // Without `CREATE`: a file that vanished meanwhile must not come back empty.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_MAX)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

/// Returns the form of the tables; 0 if there are none yet.
fn form_of(connection: &Connection, path: &Path) -> Result<i32, DatabaseError> {
    let of = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let path = || path.to_owned();
    match (of("application_id")?, of("user_version")?) {
        (0, 0) => {
            let tables: i64 =
                connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            if tables > 0 { Err(DatabaseError::Other { path: path(), application: 0 }) } else { Ok(0) }
        }
        (APPLICATION, FORM) => Ok(FORM),
        (APPLICATION, form) => Err(DatabaseError::Later { path: path(), form }),
        (application, _) => Err(DatabaseError::Other { path: path(), application }),
    }
}

/// Makes an empty file that only its owner reads (R15), if there is none.
fn make_private(path: &Path) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}
