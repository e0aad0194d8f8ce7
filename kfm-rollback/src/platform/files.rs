//! Small files of the platform's own, each written as a whole.

use std::fs;
use std::path::Path;

use kfm_wal::local::disk::{Access, Disk};
use kfm_wal::local::whole;

use crate::error::{Error, Result};

/// Writes a file as a whole and durably.
///
/// # Errors
/// [`Error::File`]: names the file; a half-written file never stands in its place.
pub(crate) fn write_durably(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |source| Error::File { path: path.display().to_string(), source };
    whole::replace(disk, path, bytes).map_err(failed)
}

/// Reads a text file as a whole.
///
/// # Errors
/// What the disk says; [`InvalidData`](std::io::ErrorKind::InvalidData) if the file is not text.
pub(crate) fn read_text(disk: &dyn Disk, path: &Path) -> std::io::Result<String> {
    let mut file = disk.open(path, Access::Read)?;
    let mut bytes = Vec::new();
    let mut page = vec![0; READ_BYTES];
    loop {
        match file.read_at(bytes.len() as u64, &mut page)? {
            0 => break,
            read => bytes.extend_from_slice(&page[..read]),
        }
    }
    String::from_utf8(bytes).map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))
}

/// Bytes that are read at a time.
const READ_BYTES: usize = 64 * 1024;

/// Reads a text file that need not exist.
///
/// # Errors
/// [`Error::File`]: the file exists and cannot be read.
pub(crate) fn read_optional(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::File { path: path.display().to_string(), source }),
    }
}
