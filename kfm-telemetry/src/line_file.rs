//! A file of lines that only grows: one append, durable, whole or absent.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use kfm_lineage::Digest;

use crate::durable;

/// The longest line that is written; a reader may rely on it.
pub(crate) const LINE_BYTES_MAX: usize = 32 * 1024;

/// How far back the end of the last whole line is looked for.
const TAIL_BYTES_MAX: u64 = 4 * LINE_BYTES_MAX as u64;

/// Why a line was not appended.
#[derive(Debug)]
pub(crate) enum AppendFault {
    /// Another process holds the file; nothing was written.
    Busy,
    /// The file does not end in a line, and not in a torn one either; nothing was written.
    ForeignTail,
    /// The line may or may not be there.
    Io(io::Error),
}

impl From<io::Error> for AppendFault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Appends a line, given with its end of line, and returns when it is durable.
///
/// What a crash tore before is set aside first, into a file beside this one. If the append fails, what it may
/// have left is cut off again as far as that can be done; the next append looks at the end in any case.
pub(crate) fn append(path: &Path, line: &[u8]) -> Result<(), AppendFault> {
    if let Some(folder) = path.parent() {
        durable::create_folder(folder)?;
    }
    durable::refuse_link(path)?;
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(AppendFault::Busy),
        Err(TryLockError::Error(error)) => return Err(AppendFault::Io(error)),
    }
    let bytes = file.metadata()?.len();
    if bytes == 0 {
        // INVARIANT: a file with a line in it has a durable name, in a folder with a durable name.
        durable::sync_folder_of(path)?;
        path.parent().map_or(Ok(()), durable::sync_folder_of)?;
    }
    let end = match look_at_end(&mut file, bytes)? {
        End::Whole => bytes,
        End::Unended => {
            // The whole object is there: it lacks one byte, and gets it with the next line.
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
        // them anew. Best effort: the error to report is the first one.
        let _ = file.set_len(end);
    }
    written
}

/// What a file ends in.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// A whole line, or nothing at all.
    Whole,
    /// A whole JSON object whose end of line is missing.
    Unended,
    /// Bytes that a crash left of a line.
    Torn(Vec<u8>),
    /// Bytes that no writer of lines leaves behind.
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
    // A file system may have given the file its new length and not yet all of its bytes: JSON has no zeros.
    let zeroed = body[start..].contains(&0);
    Ok(match ended {
        true if zeroed => End::Torn(tail[start..].to_vec()),
        true => End::Whole,
        false if serde_json::from_slice::<serde_json::Map<_, _>>(&body[start..]).is_ok() => End::Unended,
        false => End::Torn(tail[start..].to_vec()),
    })
}

/// Copies the torn bytes beside the file, durably, and cuts them off; returns the file's new length.
///
/// The copy is named by place and content: doing it again, after a crash in between, makes the same file.
fn set_aside(file: &mut File, path: &Path, bytes: u64, torn: &[u8]) -> io::Result<u64> {
    let end = bytes - torn.len() as u64;
    let aside = torn_file(path, end, torn);
    durable::write_whole(&aside, torn)?;
    durable::sync_folder_of(&aside)?;
    file.set_len(end)?;
    file.sync_all()?;
    Ok(end)
}

/// Names the file into which torn bytes are set aside: `ops_rollback.torn-<place>-<digest>.part`.
fn torn_file(path: &Path, place: u64, torn: &[u8]) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let digest = Digest::of_bytes(torn).hex();
    path.with_file_name(format!("{stem}.torn-{place}-{}.part", &digest[..16]))
}

#[cfg(test)]
#[path = "line_file_tests.rs"]
mod tests;
