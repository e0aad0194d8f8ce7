//! Files that survive a crash, on the disk of this machine: not only their bytes are durable, but also their names.

use std::fs;
use std::io;
use std::path::Path;

use kfm_wal::local::disk::{Disk, RealDisk};
use kfm_wal::local::whole;

/// Makes a folder and the missing folders above it, each durable; costs nothing where it is there.
pub(crate) fn create_folder_of(path: &Path) -> io::Result<()> {
    let folder = whole::folder_of(path);
    if folder.is_dir() { Ok(()) } else { RealDisk.create_dir(folder) }
}

/// Makes the name of `path` in its folder durable.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    RealDisk.sync_dir(whole::folder_of(path))
}

/// Replaces the bytes of a file: readers see the old ones or the new ones, also after a crash.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    refuse_link(path)?;
    whole::replace(&RealDisk, path, bytes)
}

/// Makes a durable file of exactly these bytes, in the place of a left-over of that name.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    whole::draft(&RealDisk, path, |file| file.write_at(0, bytes))?;
    sync_folder_of(path)
}

/// Refuses a symbolic link, so that bytes written under this name stay under this name.
pub(crate) fn refuse_link(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a symbolic link, which is not followed"))
        }
        _ => Ok(()),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_written_neither_through_nor_over() {
        let folder = tempfile::tempdir().unwrap();
        let (outside, path) = (folder.path().join("outside"), folder.path().join("view.json"));
        fs::write(&outside, b"kept").unwrap();
        std::os::unix::fs::symlink(&outside, &path).unwrap();
        assert!(replace(&path, b"new").is_err());
        assert!(matches!(
            crate::line_file::append(&path, b"{}\n"),
            Err(crate::line_file::AppendFault::Io(_))
        ));
        assert_eq!(fs::read(&outside).unwrap(), b"kept");
    }
}
