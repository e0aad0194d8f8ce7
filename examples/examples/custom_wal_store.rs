//! A log store of one's own: records as lines of text in a file, in the form `WalStore` asks for.
//!
//! It is slow and simple on purpose: the whole log is read at each call, so there is no state to get wrong.
//! What makes it a store is the last part: it passes every law, each as a test of this example. `Platform::with_log`
//! keeps a platform's log in it (`examples/tests/own_log.rs`).
#![allow(clippy::print_stdout, reason = "an example shows what it does")]
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use kfm_wal::store::{check_limits, find_repeat};
use kfm_wal::{
    Appended, Capabilities, Depth, Head, Lsn, NewRecord, StoredRecord, VerifyReport, WalError, WalStore,
};

/// A log in one text file; the file's lock lets one handle write at a time.
#[derive(Debug)]
pub struct TextLog {
    path: PathBuf,
    /// The epoch that this handle may write in; a later one in the file shuts it out.
    epoch: AtomicU64,
}

/// A line of the file: a batch of records, or none where an epoch is claimed.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
struct Line {
    epoch: u64,
    records: Vec<StoredRecord>,
}

impl TextLog {
    /// Opens the log in a file, or makes it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, WalError> {
        let log = Self { path: path.as_ref().to_path_buf(), epoch: AtomicU64::new(0) };
        let epoch = log.read(&log.file()?)?.1.epoch;
        log.epoch.store(epoch, SeqCst);
        Ok(log)
    }

    fn file(&self) -> Result<File, WalError> {
        let opened = OpenOptions::new().create(true).read(true).append(true).open(&self.path);
        let locked = opened.and_then(|file| file.lock().map(|()| file));
        locked.map_err(|error| self.refuse(error))
    }

    /// Reads the whole log; a last line without its end was never acknowledged and does not count.
    fn read(&self, mut file: &File) -> Result<(Vec<StoredRecord>, Head, u64), WalError> {
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(|error| self.refuse(error))?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let mut head = Head { lsn: Lsn::ZERO, chain: kfm_lineage::Digest::of_bytes(b""), epoch: 0 };
        let mut records = Vec::new();
        for text in text[..whole].lines() {
            let line: Line = serde_json::from_str(text).map_err(|error| self.refuse(error.into()))?;
            head.epoch = line.epoch;
            head.chain = kfm_lineage::Digest::of_bytes(format!("{}{text}", head.chain).as_bytes());
            head.lsn = Lsn(head.lsn.0 + line.records.len() as u64);
            records.extend(line.records);
        }
        Ok((records, head, whole as u64))
    }

    /// Writes a line behind the last whole one and makes it durable.
    fn write(&self, mut file: &File, whole: u64, line: &Line) -> Result<(), WalError> {
        let text = serde_json::to_string(line).map_err(|error| self.refuse(error.into()))? + "\n";
        file.set_len(whole).map_err(|error| self.refuse(error))?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        let id =
            || line.records.first().map_or(String::new(), |first| format!("{:02x?}", first.record.op_id));
        written.map_err(|source| WalError::Unknown { id: id(), source: Box::new(source) })
    }

    fn refuse(&self, error: io::Error) -> WalError {
        WalError::Io { action: "use", path: self.path.display().to_string(), source: Box::new(error) }
    }
}

#[async_trait::async_trait]
impl WalStore for TextLog {
    async fn append(&self, new: &[NewRecord], expected: Option<Lsn>) -> Result<Appended, WalError> {
        check_limits(new, &self.capabilities())?;
        let file = self.file()?;
        let (stored, head, whole) = self.read(&file)?;
        if head.epoch > self.epoch.load(SeqCst) {
            return Err(WalError::Fenced { epoch: head.epoch });
        }
        if let Some(already) = find_repeat(new, |id| stored.iter().find(|there| there.record.op_id == *id))? {
            return Ok(already);
        }
        if expected.is_some_and(|expected| expected != head.lsn) {
            return Err(WalError::Moved { head: head.lsn });
        }
        let (mut line, mut lsn) = (Line { epoch: head.epoch, records: Vec::new() }, head.lsn);
        for record in new {
            lsn = lsn.next();
            let last = line.records.last().or(stored.last()).map(|before| before.record.at);
            line.records.push(StoredRecord::place(lsn, head.epoch, last, record.clone()));
        }
        self.write(&file, whole, &line)?;
        Ok(Appended { first: head.lsn.next(), last: lsn, already: false })
    }

    async fn scan(&self, from: Lsn, limit: usize) -> Result<Vec<StoredRecord>, WalError> {
        let (records, ..) = self.read(&self.file()?)?;
        Ok(records.into_iter().filter(|stored| stored.lsn >= from).take(limit).collect())
    }

    async fn head(&self) -> Result<Head, WalError> {
        Ok(self.read(&self.file()?)?.1)
    }

    async fn fence(&self) -> Result<u64, WalError> {
        let file = self.file()?;
        let (_, head, whole) = self.read(&file)?;
        let line = Line { epoch: head.epoch + 1, records: Vec::new() };
        self.write(&file, whole, &line)?;
        self.epoch.store(line.epoch, SeqCst);
        Ok(line.epoch)
    }

    async fn verify(&self, _: Depth) -> Result<VerifyReport, WalError> {
        let (_, head, whole) = self.read(&self.file()?)?;
        Ok(VerifyReport::sound(head, head.lsn.0, whole))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            durable: true,
            many_writers: true,
            record_bytes_max: 64 << 10,
            ..Capabilities::default()
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let log = TextLog::open(tempfile::NamedTempFile::new()?.path())?;
    println!("an empty log ends at {}", kfm_wal::conformance::run(log.head())?.lsn);
    Ok(())
}

#[cfg(test)]
mod laws {
    use super::*;
    struct Fixture(tempfile::TempDir);

    #[async_trait::async_trait]
    impl kfm_wal::conformance::Fixture for Fixture {
        async fn open(&self) -> std::sync::Arc<dyn WalStore> {
            std::sync::Arc::new(TextLog::open(self.0.path().join("log")).expect("a log"))
        }
    }

    kfm_wal::wal_store_laws!(Fixture(tempfile::tempdir().expect("a folder")));
}
