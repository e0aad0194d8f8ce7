//! Writes of [`LocalBlobs`](super::LocalBlobs) that fail as planned, for tests (feature `test-util`).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Error, ErrorKind, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::BlobError;

/// How a write fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Half of the bytes reach a temporary file, which stays behind as after a crash; the key is unchanged.
    HalfWritten,
    /// The store is busy; the key is unchanged and an attempt later may succeed.
    Busy,
    /// The key is changed, but no answer comes: [`BlobError::Unknown`].
    Unanswered,
}

/// The writes that will fail, counted over the life of the store. Clones share one count.
///
/// A swap that needs no write (already there, conflict) does not count.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    plan: Arc<Mutex<Plan>>,
}

#[derive(Debug, Default)]
struct Plan {
    written: Moments,
    changed: Moments,
    /// What another process writes between the last look and the act; `Some(None)`: it removes the file.
    meanwhile: Option<Option<Vec<u8>>>,
}

/// One kind of moment at which a write can fail.
#[derive(Debug, Default)]
struct Moments {
    seen: u64,
    faults: BTreeMap<u64, Fault>,
}

impl Moments {
    fn next(&mut self) -> Option<Fault> {
        self.seen += 1;
        self.faults.remove(&self.seen)
    }
}

impl Faults {
    /// Makes the `nth` write from now fail, once; the next one is the first.
    ///
    /// [`Fault::Unanswered`] counts changes made visible, retires among them; the others count files written.
    pub fn fail_nth(&self, nth: u64, fault: Fault) {
        let mut plan = self.lock();
        let moments = if fault == Fault::Unanswered { &mut plan.changed } else { &mut plan.written };
        moments.faults.insert(moments.seen + nth, fault);
    }

    /// Lets another hand write, or remove, the file of the next key that is changed, after the last look at it.
    pub fn meanwhile(&self, bytes: Option<&[u8]>) {
        self.lock().meanwhile = Some(bytes.map(<[u8]>::to_vec));
    }

    /// Asked before a file is written; an error of half a file leaves that half in `file`.
    pub(super) fn before_write(&self, key: &str, bytes: &[u8], file: &mut File) -> Result<(), BlobError> {
        let key = key.to_owned();
        match self.lock().written.next() {
            Some(Fault::HalfWritten) => {
                let written = file.write_all(&bytes[..bytes.len() / 2]);
                let error = written.err().unwrap_or_else(|| Error::from(ErrorKind::StorageFull));
                Err(BlobError::Permanent { key, source: Box::new(error) })
            }
            Some(_) => {
                Err(BlobError::Transient { key, source: Box::new(Error::from(ErrorKind::ResourceBusy)) })
            }
            None => Ok(()),
        }
    }

    /// Asked between the last look at a key and the act.
    pub(super) fn before_act(&self, path: &std::path::Path) {
        if let Some(bytes) = self.lock().meanwhile.take() {
            let written = match bytes {
                Some(bytes) => std::fs::write(path, bytes),
                None => std::fs::remove_file(path),
            };
            assert!(written.is_ok(), "another hand can write: {written:?}");
        }
    }

    /// Asked after a file was renamed or removed.
    pub(super) fn after_change(&self, key: &str) -> Result<(), BlobError> {
        let unanswered = |_| BlobError::Unknown {
            key: key.to_owned(),
            source: Box::new(Error::from(ErrorKind::TimedOut)),
        };
        self.lock().changed.next().map_or(Ok(()), |fault| Err(unanswered(fault)))
    }

    fn lock(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
