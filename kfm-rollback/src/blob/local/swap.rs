//! Swapping files: stage beside the place, compare, rename, sync the folders.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use kfm_lineage::{Digest, Value};

use super::displaced::{Temporary, create_temporary, remove, remove_emptied, retire};
use super::folder::{Folder, Seen, failed, unknown};
use crate::blob::{BlobError, BlobSwap, Precondition, SwapOutcome, key, platform};

/// Files that are written before the first of them is synced; also bounds open files.
const WINDOW_FILES: usize = 64;

/// Threads that sync a window: a disk writes its journal once for all syncs that wait for it at that moment.
const SYNC_THREADS: usize = 8;

impl Folder {
    pub(super) fn swap(&self, batch: Vec<BlobSwap>) -> Result<Vec<SwapOutcome>, BlobError> {
        self.present()?;
        batch.iter().try_for_each(|swap| key::check(&swap.key))?;
        let targets: Vec<Value> =
            batch.iter().map(|swap| swap.to.as_ref().map(|bytes| Digest::of_bytes(bytes))).collect();
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut folders = BTreeSet::new();
        for run in runs_without_repetition(&batch) {
            let (batch, targets) = (&batch[run.clone()], &targets[run]);
            let staged = self.stage(batch, targets, &mut folders)?;
            for ((swap, &to), staged) in batch.iter().zip(targets).zip(staged) {
                outcomes.push(self.commit(swap, to, staged, &mut folders)?);
            }
        }
        for folder in folders {
            platform::sync_folder(&folder).map_err(|error| unknown(&folder.display().to_string(), error))?;
        }
        Ok(outcomes)
    }

    /// Writes and syncs what is to be renamed, and judges what needs no write.
    fn stage(
        &self,
        batch: &[BlobSwap],
        targets: &[Value],
        folders: &mut BTreeSet<PathBuf>,
    ) -> Result<Vec<Staged>, BlobError> {
        let mut seen = Seen::new();
        let mut staged = Vec::with_capacity(batch.len());
        let mut window = Vec::with_capacity(WINDOW_FILES);
        for (swap, to) in batch.iter().zip(targets) {
            let observed = self.digest(&swap.key, &mut seen)?;
            staged.push(match (judge(observed, swap.precondition, *to), &swap.to) {
                (Some(outcome), _) => Staged::Judged(outcome),
                (None, None) => Staged::Retire,
                (None, Some(bytes)) => {
                    let (temporary, file) = self.write_beside(&swap.key, bytes, &mut seen, folders)?;
                    window.push((swap.key.as_str(), file));
                    Staged::Written(temporary)
                }
            });
            if window.len() == WINDOW_FILES {
                sync_all(&mut window)?;
            }
        }
        sync_all(&mut window)?;
        Ok(staged)
    }

    /// Makes one swap visible, if the precondition still holds.
    fn commit(
        &self,
        swap: &BlobSwap,
        to: Value,
        staged: Staged,
        folders: &mut BTreeSet<PathBuf>,
    ) -> Result<SwapOutcome, BlobError> {
        let path = self.path_of(&swap.key);
        let outcome = match staged {
            Staged::Judged(outcome) => outcome,
            // Compared again right before the act, since other processes do not ask for our lock.
            _ => match judge(self.digest(&swap.key, &mut Seen::new())?, swap.precondition, to) {
                Some(outcome) => outcome,
                None => match self.act(swap, &path, staged)? {
                    // Another process has just written the same value.
                    SwapOutcome::Conflict { observed } if observed == to => SwapOutcome::Already,
                    outcome => outcome,
                },
            },
        };
        match outcome {
            SwapOutcome::Applied => folders.extend(path.parent().map(Path::to_owned)),
            // The process that made it may have been killed between its rename and its sync.
            SwapOutcome::Already => self.settle(&swap.key, &path, to, folders)?,
            // `act` may have moved another process's file away and back: the folder's names must be durable again.
            SwapOutcome::Conflict { .. } => {
                folders.extend(path.parent().filter(|folder| folder.is_dir()).map(Path::to_owned));
            }
        }
        Ok(outcome)
    }

    /// Makes one swap visible. The file that it displaces is compared with what the swap starts from, and put back
    /// if it differs.
    fn act(&self, swap: &BlobSwap, path: &Path, staged: Staged) -> Result<SwapOutcome, BlobError> {
        let key = &swap.key;
        #[cfg(feature = "test-util")]
        self.faults.before_act(path);
        let outcome = match (staged, swap.precondition) {
            (Staged::Written(temporary), Precondition::Is(Some(from))) => {
                temporary.replace(key, path, from)?
            }
            (Staged::Written(temporary), Precondition::Is(None)) => {
                remove_emptied(path).map_err(|error| failed(key, error))?;
                temporary.add(key, path)?
            }
            (Staged::Written(temporary), Precondition::Any) => temporary.rename_to(key, path)?,
            (_, Precondition::Is(Some(from))) => retire(key, path, from)?,
            (_, _) => remove(key, path)?,
        };
        #[cfg(feature = "test-util")]
        if outcome == SwapOutcome::Applied {
            self.faults.after_change(key)?;
        }
        Ok(outcome)
    }

    /// Makes durable what already stands at a key.
    fn settle(
        &self,
        key: &str,
        path: &Path,
        value: Value,
        folders: &mut BTreeSet<PathBuf>,
    ) -> Result<(), BlobError> {
        if value.is_some() {
            platform::sync_file(path).map_err(|error| failed(key, error))?;
        }
        let nearest = path.ancestors().skip(1).find(|folder| folder.is_dir());
        folders.extend(nearest.map(Path::to_owned));
        Ok(())
    }

    /// Writes bytes into a new temporary file in the folder that a key leads to, which is made if need be.
    fn write_beside(
        &self,
        key: &str,
        bytes: &Bytes,
        seen: &mut Seen,
        folders: &mut BTreeSet<PathBuf>,
    ) -> Result<(Temporary, File), BlobError> {
        let rights = self.locate(key, seen)?.map(|(_, metadata)| metadata.permissions());
        let place = self.path_of(key);
        let folder = place.parent().unwrap_or(self.root());
        make_folder(folder, |folder| fs::create_dir(folder), folders).map_err(|error| failed(key, error))?;
        #[cfg_attr(not(feature = "test-util"), expect(unused_mut, reason = "only a fault changes it"))]
        let (mut temporary, mut file) = create_temporary(folder).map_err(|error| failed(key, error))?;
        #[cfg(feature = "test-util")]
        if let Err(error) = self.faults.before_write(key, bytes, &mut file) {
            // Half a file stays behind, as after a crash.
            temporary.path.take_if(|_| matches!(error, BlobError::Permanent { .. }));
            return Err(error);
        }
        let written = file.write_all(bytes).and_then(|()| keep_rights(&file, rights));
        written.map_err(|error| failed(key, error))?;
        Ok((temporary, file))
    }
}

/// What staging found out about one swap.
enum Staged {
    /// Nothing is to be done.
    Judged(SwapOutcome),
    /// The file is to go.
    Retire,
    /// The file is to be replaced by this one.
    Written(Temporary),
}

/// Says what becomes of a swap without a write; `None` means that the swap has to be made.
fn judge(observed: Value, precondition: Precondition, to: Value) -> Option<SwapOutcome> {
    match precondition {
        _ if observed == to => Some(SwapOutcome::Already),
        Precondition::Is(from) if from != observed => Some(SwapOutcome::Conflict { observed }),
        _ => None,
    }
}

/// Cuts a batch where a key comes again: its second swap starts from what the first has left.
fn runs_without_repetition(batch: &[BlobSwap]) -> Vec<std::ops::Range<usize>> {
    let mut runs = Vec::new();
    let mut keys = BTreeSet::new();
    let mut start = 0;
    for (i, swap) in batch.iter().enumerate() {
        if !keys.insert(swap.key.as_str()) {
            runs.push(start..i);
            start = i;
            keys = BTreeSet::from([swap.key.as_str()]);
        }
    }
    runs.push(start..batch.len());
    runs
}

/// Makes a folder and those above it; `folders` gets each that has a new name in it, and is to be synced.
pub(super) fn make_folder(
    folder: &Path,
    make: fn(&Path) -> io::Result<()>,
    folders: &mut BTreeSet<PathBuf>,
) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    // A relative path of one name lies in the current folder.
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_folder(above, make, folders)?;
    match make(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => {}
        Err(error) => return Err(error),
    }
    folders.insert(above.to_owned());
    Ok(())
}

/// Gives a file the access rights of the file that it replaces, so that every account that could read the old one
/// can read the new one.
fn keep_rights(file: &File, rights: Option<Permissions>) -> io::Result<()> {
    rights.map_or(Ok(()), |rights| file.set_permissions(rights))
}

/// Syncs and closes the files of a window.
fn sync_all(window: &mut Vec<(&str, File)>) -> Result<(), BlobError> {
    let files = std::mem::take(window);
    let share = files.len().div_ceil(SYNC_THREADS).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = files
            .chunks(share)
            .map(|files| {
                scope.spawn(|| {
                    files
                        .iter()
                        .try_for_each(|(key, file)| file.sync_all().map_err(|error| failed(key, error)))
                })
            })
            .collect();
        // Every thread is waited for, also after an error; the first error counts.
        let answers: Vec<_> =
            threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect();
        answers.into_iter().collect()
    })
}
