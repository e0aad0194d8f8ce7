//! The file of a private key: newly made, and readable only by its owner.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A key file that was made and is still empty; if it is dropped without a key, it is removed.
#[derive(Debug)]
pub(crate) struct KeyFile {
    path: PathBuf,
    file: File,
    written: bool,
}

impl KeyFile {
    /// Makes the file before the key is made: a key that cannot be stored must not exist.
    ///
    /// Fails if a file of that name exists: a key is never overwritten.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Self { path: path.to_owned(), file: options.open(path)?, written: false })
    }

    /// Writes the key, and waits until it is on the disk.
    pub(crate) fn write(mut self, key: &str) -> io::Result<Self> {
        self.file.write_all(key.trim_end().as_bytes())?;
        self.file.write_all(b"\n")?;
        self.file.sync_all()?;
        self.written = true;
        Ok(self)
    }

    /// Removes the key of a principal that was not added.
    pub(crate) fn remove(mut self) {
        self.written = false;
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        if !self.written {
            // If it cannot be removed, no secret is left: the file is empty.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
