//! The folder behind [`LocalBlobs`](super::LocalBlobs): where keys lead, what is there, what a crash left.

use std::collections::BTreeSet;
use std::fs::{self, File, FileType, Metadata};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use kfm_lineage::{Digest, DigestKind, Value};
use sha2::{Digest as _, Sha256};

use crate::blob::{BlobError, Stray, key, platform};

/// First and last part of the names of our temporary files. No key can have such a name, since no key begins with a
/// dot.
pub(super) const TEMPORARY: (&str, &str) = (".kfm-", ".tmp");

/// Bytes that are read at once for a digest.
const CHUNK_BYTES: usize = 64 * 1024;

/// A folder, with blocking calls.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    #[cfg(feature = "test-util")]
    pub(super) faults: crate::blob::fault::Faults,
}

/// Folders that were seen to be folders during one call, and not links.
pub(super) type Seen = BTreeSet<PathBuf>;

impl Folder {
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            #[cfg(feature = "test-util")]
            faults: crate::blob::fault::Faults::default(),
        }
    }

    #[cfg(feature = "test-util")]
    pub(super) fn with_faults(root: PathBuf, faults: crate::blob::fault::Faults) -> Self {
        Self { root, faults }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn get(&self, key: &str) -> Result<Option<Bytes>, BlobError> {
        self.present()?;
        match self.locate(key, &mut Seen::new())? {
            None => Ok(None),
            Some((path, _)) => match fs::read(&path) {
                Ok(bytes) => Ok(Some(bytes.into())),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(unread(key, error)),
            },
        }
    }

    pub(super) fn digests(&self, keys: &[String]) -> Result<Vec<Value>, BlobError> {
        self.present()?;
        let mut seen = Seen::new();
        keys.iter().map(|key| self.digest(key, &mut seen)).collect()
    }

    /// Digests the file at a key without holding it in memory.
    pub(super) fn digest(&self, key: &str, seen: &mut Seen) -> Result<Value, BlobError> {
        match self.locate(key, seen)? {
            None => Ok(None),
            Some((path, _)) => match digest_of(&path) {
                Ok(digest) => Ok(Some(digest)),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(unread(key, error)),
            },
        }
    }

    pub(super) fn list(&self, suffixes: &[String]) -> Result<Vec<String>, BlobError> {
        self.present()?;
        let mut keys = Vec::new();
        self.walk(|path, kind| {
            if is_selected(path, suffixes) && kind.is_file() {
                keys.extend(self.key_of(path).ok());
            }
            Ok(())
        })?;
        keys.sort_unstable();
        Ok(keys)
    }

    /// Lists what is named like a key and cannot be one.
    pub(super) fn strays(&self, suffixes: &[String]) -> Result<Vec<Stray>, BlobError> {
        self.present()?;
        let mut strays = Vec::new();
        self.walk(|path, kind| {
            let why = if kind.is_symlink() {
                // A link may stand for an asset, which is not the store's business; a link to a folder may hide
                // keys.
                let hides_keys = fs::metadata(path).is_ok_and(|target| target.is_dir());
                (hides_keys || is_selected(path, suffixes))
                    .then_some("it is a symbolic link, which is not followed")
            } else if !is_selected(path, suffixes) {
                None
            } else if !kind.is_file() {
                Some("it is not a regular file")
            } else {
                match self.key_of(path) {
                    Err(BlobError::InvalidKey { why, .. }) => Some(why),
                    _ => None,
                }
            };
            strays.extend(why.map(|why| {
                let below = path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().into_owned();
                Stray { path: below, why }
            }));
            Ok(())
        })?;
        strays.sort_unstable();
        Ok(strays)
    }

    pub(super) fn sweep(&self) -> Result<(), BlobError> {
        self.present()?;
        let mut folders = BTreeSet::new();
        self.walk_all(|path, kind| {
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            let ours = name.starts_with(TEMPORARY.0.as_bytes()) && name.ends_with(TEMPORARY.1.as_bytes());
            if !ours || !kind.is_file() {
                return Ok(());
            }
            match fs::remove_file(path) {
                Ok(()) => folders.extend(path.parent().map(Path::to_owned)),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(failed(&path.display().to_string(), error)),
            }
            Ok(())
        })?;
        for folder in folders {
            platform::sync_folder(&folder).map_err(|error| unknown(&folder.display().to_string(), error))?;
        }
        Ok(())
    }

    /// Refuses to work where the folder itself is missing, which must not pass for an empty one.
    pub(super) fn present(&self) -> Result<(), BlobError> {
        match fs::metadata(&self.root) {
            Ok(metadata) if metadata.is_dir() => Ok(()),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(unread(&self.root.display().to_string(), error))
            }
            _ => Err(BlobError::Missing { place: self.root.display().to_string() }),
        }
    }

    /// Follows a key from folder to folder, over no link, to the file that lies there.
    pub(super) fn locate(
        &self,
        key: &str,
        seen: &mut Seen,
    ) -> Result<Option<(PathBuf, Metadata)>, BlobError> {
        key::check(key)?;
        let mut path = self.root.clone();
        let mut segments = key.split('/').peekable();
        while let Some(segment) = segments.next() {
            path.push(segment);
            let is_last = segments.peek().is_none();
            if !is_last && seen.contains(&path) {
                continue;
            }
            let metadata = match fs::symlink_metadata(&path) {
                Ok(metadata) => metadata,
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => break,
                Err(error) => return Err(unread(key, error)),
            };
            if metadata.is_symlink() {
                return Err(link(&path));
            } else if !is_last && metadata.is_dir() {
                seen.insert(path.clone());
            } else if is_last && metadata.is_file() {
                return Ok(Some((path, metadata)));
            } else if is_last && metadata.is_dir() {
                // No file is there. If the folder itself is in the way, the writer that makes the file finds out.
                break;
            } else if is_last {
                let error = io::Error::new(ErrorKind::InvalidInput, "not a regular file");
                return Err(failed(key, error));
            } else {
                break;
            }
        }
        Ok(None)
    }

    /// Returns where a key that was checked leads.
    pub(super) fn path_of(&self, key: &str) -> PathBuf {
        key.split('/').fold(self.root.clone(), |path, segment| path.join(segment))
    }

    fn key_of(&self, path: &Path) -> Result<String, BlobError> {
        let below = path.strip_prefix(&self.root).unwrap_or(path);
        let segments: Option<Vec<&str>> = below.iter().map(std::ffi::OsStr::to_str).collect();
        let key = segments.map(|segments| segments.join("/")).ok_or_else(|| BlobError::InvalidKey {
            key: below.to_string_lossy().into_owned(),
            why: "it is not UTF-8",
        })?;
        key::check(&key)?;
        Ok(key)
    }

    /// Visits all files and links whose path has no name that begins with a dot.
    fn walk(&self, mut visit: impl FnMut(&Path, FileType) -> Result<(), BlobError>) -> Result<(), BlobError> {
        self.walk_all(|path, kind| {
            let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if hidden { Ok(()) } else { visit(path, kind) }
        })
    }

    /// Visits all files and links outside folders whose name begins with a dot.
    fn walk_all(
        &self,
        mut visit: impl FnMut(&Path, FileType) -> Result<(), BlobError>,
    ) -> Result<(), BlobError> {
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            let unread = |error| unread(&folder.display().to_string(), error);
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                // Removed since its name was read.
                Err(error) if error.kind() == ErrorKind::NotFound && folder != self.root => continue,
                Err(error) => return Err(unread(error)),
            };
            for entry in entries {
                let entry = entry.map_err(unread)?;
                let kind = entry.file_type().map_err(unread)?;
                if !kind.is_dir() {
                    visit(&entry.path(), kind)?;
                } else if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                    folders.push(entry.path());
                }
            }
        }
        Ok(())
    }
}

fn is_selected(path: &Path, suffixes: &[String]) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    suffixes.is_empty() || suffixes.iter().any(|suffix| name.ends_with(suffix.as_bytes()))
}

pub(super) fn digest_of(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(Digest::from_parts(DigestKind::Bytes, hash.finalize().into())),
            Ok(bytes) => hash.update(&chunk[..bytes]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn link(path: &Path) -> BlobError {
    BlobError::Link { path: path.display().to_string() }
}

/// Maps an error of a read to what the caller does next.
///
/// A failed read says nothing about the bytes. The causes (a disk or a network that fails, a full table of open
/// files, wrong access rights) pass by themselves or are repaired, and none of them means that the bytes are wrong.
fn unread(key: &str, error: io::Error) -> BlobError {
    BlobError::Transient { key: key.to_owned(), source: Box::new(error) }
}

/// Maps the error of a write that changed nothing to what the caller does next.
pub(super) fn failed(key: &str, error: io::Error) -> BlobError {
    let (key, transient) = (key.to_owned(), is_transient(&error));
    let source = Box::new(error);
    if transient { BlobError::Transient { key, source } } else { BlobError::Permanent { key, source } }
}

/// Maps the error of a call that may have changed something to what the caller does next.
pub(super) fn unknown(key: &str, error: io::Error) -> BlobError {
    BlobError::Unknown { key: key.to_owned(), source: Box::new(error) }
}

fn is_transient(error: &io::Error) -> bool {
    let passes = matches!(
        error.kind(),
        ErrorKind::Interrupted
            | ErrorKind::WouldBlock
            | ErrorKind::TimedOut
            | ErrorKind::ResourceBusy
            | ErrorKind::StaleNetworkFileHandle
    );
    passes || platform::lacks_handles(error)
}
