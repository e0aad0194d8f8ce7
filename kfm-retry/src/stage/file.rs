//! States of stages in files: one a revision, linked into place, so that of two writers one is refused.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::StageError;
use super::digest::IdempotencyKey;
use super::state::{FORMAT, StageState};
use super::store::StageStore;

/// Keeps each state in a file of a folder, `<key>.<revision>.json`.
///
/// A save writes a new file, syncs it, and links it to its name, which fails if the name is taken: that is the
/// compare-and-set, between processes too. Older revisions are removed after that.
#[derive(Debug)]
pub struct FileStageStore {
    folder: PathBuf,
}

impl FileStageStore {
    /// Keeps states in `folder`, which it makes if it is not there.
    ///
    /// # Errors
    /// [`StageError::Unavailable`]: the folder cannot be made.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, StageError> {
        let folder = folder.into();
        fs::create_dir_all(&folder).map_err(StageError::unavailable)?;
        Ok(Self { folder })
    }

    fn path(&self, key: &IdempotencyKey, revision: u64) -> PathBuf {
        self.folder.join(format!("{key}.{revision}.json"))
    }

    /// The revisions that are there, ascending.
    fn revisions(&self, key: &IdempotencyKey) -> io::Result<Vec<u64>> {
        let prefix = format!("{key}.");
        let mut revisions = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let revision: Option<u64> = name
                .to_str()
                .and_then(|name| name.strip_prefix(&prefix)?.strip_suffix(".json")?.parse().ok());
            revisions.extend(revision);
        }
        revisions.sort_unstable();
        Ok(revisions)
    }

    fn read(&self, key: &IdempotencyKey) -> Result<Option<StageState>, StageError> {
        loop {
            let Some(revision) = self.revisions(key).map_err(StageError::unavailable)?.pop() else {
                return Ok(None);
            };
            let bytes = match fs::read(self.path(key, revision)) {
                Ok(bytes) => bytes,
                // A newer revision came and this one was removed: look again. Each turn is a save by another.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(StageError::unavailable(error)),
            };
            let corrupt =
                |source: Box<dyn std::error::Error + Send + Sync>| StageError::Corrupt { key: *key, source };
            let state: StageState = serde_json::from_slice(&bytes).map_err(|error| corrupt(error.into()))?;
            if state.format != FORMAT || state.revision != revision {
                return Err(corrupt("the format or the revision is not what the name says".into()));
            }
            return Ok(Some(state));
        }
    }

    fn write(&self, key: &IdempotencyKey, state: &StageState) -> Result<(), StageError> {
        let there = self.revisions(key).map_err(StageError::unavailable)?;
        let conflict = || StageError::Conflict { key: *key, revision: state.revision };
        if there.last().copied().unwrap_or(0).checked_add(1) != Some(state.revision) {
            return Err(conflict());
        }
        let bytes =
            serde_json::to_vec(state).map_err(|error| StageError::unavailable(io::Error::other(error)))?;
        let draft = self.folder.join(format!("{key}.{}.{}.draft", state.revision, std::process::id()));
        let linked = put(&draft, &bytes).and_then(|()| fs::hard_link(&draft, self.path(key, state.revision)));
        fs::remove_file(&draft).ok();
        match linked {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(conflict()),
            Err(error) => return Err(StageError::unavailable(error)),
        }
        sync_folder(&self.folder).map_err(StageError::unavailable)?;
        for old in there {
            // The newest counts; one that stays costs a name and nothing else.
            fs::remove_file(self.path(key, old)).ok();
        }
        Ok(())
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

/// A new name is durable once its folder is; on systems where folders cannot be synced, their own journal
/// has to do.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
