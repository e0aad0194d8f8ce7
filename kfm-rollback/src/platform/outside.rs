//! Files that a caller names for an answer: they are never put into the platform's own folders, and never in the place of
//! something else.

use std::path::Path;

use super::Platform;
use crate::error::{Error, Result};

impl Platform {
    /// Refuses a place for a file that a caller names, if it lies in a folder that only operations write to, or in one
    /// that does not exist.
    ///
    /// # Errors
    /// [`Error::Invalid`]: names the folder; give another place. [`Error::File`]: the place cannot be looked at.
    pub fn refuse_own_place(&self, path: &Path) -> Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let failed = |source| Error::File { path: folder.display().to_string(), source };
        let folder = folder.canonicalize().map_err(failed)?;
        let own = self.own_folders().into_iter().chain([self.telemetry_dir()]);
        let mut own = own.filter_map(|own| own.canonicalize().ok());
        match own.find(|own| folder.starts_with(own)) {
            None => Ok(()),
            Some(own) => Err(Error::invalid(
                format!(
                    "only operations write into this folder: path={} folder={}",
                    path.display(),
                    own.display()
                ),
                "give a path outside of the platform's stores, log and records",
            )),
        }
    }

    /// Refuses a file that a caller names for an answer, if something stands there that is not an older answer of the
    /// same kind.
    ///
    /// # Errors
    /// As [`refuse_own_place`](Self::refuse_own_place), and [`Error::Invalid`]: a link, a device, a folder or another
    /// file stands there.
    pub(crate) fn refuse_to_write_over(&self, path: &Path, is_older: impl Fn(&[u8]) -> bool) -> Result<()> {
        self.refuse_own_place(path)?;
        let failed = |source| Error::File { path: path.display().to_string(), source };
        let is_free = match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
            Err(source) => return Err(failed(source)),
            Ok(metadata) => metadata.is_file() && is_older(&std::fs::read(path).map_err(failed)?),
        };
        if is_free {
            return Ok(());
        }
        Err(Error::invalid(
            format!("something else stands there, and is not overwritten: path={}", path.display()),
            "give the path of a new file",
        ))
    }
}
