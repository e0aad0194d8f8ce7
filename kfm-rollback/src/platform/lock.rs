//! The platform's lock: one operation that changes something at a time.
//!
//! It is a lock of the operating system on an open file, so it dies with its holder, however that dies. What
//! the file says of the holder is for people; whether somebody holds it, only the system says.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use kfm_lineage::OperationId;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Between two tries of a lock that is waited for.
const POLL: Duration = Duration::from_millis(50);

/// Tries that a lock gets even when it is not waited for: a reader that asks whether somebody is at work
/// holds it for an instant.
const TRIES_MIN: u32 = 4;

/// Who holds the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// Who asked.
    pub(crate) actor: String,
    /// The host.
    pub(crate) host: String,
    /// The process.
    pub(crate) pid: u32,
    /// What it does.
    pub(crate) doing: String,
    /// Since when.
    pub(crate) since: String,
    /// The operation that it works on, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<OperationId>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} by {} since {} (host={} pid={})",
            self.doing, self.actor, self.since, self.host, self.pid
        )
    }
}

/// The lock, held until it is dropped or its process ends.
#[derive(Debug)]
pub(crate) struct PlatformLock {
    file: File,
    path: PathBuf,
    holder: Holder,
}

impl PlatformLock {
    /// Takes the lock, waiting as long as the options say, or until somebody asks to stop.
    ///
    /// # Cancel safety
    /// A dropped future holds nothing.
    ///
    /// # Errors
    /// [`Error::Locked`]: another process holds it; wait for it. [`Error::File`]: the file cannot be used.
    pub(crate) async fn acquire(path: &Path, holder: Holder, options: &super::OpenOptions) -> Result<Self> {
        let clock = &options.clock;
        let failed = |source| Error::File { path: path.display().to_string(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        let begun = clock.monotonic();
        let mut tries = 0;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(failed(source)),
                Err(TryLockError::WouldBlock) => {
                    tries += 1;
                    let waited = clock.monotonic().saturating_sub(begun);
                    let is_enough = waited >= options.wait || options.interrupt.is_requested();
                    if tries >= TRIES_MIN && is_enough {
                        return Err(Error::Locked { holder: describe(&mut file) });
                    }
                    clock.sleep(POLL).await;
                }
            }
        }
        let mut lock = Self { file, path: path.to_owned(), holder };
        lock.note()?;
        Ok(lock)
    }

    /// Says which operation the holder works on.
    ///
    /// # Errors
    /// [`Error::File`]: the file cannot be written.
    pub(crate) fn works_on(&mut self, operation: &OperationId) -> Result<()> {
        self.holder.operation = Some(operation.clone());
        self.note()
    }

    /// Refuses if the file under the lock's name is not the one that is held: who takes it away lets others in.
    ///
    /// # Errors
    /// [`Error::Locked`]: says who holds the file that is there now. [`Error::File`]: it cannot be looked at.
    pub(crate) fn still_mine(&self) -> Result<()> {
        let failed = |source| Error::File { path: self.path.display().to_string(), source };
        if kfm_wal::local::disk::is_the_file_at(&self.file, &self.path).map_err(failed)? {
            return Ok(());
        }
        let holder = Self::holder(&self.path).ok().flatten();
        let holder = holder.map_or_else(|| "no process yet".to_owned(), |holder| holder.to_string());
        Err(Error::Locked {
            holder: format!("the lock's file was removed or replaced; it is now held by {holder}"),
        })
    }

    fn note(&mut self) -> Result<()> {
        let text = serde_json::to_vec(&self.holder).unwrap_or_default();
        let noted = self.file.set_len(0).and_then(|()| self.file.rewind());
        noted
            .and_then(|()| self.file.write_all(&text))
            .map_err(|source| Error::File { path: self.path.display().to_string(), source })
    }

    /// Says who holds the lock now; none if nobody does, or has not said who it is yet. Changes nothing.
    ///
    /// # Errors
    /// [`Error::File`]: the file is there and cannot be read.
    pub(crate) fn holder(path: &Path) -> Result<Option<Holder>> {
        let failed = |source| Error::File { path: path.display().to_string(), source };
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed(source)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(read(&mut file)),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

fn describe(file: &mut File) -> String {
    match read(file) {
        Some(holder) => holder.to_string(),
        None => "an operation that has not written its name yet".into(),
    }
}

fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().and_then(|()| file.read_to_string(&mut text)).ok()?;
    serde_json::from_str(&text).ok()
}
