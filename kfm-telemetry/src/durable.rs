//! Files that survive a crash: not only their bytes are made durable, but also their names in the folder.
//!
//! This is the only file of the crate that knows how the operating system does it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use kfm_lineage::Digest;

/// Makes a folder and the missing folders above it, each durable before anything is put into it.
///
/// It makes one level at a time, so that a process that finds a folder after a crash has to make only the
/// last one durable.
pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> =
        folder.ancestors().take_while(|part| !part.as_os_str().is_empty() && !part.exists()).collect();
    for part in missing.into_iter().rev() {
        match fs::create_dir(part) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => sync_folder_of(part)?,
        }
    }
    Ok(())
}

/// Makes the name of `path` in its folder durable.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    sync_folder(folder)
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Other systems do not open folders as files; there a name is durable when its file is.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Replaces the bytes of a file: readers see the old ones or the new ones, also after a crash.
///
/// The bytes are first written into a staging file, whose name begins with a dot and contains their digest. A
/// crash leaves at most one such file, which the next attempt overwrites.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    if !folder.as_os_str().is_empty() {
        create_folder(folder)?;
    }
    refuse_link(path)?;
    let staging = staging_of(path, bytes)?;
    let written = write_whole(&staging, bytes).and_then(|()| fs::rename(&staging, path));
    if let Err(error) = written {
        // An error here is ignored: the first error is the one to report, and the next attempt uses the name
        // again.
        let _ = fs::remove_file(&staging);
        return Err(error);
    }
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

/// Makes a durable file of exactly these bytes.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A file at this place is a left-over, or a link that another user has put there: nothing is written
    // through it.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn staging_of(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?
        .to_string_lossy();
    let digest = Digest::of_bytes(bytes).hex();
    Ok(path.with_file_name(format!(".{name}.{}.tmp", &digest[..16])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_has_the_new_bytes_and_no_staging_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/view.json");
        replace(&path, b"old").unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[cfg(unix)]
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
        fs::remove_file(&path).unwrap();
        // The name of the staging file is a link too.
        std::os::unix::fs::symlink(&outside, staging_of(&path, b"new").unwrap()).unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(
            (fs::read(&outside).unwrap(), fs::read(&path).unwrap()),
            (b"kept".to_vec(), b"new".to_vec())
        );
    }

    #[test]
    fn a_file_that_cannot_be_replaced_stays_and_the_staging_file_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("view.json");
        // A folder with a file in it has the name, so that renaming over it fails.
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), b"kept").unwrap();
        assert!(replace(&path, b"new").is_err());
        assert_eq!(fs::read(path.join("inside")).unwrap(), b"kept");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
