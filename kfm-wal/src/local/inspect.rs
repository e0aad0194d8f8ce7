//! Looking into a log's folder, whether the log opens or not.

use std::path::Path;

use super::archive::ARCHIVE;
use super::disk::{Disk, RealDisk};
use super::load;
use crate::error::WalError;
use crate::inspect::{Inspection, inspect_segment};

/// Lists every whole frame in the folder of a log, whether the log opens or not.
///
/// # Errors
/// [`WalError::Io`]: the folder could not be read; try again.
pub fn inspect(dir: impl AsRef<Path>) -> Result<Inspection, WalError> {
    inspect_on(&RealDisk, dir.as_ref())
}

/// As [`inspect`], on a file system that the caller gives.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_on(disk: &dyn Disk, dir: &Path) -> Result<Inspection, WalError> {
    let there = load::list(disk, dir)?;
    let mut segments = Vec::new();
    for name in load::segments(disk, dir, &there)? {
        let bytes = load::read_segment(disk, dir, &name)?;
        let place = if there.contains(&name) { name } else { format!("{ARCHIVE}/{name}") };
        segments.push(inspect_segment(place, &bytes));
    }
    let mut quarantined = load::list(disk, &dir.join(load::QUARANTINE))?;
    quarantined.sort();
    Ok(Inspection { segments, quarantined })
}
