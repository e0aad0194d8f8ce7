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

/// Makes the bytes of a file durable that another process may have written.
#[cfg(unix)]
pub(super) fn sync_file(file: &Path) -> io::Result<()> {
    fs::File::open(file)?.sync_all()
}

/// Windows flushes only through a handle that may write.
#[cfg(not(unix))]
pub(super) fn sync_file(file: &Path) -> io::Result<()> {
    fs::OpenOptions::new().write(true).open(file)?.sync_all()
}

/// Swaps what two names lead to, at one instant; both must be there.
#[cfg(target_os = "linux")]
pub(super) fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    rename_as(one, other, rustix::fs::RenameFlags::EXCHANGE)
}

/// Renames a file to a name that is not there yet.
#[cfg(target_os = "linux")]
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    rename_as(from, to, rustix::fs::RenameFlags::NOREPLACE)
}

#[cfg(target_os = "linux")]
fn rename_as(from: &Path, to: &Path, flags: rustix::fs::RenameFlags) -> io::Result<()> {
    Ok(rustix::fs::renameat_with(rustix::fs::CWD, from, rustix::fs::CWD, to, flags)?)
}

/// Other systems have no such call.
#[cfg(not(target_os = "linux"))]
pub(super) fn exchange(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Other systems have no such call.
#[cfg(not(target_os = "linux"))]
pub(super) fn rename_new(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Says whether the system or the file system lacks the call; then nothing was done.
pub(super) fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput)
}

/// Says whether the system, or this process, has no open file to spare: `ENFILE` and `EMFILE`, the same numbers on
/// every Unix.
#[cfg(unix)]
pub(super) fn lacks_handles(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}

/// `ERROR_TOO_MANY_OPEN_FILES`.
#[cfg(not(unix))]
pub(super) fn lacks_handles(error: &io::Error) -> bool {
    error.raw_os_error() == Some(4)
}
