//! The platform's lock: only one operation that changes something works at a time.
//!
//! It is a lock of the operating system on an open file, so it ends with the process that holds it, in whatever way
//! the process ends. The file's text names the holder for people; only the system tells whether a process holds the
//! lock.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use kfm_lineage::OperationId;
use kfm_retry::Clock;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Time between two tries, while a process waits for the lock.
const POLL: Duration = Duration::from_millis(50);

/// Tries that a process makes for the lock even if it does not wait: a process that only asks whether the lock is
/// held holds it for an instant.
const TRIES_MIN: u32 = 4;

/// The process that holds the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// The actor in whose name it works.
    pub(crate) actor: String,
    /// The host that it runs on.
    pub(crate) host: String,
    /// Its process number on that host.
    pub(crate) pid: u32,
    /// What it does, in words.
    pub(crate) doing: String,
    /// Since when, in UTC.
    pub(crate) since: String,
    /// The operation that it works on; `None` until it has opened one, or taken one up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<OperationId>,
    /// The store that it waits for; `None` while every store answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) waits_for: Option<Wait>,
}

/// A store that does not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wait {
    /// The store's name.
    pub(crate) store: String,
    /// Since when it does not answer, in UTC.
    pub(crate) since: String,
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
    path: PathBuf,
    noted: Arc<Mutex<Noted>>,
}

/// The locked file, and what it says.
#[derive(Debug)]
struct Noted {
    file: File,
    holder: Holder,
}

impl PlatformLock {
    /// Takes the lock. Waits as long as the options say, or until the actor asks to stop.
    ///
    /// # Cancel safety
    /// A dropped future does not hold the lock.
    ///
    /// # Errors
    /// [`Error::Locked`]: another process holds the lock; wait for it. [`Error::File`]: the lock's file cannot be
    /// used.
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
        let mut noted = Noted { file, holder };
        noted.write().map_err(failed)?;
        Ok(Self { path: path.to_owned(), noted: Arc::new(Mutex::new(noted)) })
    }

    /// Waits until no process holds the lock, as long as the options say, or until the actor asks to stop. Changes nothing.
    ///
    /// # Errors
    /// [`Error::Locked`]: another process holds the lock. [`Error::File`]: the file is there and cannot be read.
    pub(crate) async fn wait_until_free(path: &Path, options: &super::OpenOptions) -> Result<()> {
        let begun = options.clock.monotonic();
        while let Some(holder) = Self::holder(path)? {
            let waited = options.clock.monotonic().saturating_sub(begun);
            if waited >= options.wait || options.interrupt.is_requested() {
                return Err(Error::Locked { holder: holder.to_string() });
            }
            options.clock.sleep(POLL).await;
        }
        Ok(())
    }

    /// Writes into the lock's file which operation the holder works on.
    ///
    /// # Errors
    /// [`Error::File`]: the file cannot be written.
    pub(crate) fn works_on(&mut self, operation: &OperationId) -> Result<()> {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.holder.operation = Some(operation.clone());
        noted.write().map_err(|source| Error::File { path: self.path.display().to_string(), source })
    }

    /// Returns the place where the stores that the holder waits for are noted, for as long as the lock is held.
    pub(crate) fn waiting(&self) -> Waiting {
        Waiting(Arc::downgrade(&self.noted))
    }

    /// Refuses if the file under the lock's name is not the locked one: a process that removes or replaces the file
    /// lets others in.
    ///
    /// # Errors
    /// [`Error::Locked`]: names the process that holds the file which is there now. [`Error::File`]: the file
    /// cannot be looked at.
    pub(crate) fn still_mine(&self) -> Result<()> {
        let failed = |source| Error::File { path: self.path.display().to_string(), source };
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if kfm_wal::local::disk::is_the_file_at(&noted.file, &self.path).map_err(failed)? {
            return Ok(());
        }
        let holder = Self::holder(&self.path).ok().flatten();
        let holder = holder.map_or_else(|| "no process yet".to_owned(), |holder| holder.to_string());
        Err(Error::Locked {
            holder: format!("the lock's file was removed or replaced; it is now held by {holder}"),
        })
    }

    /// Returns the process that holds the lock now; `None` if none does, or if it has not written its name yet.
    /// Changes nothing.
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

impl Noted {
    /// Writes the whole note at once, with blanks over the rest of a longer one before it: a process that looks reads
    /// this note or the one before, never a file that is empty for a moment.
    fn write(&mut self) -> std::io::Result<()> {
        let mut text = serde_json::to_vec(&self.holder).unwrap_or_default();
        let before = self.file.metadata()?.len() as usize;
        text.resize(text.len().max(before), b' ');
        self.file.rewind()?;
        self.file.write_all(&text)
    }
}

/// Notes in the lock's file which store its holder waits for, so that the status can say it. A note that cannot be
/// written is left out: it stops nothing.
#[derive(Debug, Clone)]
pub(crate) struct Waiting(Weak<Mutex<Noted>>);

impl Waiting {
    /// Notes that nothing reads: no lock is held.
    pub(crate) fn without_lock() -> Self {
        Self(Weak::new())
    }

    /// Notes that a store does not answer; since when, the first note of it says.
    pub(crate) fn for_store(&self, store: &str, clock: &dyn Clock) {
        let Some(noted) = self.0.upgrade() else { return };
        let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.holder.waits_for.as_ref().is_some_and(|wait| wait.store == store) {
            return;
        }
        tracing::warn!(store, "waiting for a store that does not answer");
        let since = jiff::Timestamp::try_from(clock.wall()).unwrap_or_default();
        noted.holder.waits_for = Some(Wait { store: store.to_owned(), since: since.to_string() });
        let _ = noted.write();
    }

    /// Takes the note back: the store answers, or is not waited for any more.
    pub(crate) fn over(&self, store: &str) {
        let Some(noted) = self.0.upgrade() else { return };
        let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.holder.waits_for.take_if(|wait| wait.store == store).is_some() {
            let _ = noted.write();
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
