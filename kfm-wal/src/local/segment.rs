//! Segments: the files that hold a run of frames, made at their full length before they are needed.
//!
//! A segment is filled with zeros and synced under a temporary name. It gets its name only once it begins
//! with a durable frame that says of which log it is and how long it is. So a segment that exists is never
//! half made, one that is shorter than it says was cut, and an append never pays for growing a file. A
//! segment is never used twice: old frames in a new segment could not be told from damage.

use std::io;
use std::path::{Path, PathBuf};

use kfm_lineage::Lsn;

use super::archive::ARCHIVE;
use super::disk::{Access, Disk, DiskFile};
use super::load::io_error;
use crate::error::WalError;
use crate::frame::{self, Frame, Kind, frame_bytes, u64_at};
use crate::position::Position;

/// The end of a file's name until the file is whole.
pub(crate) const UNFINISHED: &str = ".tmp";

/// What a disk writes at a time, and can lose at a time, in bytes. Segments and the places of marks are
/// multiples of it.
pub(crate) const PAGE_BYTES: u64 = 4096;

/// Room that no record takes, in bytes, so that a segment can always be marked, repaired and sealed.
pub(crate) const RESERVE_BYTES: u64 = PAGE_BYTES;

/// Length of the body of a segment's first frame: the log's id and the segment's length.
const BODY_BYTES: usize = 24;

/// Length of a segment's first frame.
pub(crate) const FIRST_FRAME_BYTES: u64 = frame_bytes(BODY_BYTES) as u64;

/// How many bytes of zeros are written at a time.
const FILL_BYTES: usize = 256 << 10;

/// What a segment's first frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) log_id: [u8; 16],
    pub(crate) capacity: u64,
}

/// Returns the name of the segment that begins at `first` in `epoch`.
pub(crate) fn name(first: Lsn, epoch: u64) -> String {
    format!("seg-{:020}-{epoch:016x}.kfw", first.0)
}

/// Reads a segment's name; `None` if the file is not a segment.
pub(crate) fn parse_name(name: &str) -> Option<(Lsn, u64)> {
    let (first, epoch) = name.strip_prefix("seg-")?.strip_suffix(".kfw")?.split_once('-')?;
    let well_formed = first.len() == 20
        && first.bytes().all(|byte| byte.is_ascii_digit())
        && epoch.len() == 16
        && epoch.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if !well_formed {
        return None;
    }
    Some((Lsn(first.parse().ok()?), u64::from_str_radix(epoch, 16).ok()?))
}

/// Returns the name of the file for torn bytes of a segment.
pub(crate) fn quarantine_name(segment: &str, offset: u64) -> String {
    format!("{}-{offset:010}.bad", segment.trim_end_matches(".kfw"))
}

/// Opens a segment where it lies: in the log's folder, or in the archive.
pub(crate) fn open(
    disk: &dyn Disk,
    dir: &Path,
    name: &str,
    access: Access,
) -> Result<Box<dyn DiskFile>, WalError> {
    let path = dir.join(name);
    match disk.open(&path, access) {
        // The log's folder is tried first: a segment moves from there to the archive and never back.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            disk.open(&dir.join(ARCHIVE).join(name), access).map_err(io_error("open", &path))
        }
        opened => opened.map_err(io_error("open", &path)),
    }
}

/// Reads a segment's first frame; `None` if the frame is of another kind.
pub(crate) fn label(frame: &Frame<'_>) -> Option<Label> {
    if frame.header.kind != Kind::Segment || frame.body.len() != BODY_BYTES {
        return None;
    }
    let log_id: [u8; 16] = frame.body[..16].try_into().expect("16 bytes");
    Some(Label { log_id, capacity: u64_at(frame.body, 16) })
}

/// Makes the segment that begins at `position`, durable in file and folder; returns its name.
pub(crate) fn create(
    disk: &dyn Disk,
    dir: &Path,
    position: &Position,
    label: Label,
    nonce: [u8; 16],
) -> Result<String, WriteError> {
    let name = name(position.next, position.epoch);
    write_whole(disk, dir, &name, |file| {
        fill_zeros(file, label.capacity, |_| Ok(()))?;
        file.write_at(0, &first_frame(position, label, nonce))
    })?;
    Ok(name)
}

/// A durable file of zeros that does not have its name as a segment yet.
#[derive(Debug)]
pub(crate) struct Blank {
    path: PathBuf,
    pub(crate) capacity: u64,
    file: Box<dyn DiskFile>,
}

/// Returns the path at which the next segment is filled.
pub(crate) fn blank_path(dir: &Path) -> PathBuf {
    dir.join(format!("next{UNFINISHED}"))
}

/// Fills a file with `capacity` bytes of zeros while `wanted` says so; `None` if it is not wanted any more or
/// cannot be filled.
pub(crate) fn fill(
    disk: &dyn Disk,
    path: PathBuf,
    capacity: u64,
    wanted: &dyn Fn() -> bool,
) -> Option<Blank> {
    let mut file = disk.open(&path, Access::Create).ok()?;
    // In small pieces, so that the sync of an append never waits for many of these bytes.
    let filled = fill_zeros(file.as_mut(), capacity, |file| {
        if wanted() { file.sync() } else { Err(io::ErrorKind::Interrupted.into()) }
    });
    if filled.is_err() {
        drop(file);
        // This only gives the space back. A file that stays behind is removed when the log is next opened for
        // writing.
        let _ = disk.remove(&path);
        return None;
    }
    Some(Blank { path, capacity, file })
}

impl Blank {
    /// Makes the file the segment that begins at `position`, durable in file and folder.
    pub(crate) fn become_segment(
        mut self,
        disk: &dyn Disk,
        dir: &Path,
        position: &Position,
        log_id: [u8; 16],
        nonce: [u8; 16],
    ) -> Result<(String, Box<dyn DiskFile>), WriteError> {
        let label = Label { log_id, capacity: self.capacity };
        let written = self.file.write_at(0, &first_frame(position, label, nonce));
        let synced = written.and_then(|()| self.file.sync());
        synced.map_err(|source| WriteError { named: false, source })?;
        let name = name(position.next, position.epoch);
        give_name(disk, dir, &self.path, &name)?;
        Ok((name, self.file))
    }
}

fn first_frame(position: &Position, label: Label, nonce: [u8; 16]) -> Vec<u8> {
    let mut body = label.log_id.to_vec();
    body.extend_from_slice(&label.capacity.to_le_bytes());
    frame::encode(&position.header(Kind::Segment, 0, nonce), &body, &[]).0
}

/// Writes zeros up to `capacity` bytes; calls `after_each` after each piece.
fn fill_zeros(
    file: &mut dyn DiskFile,
    capacity: u64,
    after_each: impl Fn(&mut dyn DiskFile) -> io::Result<()>,
) -> io::Result<()> {
    let zeros = vec![0; FILL_BYTES.min(usize::try_from(capacity).unwrap_or(FILL_BYTES))];
    let mut offset = 0;
    while offset < capacity {
        let bytes = (capacity - offset).min(zeros.len() as u64);
        file.write_at(offset, &zeros[..usize::try_from(bytes).expect("no more than the zeros")])?;
        after_each(file)?;
        offset += bytes;
    }
    Ok(())
}

/// Why a file was not written whole.
#[derive(Debug)]
pub(crate) struct WriteError {
    /// Whether the file may have its name, durably or not.
    pub(crate) named: bool,
    pub(crate) source: io::Error,
}

/// Writes a file under a temporary name, syncs it, renames it and syncs the folder.
pub(crate) fn write_whole(
    disk: &dyn Disk,
    dir: &Path,
    name: &str,
    write: impl FnOnce(&mut dyn DiskFile) -> io::Result<()>,
) -> Result<(), WriteError> {
    let unnamed = |source| WriteError { named: false, source };
    let unfinished = dir.join(format!("{name}{UNFINISHED}"));
    let mut file = disk.open(&unfinished, Access::Create).map_err(unnamed)?;
    let written = write(file.as_mut()).and_then(|()| file.sync());
    drop(file);
    if let Err(error) = written {
        // This only gives the space back. A file that stays behind is removed when the log is next opened for
        // writing.
        let _ = disk.remove(&unfinished);
        return Err(unnamed(error));
    }
    give_name(disk, dir, &unfinished, name)
}

/// Gives a file that is whole and durable its name, and syncs the folder.
fn give_name(disk: &dyn Disk, dir: &Path, unfinished: &Path, name: &str) -> Result<(), WriteError> {
    let renamed = disk.rename(unfinished, &dir.join(name)).and_then(|()| disk.sync_dir(dir));
    renamed.map_err(|source| WriteError { named: true, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_positions_do_and_read_back() {
        assert!(name(Lsn(9), 1) < name(Lsn(10), 1));
        assert_eq!(parse_name(&name(Lsn(10), 255)), Some((Lsn(10), 255)));
    }

    #[test]
    fn other_files_are_no_segments() {
        let sign = name(Lsn(1), 1).replacen("seg-0", "seg-+", 1);
        for text in ["LOCK", "FORMAT", "seg-1-1.kfw", &format!("{}.tmp", name(Lsn(1), 1)), &sign] {
            assert_eq!(parse_name(text), None, "{text}");
        }
    }
}
