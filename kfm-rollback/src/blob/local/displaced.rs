//! Renaming without losing what another hand wrote between the last look and the act.
//!
//! A rename displaces whatever lies under the name by then. So the two names are exchanged, the file that comes out
//! is compared with what the swap expected, and a file that another process wrote goes back (`RENAME_EXCHANGE` and
//! `RENAME_NOREPLACE`). Where the system or the file system lacks these calls, a file that another process writes
//! between the look and the rename is lost.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use kfm_lineage::{Digest, Value};

use super::folder::{TEMPORARY, digest_of, failed, unknown};
use crate::blob::{BlobError, SwapOutcome, platform};

/// Names that are tried for a temporary file; others' left-overs may have the first ones.
const TEMPORARY_NAMES_TRIED_MAX: u32 = 1_000;

/// Makes names of temporary files differ within this process.
static TEMPORARY_NUMBER: AtomicU64 = AtomicU64::new(0);

/// A temporary file; removed when dropped, unless it was renamed.
pub(super) struct Temporary {
    pub(super) path: Option<PathBuf>,
}

impl Temporary {
    /// Puts the file in the place of whatever is there.
    pub(super) fn rename_to(mut self, key: &str, place: &Path) -> Result<SwapOutcome, BlobError> {
        let Some(path) = &self.path else { return Ok(SwapOutcome::Applied) };
        match fs::rename(path, place) {
            Ok(()) => {
                self.path = None;
                Ok(SwapOutcome::Applied)
            }
            Err(error) => Err(swept_or_failed(key, error)),
        }
    }

    /// Puts the file where nothing is.
    pub(super) fn add(mut self, key: &str, place: &Path) -> Result<SwapOutcome, BlobError> {
        let Some(path) = &self.path else { return Ok(SwapOutcome::Applied) };
        match platform::rename_new(path, place) {
            Ok(()) => {
                self.path = None;
                Ok(SwapOutcome::Applied)
            }
            Err(error) if platform::is_unsupported(&error) => self.rename_to(key, place),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => match value_at(place) {
                // A folder or a link: no key can have it as its value, so it is not overwritten.
                Ok(None) => Err(failed(key, error)),
                observed => {
                    Ok(SwapOutcome::Conflict { observed: observed.map_err(|error| failed(key, error))? })
                }
            },
            Err(error) => Err(swept_or_failed(key, error)),
        }
    }

    /// Puts the file in the place of one that holds `from`, and of no other.
    pub(super) fn replace(mut self, key: &str, place: &Path, from: Digest) -> Result<SwapOutcome, BlobError> {
        let Some(path) = self.path.clone() else { return Ok(SwapOutcome::Applied) };
        match platform::exchange(&path, place) {
            Ok(()) => {}
            Err(error) if platform::is_unsupported(&error) => return self.rename_to(key, place),
            // The temporary file is there, so the missing one is the file to replace: another process removed it.
            Err(error) if error.kind() == ErrorKind::NotFound && path.exists() => {
                return Ok(SwapOutcome::Conflict { observed: None });
            }
            Err(error) => return Err(swept_or_failed(key, error)),
        }
        let displaced = value_at(&path);
        if matches!(displaced, Ok(Some(displaced)) if displaced == from) {
            return Ok(SwapOutcome::Applied);
        }
        // From here on the temporary name may hold another process's file, so it is not removed.
        self.path = None;
        platform::exchange(&path, place).map_err(|error| unknown(key, error))?;
        self.path = Some(path);
        Ok(SwapOutcome::Conflict { observed: displaced.map_err(|error| unknown(key, error))? })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            // What cannot be removed now, the next sweep removes.
            let _ = fs::remove_file(path);
        }
    }
}

/// Takes a file away that holds `from`, and no other.
pub(super) fn retire(key: &str, place: &Path, from: Digest) -> Result<SwapOutcome, BlobError> {
    let aside = beside(place.parent().unwrap_or(Path::new(".")));
    match fs::rename(place, &aside) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(SwapOutcome::Already),
        Err(error) => return Err(failed(key, error)),
    }
    let displaced = value_at(&aside);
    if matches!(displaced, Ok(Some(displaced)) if displaced == from) {
        // What cannot be removed now, the next sweep removes.
        let _ = fs::remove_file(&aside);
        return Ok(SwapOutcome::Applied);
    }
    match platform::rename_new(&aside, place) {
        Err(error) if platform::is_unsupported(&error) => fs::rename(&aside, place),
        put_back => put_back,
    }
    .map_err(|error| unknown(key, error))?;
    Ok(SwapOutcome::Conflict { observed: displaced.map_err(|error| unknown(key, error))? })
}

/// Takes away whatever file is there.
pub(super) fn remove(key: &str, place: &Path) -> Result<SwapOutcome, BlobError> {
    match fs::remove_file(place) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(key, error)),
        _ => Ok(SwapOutcome::Applied),
    }
}

/// Removes a folder that stands where a file is to go, if nothing but folders is left in it: retires leave them.
pub(super) fn remove_emptied(place: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(place).is_ok_and(|metadata| metadata.is_dir()) {
        return Ok(());
    }
    let mut folders = vec![place.to_owned()];
    let mut at = 0;
    while let Some(folder) = folders.get(at).cloned() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                let why = format!("a folder with files in it stands there: path={}", entry.path().display());
                return Err(io::Error::new(ErrorKind::DirectoryNotEmpty, why));
            }
            folders.push(entry.path());
        }
        at += 1;
    }
    // Those below first; one that has got a file meanwhile stays.
    folders.iter().rev().try_for_each(fs::remove_dir)
}

/// Makes a temporary file in a folder: a new one, that no link leads away from.
pub(super) fn create_temporary(folder: &Path) -> io::Result<(Temporary, File)> {
    let mut tried = 0;
    loop {
        let path = beside(folder);
        tried += 1;
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((Temporary { path: Some(path) }, file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && tried < TEMPORARY_NAMES_TRIED_MAX => {}
            Err(error) => return Err(error),
        }
    }
}

/// Names a temporary file in a folder.
fn beside(folder: &Path) -> PathBuf {
    let (process, number) = (std::process::id(), TEMPORARY_NUMBER.fetch_add(1, Ordering::Relaxed));
    folder.join(format!("{}{process}-{number}{}", TEMPORARY.0, TEMPORARY.1))
}

/// Digests what lies at a path, which is nothing if it is no file.
fn value_at(path: &Path) -> io::Result<Value> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => digest_of(path).map(Some),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Another process has swept the temporary file away as a left-over: nothing was changed, write it again.
fn swept_or_failed(key: &str, error: io::Error) -> BlobError {
    match error.kind() {
        ErrorKind::NotFound => BlobError::Transient { key: key.to_owned(), source: Box::new(error) },
        _ => failed(key, error),
    }
}
