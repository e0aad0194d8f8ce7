//! The file of a private key: made new, readable by its owner alone.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A key file that was made and is still empty; dropped without a key, it is removed again.
#[derive(Debug)]
pub(crate) struct KeyFile {
    path: PathBuf,
    file: File,
    written: bool,
}

impl KeyFile {
    /// Makes the file, before there is a key: what cannot be kept must not be made.
    ///
    /// Fails if a file of that name exists: a key is never overwritten.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Self { path: path.to_owned(), file: options.open(path)?, written: false })
    }

    /// Writes the key and waits until it is on disk.
    pub(crate) fn write(mut self, key: &str) -> io::Result<()> {
        self.file.write_all(key.trim_end().as_bytes())?;
        self.file.write_all(b"\n")?;
        self.file.sync_all()?;
        self.written = true;
        Ok(())
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        if !self.written {
            // Best effort: an empty file left behind holds no secret.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
