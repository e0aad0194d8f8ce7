//! Files that are there as a whole or not at all, also after a power cut: written beside their place, synced, renamed
//! into it, and the folder synced.

use std::io;
use std::path::{Path, PathBuf};

use kfm_lineage::Digest;

use super::disk::{Access, Disk, DiskFile};

/// Puts `bytes` in the place of the file at `path`, and makes the folder if it is missing. Readers see the old bytes
/// or the new ones.
///
/// The draft's name begins with a dot and has the digest of the bytes, so that two writers do not share one. A crash
/// leaves at most that file.
///
/// # Errors
/// What the disk says, and `InvalidInput` if the path names no file. Unless the folder could not be synced, the old
/// bytes are there.
pub fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    disk.create_dir(folder_of(path))?;
    let beside = draft_of(path, bytes)?;
    draft(disk, &beside, |file| file.write_at(0, bytes))?;
    place(disk, &beside, path)
}

/// Makes the new file `beside`, lets `write` fill it, and syncs it. A file of that name is a left-over, or a link that
/// somebody laid to redirect the write: it is removed, never written through.
///
/// # Errors
/// What the disk or `write` says; the draft is removed again where that is possible, since it may be what fills the
/// disk.
pub fn draft<T, E: From<io::Error>>(
    disk: &dyn Disk,
    beside: &Path,
    write: impl FnOnce(&mut dyn DiskFile) -> Result<T, E>,
) -> Result<T, E> {
    match disk.remove(beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let mut file = disk.open(beside, Access::New)?;
    let written = write(file.as_mut()).and_then(|value| Ok(file.sync().map(|()| value)?));
    drop(file);
    written.inspect_err(|_| _ = disk.remove(beside))
}

/// Renames a draft into its place, which must be in the same folder, and makes the name durable.
///
/// # Errors
/// What the disk says. The draft is removed if it could not be renamed; if the folder could not be synced, it may
/// stand in its place or not after a power cut.
pub fn place(disk: &dyn Disk, beside: &Path, path: &Path) -> io::Result<()> {
    disk.rename(beside, path).inspect_err(|_| _ = disk.remove(beside))?;
    disk.sync_dir(folder_of(path))
}

/// Returns the folder that a file is in. The parent of a bare file name is the working directory.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn draft_of(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let no_file = || io::Error::new(io::ErrorKind::InvalidInput, "the path names no file");
    let name = path.file_name().ok_or_else(no_file)?.to_string_lossy();
    let digest = Digest::of_bytes(bytes).hex();
    Ok(path.with_file_name(format!(".{name}.{}.tmp", &digest[..16])))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::local::disk::RealDisk;

    #[test]
    fn a_replaced_file_has_the_new_bytes_and_no_draft_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/view.json");
        replace(&RealDisk, &path, b"old").unwrap();
        replace(&RealDisk, &path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_place_of_the_draft_is_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let (outside, path) = (folder.path().join("outside"), folder.path().join("view.json"));
        fs::write(&outside, b"kept").unwrap();
        std::os::unix::fs::symlink(&outside, draft_of(&path, b"new").unwrap()).unwrap();
        replace(&RealDisk, &path, b"new").unwrap();
        assert_eq!(
            (fs::read(&outside).unwrap(), fs::read(&path).unwrap()),
            (b"kept".to_vec(), b"new".to_vec())
        );
    }

    #[test]
    fn a_file_that_cannot_be_replaced_stays_and_the_draft_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("view.json");
        // A folder with a file in it has the name, so that renaming over it fails.
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), b"kept").unwrap();
        assert!(replace(&RealDisk, &path, b"new").is_err());
        assert_eq!(fs::read(path.join("inside")).unwrap(), b"kept");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(replace(&RealDisk, Path::new(".."), b"new").is_err());
    }

    #[test]
    fn what_could_not_be_written_leaves_no_draft() {
        let folder = tempfile::tempdir().unwrap();
        let beside = folder.path().join(".view.tmp");
        let full = |file: &mut dyn DiskFile| {
            file.write_at(0, b"half")?;
            Err::<(), io::Error>(io::ErrorKind::StorageFull.into())
        };
        assert_eq!(draft(&RealDisk, &beside, full).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
