//! The calls that differ between operating systems; nothing else in the crate does.

use std::fs;
use std::io;
use std::path::Path;

/// Makes the names in a folder durable.
#[cfg(unix)]
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Windows has no call for a folder; NTFS logs names in its own journal.
#[cfg(not(unix))]
pub(super) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Makes a folder that only its owner can enter; those above it must be there.
#[cfg(unix)]
pub(super) fn create_private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(folder)
}

/// Makes a folder with the rights that its parent hands down.
#[cfg(not(unix))]
pub(super) fn create_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)
}

/// Makes the bytes of a file durable that somebody else wrote.
#[cfg(unix)]
pub(super) fn sync_file(file: &Path) -> io::Result<()> {
    fs::File::open(file)?.sync_all()
}

/// Windows flushes only over a handle that may write.
#[cfg(not(unix))]
pub(super) fn sync_file(file: &Path) -> io::Result<()> {
    fs::OpenOptions::new().write(true).open(file)?.sync_all()
}
