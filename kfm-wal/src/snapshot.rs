//! Snapshots: what is derived from a log up to a position, kept beside it, by content hash (ADR 0012).
//!
//! A *state* is a file of JSON lines, named by its position and by the digest of its bytes. The log itself
//! names the states of a snapshot, in the record right after the last one that they cover
//! ([`SnapshotRecord`]). A file that the log does not name is not read: a state of another log, one of a log
//! that was cut and then continued, one that was altered. A state may be missing at any time: then the log is
//! read instead. A state of which a reader wants a few entries is a [`Table`].

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use kfm_lineage::{Digest, DigestKind, Lsn};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::{Source, WalError};
use crate::local::disk::{Access, Disk, DiskFile};
use crate::local::whole;
use crate::record::{Record, SnapshotRecord};
use crate::store::{Head, WalStore};
use crate::table::{self, Entry, Table};
use crate::typed::{self, Read};

/// The version of the format of states. A state is read only by the crate version that wrote it, and only in
/// this format.
const FORM: u16 = 1;

/// How many files of one name are tried, from the newest on.
const TRIED_MAX: usize = 8;

/// How many bytes are written at a time.
const WRITE_BYTES: usize = 1 << 20;

/// What grew by less since the last snapshot needs no new one.
const GROWN_MIN: u64 = 250;

/// What grew by less than one part in this many since the last snapshot needs no new one either.
const GROWN_PART: u64 = 50;

/// The ends of the names of files: lines that are read whole, and tables.
const LINES: &str = ".jsonl";
const TABLE: &str = ".table";

/// A folder of snapshots.
///
/// # Laws
/// - **Named by the log**: a state is given only if the log names its digest, right after the position that
///   it covers.
/// - **Whole**: a state is given whole, byte for byte as it was kept, or not at all.
/// - **No source of truth**: the folder may be emptied at any time.
#[derive(Debug, Clone)]
pub struct Snapshots {
    folder: PathBuf,
    disk: Arc<dyn Disk>,
}

/// The answer of [`Snapshots::newest`].
#[derive(Debug)]
pub struct Found<T> {
    /// The newest state that may be used, with the position up to which it covers the log; `None` if there is
    /// none.
    pub state: Option<(Lsn, T)>,
    /// The files that were not used, from the newest on.
    pub passed_over: Vec<PassedOver>,
}

/// A file that was not used, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PassedOver {
    /// The path of the file, or of the folder.
    pub path: String,
    /// Why it was not used.
    pub why: String,
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: path={}", self.why, self.path)
    }
}

/// The lines of a state.
#[derive(Debug, Clone, Copy)]
pub struct Lines<'a>(&'a [u8]);

impl<'a> Lines<'a> {
    /// Reads the lines one after the other; an item is an error if its line cannot be read as `L`.
    pub fn read<L: DeserializeOwned>(self) -> impl Iterator<Item = Result<L, Source>> + use<'a, L> {
        let lines = self.0.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).map_err(Source::from))
    }
}

/// The first line of a state.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Heading {
    state: String,
    form: u16,
    /// The version of this crate: another version may derive something else from the same log.
    version: String,
    of: Head,
}

impl Heading {
    fn new(state: &str, of: Head) -> Self {
        Self { state: state.to_owned(), form: FORM, version: env!("CARGO_PKG_VERSION").to_owned(), of }
    }

    /// The heading of a table, whose values only their own maker reads.
    fn of_table(name: &str, maker: &str, of: Head) -> Self {
        let heading = Self::new(name, of);
        Self { version: format!("{} {maker}", heading.version), ..heading }
    }

    fn line(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }
}

/// What a file's name says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    lsn: Lsn,
    digest: Digest,
    file: String,
}

impl Snapshots {
    /// Keeps snapshots in a folder of their own; the first snapshot makes the folder.
    pub fn new(folder: impl Into<PathBuf>, disk: Arc<dyn Disk>) -> Self {
        Self { folder: folder.into(), disk }
    }

    /// Says whether what a snapshot saves (reading records, or the cells that they write) has grown enough since the
    /// newest one for another: by 250, and by a fiftieth of it. What a snapshot costs is little beside reading so many
    /// records: a table takes over from the one before, which is a copy of its bytes.
    pub fn is_due(now: u64, newest: u64) -> bool {
        let grown = now.saturating_sub(newest);
        grown >= GROWN_MIN && grown >= now / GROWN_PART
    }

    /// Returns the newest state called `name` that the log names up to `head` and that `read` can read.
    ///
    /// # Errors
    /// As [`WalStore::scan`]. A state that cannot be used is not an error but listed in the answer.
    pub async fn newest<T>(
        &self,
        name: &str,
        log: &dyn WalStore,
        head: Lsn,
        read: impl Fn(Lines<'_>) -> Result<T, Source> + Send,
    ) -> Result<Found<T>, WalError> {
        let read = move |file: &Named, of| read(Lines(body(&self.bytes(file)?, &Heading::new(name, of))?));
        self.newest_file((name, LINES), log, head, read).await
    }

    /// Returns the newest table called `name` that the log names up to `head` and that `maker` made. Its entries are
    /// read, and checked, when they are asked for.
    ///
    /// # Errors
    /// As [`newest`](Self::newest).
    pub async fn newest_table(
        &self,
        name: &str,
        maker: &str,
        log: &dyn WalStore,
        head: Lsn,
    ) -> Result<Found<Table>, WalError> {
        self.newest_table_read((name, maker), log, head, |table, _| Ok(table)).await
    }

    /// Returns the same of the newest table that `read` can read.
    pub(crate) async fn newest_table_read<T>(
        &self,
        (name, maker): (&str, &str),
        log: &dyn WalStore,
        head: Lsn,
        read: impl Fn(Table, Head) -> Result<T, Source> + Send + Sync,
    ) -> Result<Found<T>, WalError> {
        let read = |named: &Named, of| {
            let heading = Heading::of_table(name, maker, of).line()?;
            read(Table::open(&self.disk, self.folder.join(&named.file), &named.digest, &heading)?, of)
        };
        self.newest_file((name, TABLE), log, head, read).await
    }

    async fn newest_file<T>(
        &self,
        (name, suffix): (&str, &str),
        log: &dyn WalStore,
        head: Lsn,
        read: impl Fn(&Named, Head) -> Result<T, Source> + Send,
    ) -> Result<Found<T>, WalError> {
        let mut found = Found { state: None, passed_over: Vec::new() };
        let mut files = match self.files(name, suffix) {
            Ok(files) => files,
            Err(why) => {
                let path = self.folder.display().to_string();
                found.passed_over.push(PassedOver { path, why: why.to_string() });
                return Ok(found);
            }
        };
        files.sort_by(|a, b| b.cmp(a));
        for file in files.into_iter().take(TRIED_MAX) {
            let of = if file.lsn < head { named_by(log, name, &file).await? } else { None };
            let state = of.ok_or_else(|| "the log does not name this snapshot".into());
            match state.and_then(|of| read(&file, of)) {
                Ok(state) => {
                    found.state = Some((file.lsn, state));
                    return Ok(found);
                }
                Err(why) => {
                    let path = self.folder.join(&file.file).display().to_string();
                    found.passed_over.push(PassedOver { path, why: why.to_string() });
                }
            }
        }
        Ok(found)
    }

    /// Writes a state, durably, and returns the digest under which the log is to name it. The state is not
    /// used before the log names it.
    ///
    /// # Errors
    /// - [`WalError::Io`]: the state is not there; no half-written file has its name.
    /// - [`WalError::Malformed`]: a line cannot be written as JSON.
    pub fn keep<L: Serialize>(
        &self,
        name: &str,
        of: Head,
        lines: impl Iterator<Item = L>,
    ) -> Result<Digest, WalError> {
        let heading = Heading::new(name, of);
        self.keep_file((name, LINES), of, |file| write(file, &heading, lines))
    }

    /// Opens the table called `name` of the snapshot of `of` that has this digest and that `maker` made: for a state that
    /// names a table of its own. That the log names the digest, by whatever way, is the caller's to see.
    ///
    /// # Errors
    /// The table is missing, damaged, or another maker's.
    pub fn table(&self, name: &str, maker: &str, of: Head, digest: &Digest) -> Result<Table, Source> {
        let path = self.folder.join(file_name((name, TABLE), of.lsn, digest));
        Table::open(&self.disk, path, digest, &Heading::of_table(name, maker, of).line()?)
    }

    /// Writes a table, durably, and returns the digest under which the log is to name it. The entries are in the
    /// ascending order of their keys, each key once. `maker` names what made the values: another maker's are not read.
    ///
    /// # Errors
    /// [`WalError::Io`]: an entry was an error, or the table cannot be written; no half-written file has its name.
    pub fn keep_table(
        &self,
        name: &str,
        maker: &str,
        of: Head,
        entries: impl Iterator<Item = Result<Entry, Source>>,
    ) -> Result<Digest, WalError> {
        let heading = Heading::of_table(name, maker, of);
        self.keep_file((name, TABLE), of, |file| Ok(table::write(file, &heading.line()?, entries)?))
    }

    fn keep_file(
        &self,
        (name, suffix): (&str, &str),
        of: Head,
        write: impl FnOnce(&mut dyn DiskFile) -> Result<Digest, Unwritten>,
    ) -> Result<Digest, WalError> {
        let beside = self.folder.join(format!(".{name}.tmp"));
        let failed = |error: io::Error| WalError::Io {
            action: "write",
            path: beside.display().to_string(),
            source: Box::new(error),
        };
        self.disk.create_dir(&self.folder).map_err(failed)?;
        let digest = whole::draft(self.disk.as_ref(), &beside, write).map_err(|error| match error {
            Unwritten::Disk(error) => failed(error),
            Unwritten::Line(error) => WalError::Malformed { lsn: of.lsn, source: Box::new(error) },
        })?;
        let path = self.folder.join(file_name((name, suffix), of.lsn, &digest));
        whole::place(self.disk.as_ref(), &beside, &path).map_err(failed)?;
        Ok(digest)
    }

    /// Removes the states and tables called `name` but two: the newest, which covers the log up to `newest`, and the one
    /// before it, to fall back to. A state of a later position, or of the same one under another digest,
    /// belongs to no log that is here.
    ///
    /// # Errors
    /// [`WalError::Io`]: some states may be left; that does no harm.
    pub fn forget(&self, name: &str, newest: Lsn, digest: &Digest) -> Result<(), WalError> {
        let failed =
            |source| WalError::Io { action: "remove from", path: self.folder.display().to_string(), source };
        let mut files = self.files(name, LINES).map_err(failed)?;
        files.extend(self.files(name, TABLE).map_err(failed)?);
        files.sort_by(|a, b| b.cmp(a));
        let older = files.iter().find(|file| file.lsn < newest).cloned();
        let is_kept = |file: &Named| {
            (file.lsn, &file.digest) == (newest, digest) || older.as_ref().is_some_and(|older| older == file)
        };
        for file in files.iter().filter(|file| !is_kept(file)) {
            self.disk.remove(&self.folder.join(&file.file)).map_err(|error| failed(Box::new(error)))?;
        }
        Ok(())
    }

    /// Returns the states called `name`, from the names of the files.
    fn files(&self, name: &str, suffix: &str) -> Result<Vec<Named>, Source> {
        let names = match self.disk.list(&self.folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            names => names?,
        };
        Ok(names.into_iter().filter_map(|file| parse_file_name((name, suffix), file)).collect())
    }

    /// Reads a file and checks that its bytes fit the digest in its name.
    fn bytes(&self, named: &Named) -> Result<Vec<u8>, Source> {
        let mut file = self.disk.open(&self.folder.join(&named.file), Access::Read)?;
        let mut bytes = vec![0; usize::try_from(file.bytes()?)?];
        let read = file.read_at(0, &mut bytes)?;
        if read != bytes.len() || !named.digest.matches(&bytes) {
            return Err("a snapshot is damaged".into());
        }
        Ok(bytes)
    }
}

/// Returns the end of the log that a file covers, if the log names the file.
async fn named_by(log: &dyn WalStore, name: &str, file: &Named) -> Result<Option<Head>, WalError> {
    // The name of a file can be anything, so the position in it may be the largest number.
    let Some(at) = file.lsn.0.checked_add(1).map(Lsn) else { return Ok(None) };
    let stored = log.scan(at, 1).await?;
    let record = match stored.first().filter(|stored| stored.lsn == at).map(typed::read).transpose()? {
        Some(Read::Known(record)) => match *record {
            Record::Snapshot(record) => Some(record),
            _ => None,
        },
        _ => None,
    };
    let is_it = |record: &SnapshotRecord| {
        record.of.lsn == file.lsn && record.states.get(name).is_some_and(|digest| *digest == file.digest)
    };
    Ok(record.filter(is_it).map(|record| record.of))
}

/// Why a state could not be written.
enum Unwritten {
    Disk(io::Error),
    Line(serde_json::Error),
}

impl From<io::Error> for Unwritten {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

impl From<serde_json::Error> for Unwritten {
    fn from(error: serde_json::Error) -> Self {
        Self::Line(error)
    }
}

/// Writes the heading and the lines of a state, and returns the digest of all of it.
fn write<L: Serialize>(
    file: &mut dyn DiskFile,
    heading: &Heading,
    lines: impl Iterator<Item = L>,
) -> Result<Digest, Unwritten> {
    let (mut hasher, mut written, mut buffer) = (Sha256::new(), 0, Vec::new());
    serde_json::to_writer(&mut buffer, heading)?;
    buffer.push(b'\n');
    for line in lines {
        serde_json::to_writer(&mut buffer, &line)?;
        buffer.push(b'\n');
        if buffer.len() >= WRITE_BYTES {
            file.write_at(written, &buffer)?;
            hasher.update(&buffer);
            written += buffer.len() as u64;
            buffer.clear();
        }
    }
    file.write_at(written, &buffer)?;
    hasher.update(&buffer);
    Ok(Digest::from_parts(DigestKind::Bytes, hasher.finalize().into()))
}

/// Returns a state without its heading.
///
/// # Errors
/// The heading is not the expected one.
fn body<'a>(bytes: &'a [u8], expected: &Heading) -> Result<&'a [u8], Source> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("a snapshot has no heading")?;
    let heading: Heading = serde_json::from_slice(&bytes[..end])?;
    if heading != *expected {
        return Err(format!("another version wrote this snapshot: version={}", heading.version).into());
    }
    Ok(&bytes[end + 1..])
}

fn file_name((name, suffix): (&str, &str), lsn: Lsn, digest: &Digest) -> String {
    format!("{name}-{:020}-{}{suffix}", lsn.0, digest.hex())
}

fn parse_file_name((name, suffix): (&str, &str), file: String) -> Option<Named> {
    let rest = file.strip_prefix(name)?.strip_prefix('-')?.strip_suffix(suffix)?;
    let (lsn, hex) = rest.split_once('-')?;
    let lsn = Lsn(lsn.parse().ok()?);
    let digest: Digest = format!("{}:{hex}", DigestKind::Bytes.prefix()).parse().ok()?;
    (file_name((name, suffix), lsn, &digest) == file).then_some(Named { lsn, digest, file })
}
