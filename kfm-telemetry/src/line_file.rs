//! A file of lines that only grows: an append is durable, and leaves its line whole or not at all.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use kfm_lineage::Digest;

use crate::durable;

/// The longest line that is written, in bytes; readers may rely on it.
pub(crate) const LINE_BYTES_MAX: usize = 32 * 1024;

/// How many bytes from the end the last whole line is searched for.
const TAIL_BYTES_MAX: u64 = 4 * LINE_BYTES_MAX as u64;

/// Why a line was not appended.
#[derive(Debug)]
pub(crate) enum AppendFault {
    /// Another process has locked the file; nothing was written.
    Busy,
    /// The file ends neither in a line nor in a torn line; nothing was written.
    ForeignTail,
    /// The line may or may not be in the file.
    Io(io::Error),
}

impl From<io::Error> for AppendFault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Appends a line, which the caller gives with its end of line, and returns once it is durable.
///
/// A line that an earlier crash tore is first set aside, into a file beside this one. If the append fails,
/// its bytes are cut off again as far as possible; the next append checks the end in any case.
pub(crate) fn append(path: &Path, line: &[u8]) -> Result<(), AppendFault> {
    durable::create_folder_of(path)?;
    durable::refuse_link(path)?;
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(AppendFault::Busy),
        Err(TryLockError::Error(error)) => return Err(AppendFault::Io(error)),
    }
    let bytes = file.metadata()?.len();
    if bytes == 0 {
        // INVARIANT: the name of a file with a line in it is durable, and so is the name of its folder.
        durable::sync_folder_of(path)?;
        path.parent().map_or(Ok(()), durable::sync_folder_of)?;
    }
    let end = match look_at_end(&mut file, bytes)? {
        End::Whole => bytes,
        End::Unended => {
            // The whole object is there and lacks only the end of its line, which comes with the next line.
            let ended: Vec<u8> = [b"\n", line].concat();
            return write_at_end(&mut file, bytes, &ended).map_err(AppendFault::Io);
        }
        End::Torn(torn) => set_aside(&mut file, path, bytes, &torn)?,
        End::Foreign => return Err(AppendFault::ForeignTail),
    };
    write_at_end(&mut file, end, line).map_err(AppendFault::Io)
}

fn write_at_end(file: &mut File, end: u64, line: &[u8]) -> io::Result<()> {
    let written = file.write_all(line).and_then(|()| file.sync_data());
    if written.is_err() {
        // Cutting drops the pages that a failed sync may have marked clean, so that the next append writes
        // them again. An error here is ignored: the first error is the one to report.
        let _ = file.set_len(end);
    }
    written
}

/// The end of a file.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// A whole line, or an empty file.
    Whole,
    /// A whole JSON object without its end of line.
    Unended,
    /// The bytes of a line that a crash tore.
    Torn(Vec<u8>),
    /// Bytes that no writer of lines leaves.
    Foreign,
}

fn look_at_end(file: &mut File, bytes: u64) -> io::Result<End> {
    let looked_at = bytes.min(TAIL_BYTES_MAX);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(bytes - looked_at))?;
    file.take(looked_at).read_to_end(&mut tail)?;
    let (body, ended) = match tail.split_last() {
        None => return Ok(End::Whole),
        Some((b'\n', body)) => (body, true),
        Some(_) => (&tail[..], false),
    };
    let start = match body.iter().rposition(|byte| *byte == b'\n') {
        Some(end_of_last_but_one) => end_of_last_but_one + 1,
        None if looked_at == bytes => 0,
        None => return Ok(End::Foreign),
    };
    // The file system may have given the file its new length before all of its bytes. A zero byte shows it,
    // because JSON has none.
    let zeroed = body[start..].contains(&0);
    Ok(match ended {
        true if zeroed => End::Torn(tail[start..].to_vec()),
        true => End::Whole,
        false if serde_json::from_slice::<serde_json::Map<_, _>>(&body[start..]).is_ok() => End::Unended,
        false => End::Torn(tail[start..].to_vec()),
    })
}

/// Copies the torn bytes into a file of their own, durably, and cuts them off; returns the file's new length.
///
/// The copy is named by place and content: a second copy, after a crash in between, is the same file.
fn set_aside(file: &mut File, path: &Path, bytes: u64, torn: &[u8]) -> io::Result<u64> {
    let end = bytes - torn.len() as u64;
    let aside = torn_file(path, end, torn);
    durable::write_whole(&aside, torn)?;
    file.set_len(end)?;
    file.sync_all()?;
    Ok(end)
}

/// Returns the path of the file for torn bytes: `ops_rollback.torn-<place>-<digest>.part`.
fn torn_file(path: &Path, place: u64, torn: &[u8]) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let digest = Digest::of_bytes(torn).hex();
    path.with_file_name(format!("{stem}.torn-{place}-{}.part", &digest[..16]))
}

#[cfg(test)]
#[path = "line_file_tests.rs"]
mod tests;
