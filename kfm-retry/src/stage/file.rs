//! The states of stages in files, one file for each item, with a lock beside it so that of two writers one is
//! refused.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::StageError;
use super::digest::IdempotencyKey;
use super::state::{FORMAT, StageState};
use super::store::StageStore;

/// Keeps each state in a file of a folder, `<key>.json`.
///
/// A save takes the lock `<key>.lock` before it reads the saved revision, and keeps it until the new state
/// has replaced the old one: that is the compare-and-set, between processes too. The new state is written
/// beside the old one, synced, and renamed over it, so that a reader needs no lock and a crash leaves one of
/// the two. The lock belongs to the operating system and ends with its process; the folder has to be on a
/// file system that supports locks.
#[derive(Debug)]
pub struct FileStageStore {
    folder: PathBuf,
}

impl FileStageStore {
    /// Keeps states in `folder`; makes the folder if it is not there.
    ///
    /// # Errors
    /// [`StageError::Unavailable`]: the folder cannot be made; repair that and try again.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, StageError> {
        let folder = folder.into();
        fs::create_dir_all(&folder).map_err(StageError::unavailable)?;
        Ok(Self { folder })
    }

    fn path(&self, key: &IdempotencyKey, ending: &str) -> PathBuf {
        self.folder.join(format!("{key}.{ending}"))
    }

    fn read(&self, key: &IdempotencyKey) -> Result<Option<StageState>, StageError> {
        let bytes = match fs::read(self.path(key, "json")) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StageError::unavailable(error)),
        };
        let corrupt =
            |source: Box<dyn std::error::Error + Send + Sync>| StageError::Corrupt { key: *key, source };
        let state: StageState = serde_json::from_slice(&bytes).map_err(|error| corrupt(error.into()))?;
        if state.format != FORMAT {
            return Err(corrupt(format!("the format is another: format=`{}`", state.format).into()));
        }
        Ok(Some(state))
    }

    fn write(&self, key: &IdempotencyKey, state: &StageState) -> Result<(), StageError> {
        let lock = File::create(self.path(key, "lock")).map_err(StageError::unavailable)?;
        lock.lock().map_err(StageError::unavailable)?;
        let there = self.read(key)?.map_or(0, |state| state.revision);
        if there.checked_add(1) != Some(state.revision) {
            return Err(StageError::Conflict { key: *key, revision: state.revision });
        }
        let bytes =
            serde_json::to_vec(state).map_err(|error| StageError::unavailable(io::Error::other(error)))?;
        let draft = self.path(key, "draft");
        put(&draft, &bytes)
            .and_then(|()| fs::rename(&draft, self.path(key, "json")))
            .and_then(|()| sync_folder(&self.folder))
            .map_err(StageError::unavailable)
    }
}

#[async_trait::async_trait]
impl StageStore for FileStageStore {
    async fn load(&self, key: &IdempotencyKey) -> Result<Option<StageState>, StageError> {
        self.read(key)
    }

    async fn save(&self, key: &IdempotencyKey, state: &StageState) -> Result<(), StageError> {
        self.write(key, state)
    }
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a new name durable by syncing its folder. On systems where a folder cannot be synced, this relies on
/// the journal of the file system.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
