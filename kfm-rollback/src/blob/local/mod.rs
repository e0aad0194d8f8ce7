//! [`LocalBlobs`]: a folder whose files are swapped whole, durably and under their exact names.
//!
//! Not built on `object_store`'s local store: that one does not fsync by default, stages under names that are
//! served, escapes or refuses odd names such as `x#1.json`, and does not make deletions durable.

mod displaced;
mod folder;
mod swap;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use kfm_lineage::Value;
use tokio::sync::RwLock;

use self::folder::Folder;
use super::{BlobError, BlobStore, BlobSwap, Stray, SwapOutcome, platform};

/// Keeps blobs as the files of a folder, and nothing else in it.
///
/// A file is written beside its place under a name that begins with a dot, synced, and renamed; then the folder is
/// synced. It keeps the access rights of the file that it replaces. Where the system can exchange two names at one
/// instant, the file that a swap displaces is compared with what the swap expected, and put back if another process
/// wrote it in the meantime. Folders are made as keys need them; an empty folder stays until a key needs its place.
/// The folder itself may be reached over a symbolic link; inside it, no link is followed.
#[derive(Debug, Clone)]
pub struct LocalBlobs {
    folder: Arc<Folder>,
    /// Held by each call until its work on the disk has ended, also if the caller no longer waits for it.
    turn: Arc<RwLock<()>>,
}

impl LocalBlobs {
    /// Keeps blobs in a folder, which must exist by the time of the first call.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { folder: Arc::new(Folder::new(root.into())), turn: Arc::default() }
    }

    /// As [`new`](Self::new), with writes that fail as `faults` says.
    #[cfg(feature = "test-util")]
    pub fn with_faults(root: impl Into<PathBuf>, faults: super::fault::Faults) -> Self {
        Self { folder: Arc::new(Folder::with_faults(root.into(), faults)), turn: Arc::default() }
    }

    /// Makes a folder, durably, that only its owner can enter (mode 0700), for what must not be served (R15). A
    /// folder that is there already is used as it is, with the access rights that it has.
    ///
    /// # Errors
    /// [`BlobError::Permanent`]: the folder cannot be made; the source says why.
    pub fn create_private(root: impl Into<PathBuf>) -> Result<Self, BlobError> {
        let root = root.into();
        let mut changed = BTreeSet::new();
        let made = swap::make_folder(&root, platform::create_private_folder, &mut changed)
            .and_then(|()| changed.iter().try_for_each(|folder| platform::sync_folder(folder)));
        made.map_err(|error| BlobError::Permanent {
            key: root.display().to_string(),
            source: Box::new(error),
        })?;
        Ok(Self::new(root))
    }

    /// Returns the folder.
    pub fn root(&self) -> &Path {
        self.folder.root()
    }

    async fn reading<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, BlobError> + Send + 'static,
    ) -> Result<T, BlobError> {
        let turn = Arc::clone(&self.turn).read_owned().await;
        self.on_disk(turn, work).await
    }

    async fn writing<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, BlobError> + Send + 'static,
    ) -> Result<T, BlobError> {
        let turn = Arc::clone(&self.turn).write_owned().await;
        self.on_disk(turn, work).await
    }

    async fn on_disk<G: Send + 'static, T: Send + 'static>(
        &self,
        turn: G,
        work: impl FnOnce(&Folder) -> Result<T, BlobError> + Send + 'static,
    ) -> Result<T, BlobError> {
        let folder = Arc::clone(&self.folder);
        let done = tokio::task::spawn_blocking(move || {
            let answer = work(&folder);
            drop(turn);
            answer
        });
        // A task that panicked or was never run, because the runtime shuts down, may have done anything.
        done.await
            .unwrap_or_else(|error| Err(BlobError::Unknown { key: "-".to_owned(), source: Box::new(error) }))
    }
}

#[async_trait]
impl BlobStore for LocalBlobs {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, BlobError> {
        let key = key.to_owned();
        self.reading(move |folder| folder.get(&key)).await
    }

    async fn digests(&self, keys: &[String]) -> Result<Vec<Value>, BlobError> {
        let keys = keys.to_vec();
        self.reading(move |folder| folder.digests(&keys)).await
    }

    async fn list(&self, suffixes: &[&str]) -> Result<Vec<String>, BlobError> {
        let suffixes: Vec<String> = suffixes.iter().map(|&suffix| suffix.to_owned()).collect();
        self.reading(move |folder| folder.list(&suffixes)).await
    }

    async fn strays(&self, suffixes: &[&str]) -> Result<Vec<Stray>, BlobError> {
        let suffixes: Vec<String> = suffixes.iter().map(|&suffix| suffix.to_owned()).collect();
        self.reading(move |folder| folder.strays(&suffixes)).await
    }

    async fn swap(&self, batch: Vec<BlobSwap>) -> Result<Vec<SwapOutcome>, BlobError> {
        self.writing(move |folder| folder.swap(batch)).await
    }

    /// Yes: the file is renamed away, looked at, and put back if it is another one.
    fn compares_on_removal(&self) -> bool {
        true
    }

    async fn sweep(&self) -> Result<(), BlobError> {
        self.writing(Folder::sweep).await
    }
}
