//! Slots as files of a folder that several hosts share, or that one host has for itself.
//!
//! The writer writes a slot under a temporary name, syncs it, gives it its name by a hard link, which only
//! one writer can do, and then syncs the folder. Between the link and that sync other hosts see the slot, and
//! a power cut could still take it back. So each host that finds a slot syncs its folder, and every folder
//! before, before it says that the slot is there. So no host builds on a slot that is not durable, and no
//! slot outlives one that came before it.
//!
//! ```text
//! <folder>/FORMAT                                            slot 0
//! <folder>/chain/<n / 4096, 8 digits>/<n, 20 digits>         the others
//! <folder>/chain/<n / 4096, 8 digits>/<n>#<digits>           being written, or left by a writer that died meanwhile
//! <folder>/proof/<name>/…                                    trials of the laws
//! ```

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use super::names::{CHAIN, SLOTS_A_FOLDER, name_of, number_of};
use super::{Created, SlotError, Slots};
use crate::entropy::{Entropy, SystemEntropy};
use crate::error::WalError;
use crate::local::disk::{Access, Links, RealDisk};

/// Slots as files of a folder; clones are one handle.
///
/// On a tokio runtime each call is a blocking task of its own, so that a file system that hangs holds up no
/// other task.
#[derive(Debug, Clone)]
pub struct FolderSlots(Arc<Folder>);

#[derive(Debug)]
struct Folder {
    root: PathBuf,
    disk: Arc<dyn Links>,
    sure: Mutex<Sure>,
}

/// The slots that are known to survive a power cut.
#[derive(Debug, Default)]
struct Sure {
    /// All slots below this number.
    below: u64,
    /// Set when a folder could not be synced: a later sync that succeeds says nothing about what the failed
    /// one should have made durable.
    broken: bool,
}

impl FolderSlots {
    /// Makes slots of the files in a folder; makes the folder if it is not there.
    ///
    /// # Errors
    /// [`WalError::Io`]: the folder cannot be made or used; repair that and call again.
    pub fn new(folder: impl AsRef<Path>) -> Result<Self, WalError> {
        Self::on(folder, Arc::new(RealDisk))
    }

    /// As [`FolderSlots::new`], on a file system that the caller gives.
    ///
    /// # Errors
    /// [`WalError::Io`]: the folder cannot be made or used; repair that and call again.
    pub fn on(folder: impl AsRef<Path>, disk: Arc<dyn Links>) -> Result<Self, WalError> {
        let root = folder.as_ref().to_path_buf();
        disk.create_dir(&root).map_err(|error| WalError::Io {
            action: "use the folder",
            path: root.display().to_string(),
            source: error.into(),
        })?;
        Ok(Self::in_made(root, disk))
    }

    fn in_made(root: PathBuf, disk: Arc<dyn Links>) -> Self {
        Self(Arc::new(Folder { root, disk, sure: Mutex::default() }))
    }

    /// Runs work on the folder where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, SlotError> + Send + 'static,
    ) -> Result<T, SlotError> {
        let folder = Arc::clone(&self.0);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                let done = runtime.spawn_blocking(move || work(&folder)).await;
                done.unwrap_or_else(|error| Err(SlotError::Unknown { source: error.into() }))
            }
            Err(_) => work(&folder),
        }
    }
}

#[async_trait]
impl Slots for FolderSlots {
    async fn create(&self, n: u64, frame: Bytes) -> Result<Created, SlotError> {
        self.blocking(move |folder| folder.create(n, &frame)).await
    }

    async fn read(&self, n: u64) -> Result<Option<Bytes>, SlotError> {
        self.blocking(move |folder| folder.read(n)).await
    }

    async fn last(&self, from: u64) -> Result<Option<u64>, SlotError> {
        self.blocking(move |folder| folder.last(from).map_err(unread)).await
    }

    fn name(&self, n: u64) -> String {
        name_of(n)
    }

    fn place(&self) -> String {
        self.0.root.display().to_string()
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn proving_ground(&self, name: &str) -> Option<Box<dyn Slots>> {
        let root = self.0.root.join("proof").join(name);
        Some(Box::new(Self::in_made(root, Arc::clone(&self.0.disk))))
    }
}

impl Folder {
    fn path(&self, n: u64) -> PathBuf {
        self.root.join(name_of(n))
    }

    /// Returns the folder that holds slot `n`.
    fn folder_of(&self, n: u64) -> PathBuf {
        self.path(n).parent().map_or_else(|| self.root.clone(), Path::to_path_buf)
    }

    fn sure(&self) -> Result<MutexGuard<'_, Sure>, SlotError> {
        let sure = self.sure.lock().unwrap_or_else(PoisonError::into_inner);
        if sure.broken {
            let source = "a folder could not be synced, what was in it may be lost: look at the disk, then open the log anew";
            return Err(SlotError::Refused { source: source.into() });
        }
        Ok(sure)
    }

    fn create(&self, n: u64, frame: &[u8]) -> Result<Created, SlotError> {
        let (path, folder) = (self.path(n), self.folder_of(n));
        let chance = u128::from_be_bytes(SystemEntropy.bytes16());
        let beside = self.root.join(format!("{}#{chance}", name_of(n)));
        let is_known = self.sure()?.below > first_beside(n);
        let write = || {
            // Also where the folder is there already: the writer that made it may have died before its name
            // was durable.
            if !is_known {
                self.disk.create_dir(&folder)?;
            }
            let mut file = self.disk.open(&beside, Access::Create)?;
            file.write_at(0, frame)?;
            file.sync()
        };
        let linked = write().map_err(unwritten).and_then(|()| match self.disk.link(&beside, &path) {
            Ok(()) => Ok(Some(())),
            Err(error) => unlinked(error),
        });
        // The file has its name by now, or is not needed. A temporary file that stays behind is never read.
        let _ = self.disk.remove(&beside);
        let Some(()) = linked? else { return Ok(Created::Taken) };
        let synced = self.disk.sync_dir(&folder);
        let mut sure = self.sure()?;
        match synced {
            Ok(()) if sure.below == n => sure.below = n + 1,
            Ok(()) => {}
            Err(_) => sure.broken = true,
        }
        synced.map(|()| Created::Made).map_err(|error| SlotError::Unknown { source: error.into() })
    }

    fn read(&self, n: u64) -> Result<Option<Bytes>, SlotError> {
        let read = || -> io::Result<Vec<u8>> {
            let mut file = self.disk.open(&self.path(n), Access::Read)?;
            let bytes = usize::try_from(file.bytes()?).map_err(io::Error::other)?;
            let mut held = vec![0; bytes];
            let read = file.read_at(0, &mut held)?;
            held.truncate(read);
            Ok(held)
        };
        match read() {
            Ok(held) => {
                self.make_sure(n)?;
                Ok(Some(held.into()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unread(error)),
        }
    }

    /// Makes slot `n`, which is there, and every slot before it survive a power cut.
    fn make_sure(&self, n: u64) -> Result<(), SlotError> {
        let mut sure = self.sure()?;
        if n < sure.below {
            return Ok(());
        }
        // Every slot that is there before the sync is durable after it: often one sync serves many slots.
        let below = self.end_of_run(n);
        let synced = self.sync_folders(sure.below, n);
        match synced {
            Ok(()) => sure.below = below,
            Err(_) => sure.broken = true,
        }
        synced.map_err(|error| SlotError::Unknown { source: error.into() })
    }

    /// Syncs the folders of the slots from `first` to `n`, and the names of those folders.
    fn sync_folders(&self, first: u64, n: u64) -> io::Result<()> {
        if first == 0 {
            self.disk.create_dir(&self.root)?;
            self.disk.sync_dir(&self.root)?;
        }
        if n == 0 {
            return Ok(());
        }
        for folder in first / SLOTS_A_FOLDER..=n / SLOTS_A_FOLDER {
            match self.disk.sync_dir(&self.folder_of((folder * SLOTS_A_FOLDER).max(1))) {
                // A missing slot is reported by the reader that comes to it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                synced => synced?,
            }
        }
        if first <= 1 || first / SLOTS_A_FOLDER < n / SLOTS_A_FOLDER {
            self.disk.create_dir(&self.folder_of(n))?;
            self.disk.create_dir(&self.root.join(CHAIN))?;
        }
        Ok(())
    }

    /// Returns the slot after a run of slots that are there, beginning with `n`, which is there. The run is
    /// cut at the end of the folder, and may be cut earlier.
    fn end_of_run(&self, n: u64) -> u64 {
        let is_there = |n: u64| self.disk.open(&self.path(n), Access::Read).is_ok();
        let (mut end, mut step) = (n + 1, 1);
        // A log has no gaps: if a slot is there, all slots before it are there. So the steps may double.
        while n > 0 && (end + step - 1) / SLOTS_A_FOLDER == n / SLOTS_A_FOLDER && is_there(end + step - 1) {
            end += step;
            step *= 2;
        }
        end
    }

    fn last(&self, from: u64) -> io::Result<Option<u64>> {
        let list = |folder: &Path| match self.disk.list(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            listed => listed,
        };
        let mut folders = list(&self.root.join(CHAIN))?;
        folders.sort_unstable();
        for folder in folders.into_iter().rev() {
            let names = list(&self.root.join(CHAIN).join(folder))?;
            let last = names.iter().filter_map(|name| number_of(name)).max();
            if last.is_some() {
                return Ok(last.filter(|last| *last >= from));
            }
        }
        match self.disk.open(&self.path(0), Access::Read) {
            Ok(_) => Ok(Some(0).filter(|_| from == 0)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Returns the first slot of the folder that slot `n` is in.
fn first_beside(n: u64) -> u64 {
    if n == 0 { 0 } else { (n / SLOTS_A_FOLDER * SLOTS_A_FOLDER).max(1) }
}

/// What is known when a slot did not get its name; `Ok(None)` if another writer's slot has the name.
fn unlinked(error: io::Error) -> Result<Option<()>, SlotError> {
    match error.kind() {
        io::ErrorKind::AlreadyExists => Ok(None),
        // A file system without hard links answers with one or the other.
        io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported => Err(unwritten(error)),
        _ => Err(SlotError::Unknown { source: error.into() }),
    }
}

/// What is known when a slot could not be written under its temporary name: nothing happened.
fn unwritten(error: io::Error) -> SlotError {
    use io::ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    match error.kind() {
        NotFound | PermissionDenied | ReadOnlyFilesystem | Unsupported => {
            SlotError::Refused { source: error.into() }
        }
        _ => SlotError::Busy { source: error.into() },
    }
}

fn unread(error: io::Error) -> SlotError {
    match error.kind() {
        io::ErrorKind::PermissionDenied => SlotError::Refused { source: error.into() },
        _ => SlotError::Unknown { source: error.into() },
    }
}
