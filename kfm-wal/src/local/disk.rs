//! What the local log needs of a file system, and the real one.
//!
//! It is a trait so that tests can put faults below the log: a write that fails halfway, a sync that fails, a
//! power cut that leaves any part of what was not synced.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads an existing file.
    Read,
    /// Reads and writes an existing file.
    Write,
    /// Reads and writes an empty file; makes the file, or empties it.
    Create,
    /// Reads and writes a file that is made by this call: a file or a link of that name is `AlreadyExists`.
    New,
}

/// A file system, as far as the local log needs one.
///
/// # Laws
/// - **Synced**: after [`DiskFile::sync`] and [`Disk::sync_dir`] of its folder, a file's bytes, length and name
///   survive a power cut.
/// - **Rename**: [`Disk::rename`] replaces the target as a whole.
/// - **One lock**: while a [`DiskLock`] lives, every other call for the same path gets none; the lock ends
///   with its process.
pub trait Disk: Debug + Send + Sync {
    /// Makes a folder and what is missing above it, each durable in the folder that holds it.
    ///
    /// # Errors
    /// What the system says; the folder may be there or not.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// Returns the names in a folder, in any order.
    ///
    /// # Errors
    /// `NotFound`: there is no such folder; others as the system says.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Opens a file.
    ///
    /// # Errors
    /// `NotFound`: there is no such file; others as the system says.
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>>;

    /// Renames a file, replacing what is there.
    ///
    /// # Errors
    /// What the system says; the file then has either the old or the new name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// What the system says; the names that were changed since the last sync may be lost.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes the lock of a path, and makes the file if it is not there; `None` if another process has the
    /// lock.
    ///
    /// # Errors
    /// What the system says.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>>;
}

const _OBJECT_SAFE: Option<&dyn Disk> = None;

/// A file system on which a file can have a second name; slots in a folder need this too.
///
/// # Laws
/// - **One name**: of all calls that give a name that is not there, one succeeds; the file is then there as a
///   whole.
pub trait Links: Disk {
    /// Gives the file at `from` a second name, `to`, which must not be there yet.
    ///
    /// # Errors
    /// `AlreadyExists`: the name is there. For other errors, as the system says them, the name may be there
    /// or not.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
}

const _LINKS_OBJECT_SAFE: Option<&dyn Links> = None;

/// A file that is open on a [`Disk`].
pub trait DiskFile: Debug + Send {
    /// Returns the file's length in bytes.
    ///
    /// # Errors
    /// What the system says.
    fn bytes(&mut self) -> io::Result<u64>;

    /// Reads at `offset` until `buffer` is full or the file ends, and returns the number of bytes read.
    ///
    /// # Errors
    /// What the system says.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// What the system says; any part may have been written.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes what was written durable, and the file's length.
    ///
    /// # Errors
    /// What the system says. What was written may be durable or lost, and a later sync that succeeds does not
    /// tell which.
    fn sync(&mut self) -> io::Result<()>;
}

/// A lock that is held until it is dropped or its process ends.
pub trait DiskLock: Debug + Send {
    /// Writes the holder of the lock into the file, one line, for other processes to read.
    ///
    /// # Errors
    /// What the system says; the caller still has the lock.
    fn note(&mut self, holder: &str) -> io::Result<()>;

    /// Says whether the lock still keeps other processes out: whether the file under its name is the one that
    /// is locked. A user who removes that file lets other writers in.
    ///
    /// # Errors
    /// What the system says; then it is not known whether the lock keeps others out.
    fn is_held(&self) -> io::Result<bool> {
        Ok(true)
    }
}

/// The machine's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let parent = match dir.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => return Ok(()),
        };
        if dir.is_dir() {
            // The process that made the folder may have died before the folder's name was durable. A parent
            // folder that this process must not read is not one that this log has made.
            return match self.sync_dir(parent) {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
                synced => synced,
            };
        }
        self.create_dir(parent)?;
        match fs::create_dir(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        self.sync_dir(parent)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            // The log gives no names that are not Unicode: such a file is not part of it.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        match access {
            Access::Read => options.read(true),
            Access::Write => options.read(true).write(true),
            Access::Create => options.read(true).write(true).create(true).truncate(true),
            Access::New => options.read(true).write(true).create_new(true),
        };
        Ok(Box::new(RealFile(options.open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    #[cfg(unix)]
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    /// On other systems a folder cannot be opened as a file; the system itself makes names durable.
    #[cfg(not(unix))]
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(RealLock { file, path: path.to_owned() }))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Links for RealDisk {
    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }
}

#[derive(Debug)]
struct RealFile(File);

impl DiskFile for RealFile {
    fn bytes(&mut self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match read_some_at(&mut self.0, offset + filled as u64, &mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    #[cfg(unix)]
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(&self.0, bytes, offset)
    }

    #[cfg(not(unix))]
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.seek(SeekFrom::Start(offset))?;
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[cfg(unix)]
fn read_some_at(file: &mut File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(not(unix))]
fn read_some_at(file: &mut File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    file.seek(SeekFrom::Start(offset))?;
    io::Read::read(file, buffer)
}

#[derive(Debug)]
struct RealLock {
    file: File,
    path: PathBuf,
}

impl DiskLock for RealLock {
    fn note(&mut self, holder: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(holder.as_bytes())
    }

    fn is_held(&self) -> io::Result<bool> {
        is_the_file_at(&self.file, &self.path)
    }
}

/// Says whether the path names this open file.
///
/// # Errors
/// What the system says. That nothing is at the path is not an error but `false`.
#[cfg(unix)]
pub fn is_the_file_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    match fs::symlink_metadata(path) {
        Ok(there) => {
            let held = file.metadata()?;
            Ok((there.dev(), there.ino()) == (held.dev(), held.ino()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Always true: on other systems a file that is open and locked cannot be removed.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub fn is_the_file_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}
