//! Reading a folder: frame after frame, segment after segment, up to the end of the log. The tail rule
//! (`behind`) says how the log ends.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use kfm_lineage::{Lsn, hex};

use super::archive::ARCHIVE;
use super::behind::look_behind;
use super::disk::{Access, Disk, DiskFile};
use super::read_ahead::{ReadAhead, ReadSegment};
use super::replay::Replayed;
use super::segment::{self, FIRST_FRAME_BYTES};
use super::view::View;
use crate::error::WalError;
use crate::frame::{self, Fault, Header, Kind};
use crate::raw::RawRecord;
use crate::store::{BadPlace, Damage, Depth};

/// The file that names the log and its format; if it is there, there must be segments.
pub(crate) const FORMAT: &str = "FORMAT";
/// The folder of the torn bytes that repairs have set aside.
pub(crate) const QUARANTINE: &str = "quarantine";

/// How many bytes are read at a time: as much as a processor's own cache holds.
const PIECE_BYTES: usize = 256 << 10;

/// How many times a reader reads the folder again while a writer may be at work in it.
const LOOKS_MAX: usize = 64;

/// What was read from a folder.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The part that can be read, from the first frame; `None` if there is no log.
    pub(crate) view: Option<View>,
    pub(crate) ending: Ending,
}

/// How a log ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With a whole frame in the last segment.
    Clean,
    /// With an append that never finished, in the last segment.
    Torn(Torn),
    /// With a last segment that was made before the one before it was sealed.
    Unsealed(Torn),
    /// With damage.
    Bad(BadPlace),
}

/// Bytes that belong to no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Torn {
    /// Where they begin in the segment.
    pub(crate) offset: u64,
    /// How many there are, up to the last one that is not zero.
    pub(crate) bytes: u64,
}

/// How the run of frames in a segment ends.
pub(super) enum RunEnd {
    Sealed,
    Blank,
    Torn(Torn),
}

/// Why the frames of a segment were not read to their end.
pub(super) enum RunError {
    /// The frame at this place is damaged, or does not belong here.
    Bad { offset: u64, class: Damage },
    /// What was read could not be made durable.
    Unsettled(WalError),
}

/// Reads a folder in which no other process writes.
pub(crate) fn load(disk: &dyn Disk, dir: &Path, depth: Depth) -> Result<Loaded, WalError> {
    load_with(disk, dir, depth, &mut |_| ())
}

/// Reads a folder, and hands each record to `take` that is known to be durable.
pub(crate) fn load_with(
    disk: &dyn Disk,
    dir: &Path,
    depth: Depth,
    take: &mut dyn FnMut(Replayed<'_>),
) -> Result<Loaded, WalError> {
    let there = list(disk, dir)?;
    let format = there.iter().any(|name| name == FORMAT);
    let names = segments(disk, dir, &there)?;
    if names.is_empty() {
        let ending = if format { missing(FORMAT, 0, Lsn(1)) } else { Ending::Clean };
        return Ok(Loaded { view: None, ending });
    }
    let mut view = None;
    let ending = std::thread::scope(|scope| {
        let ahead = ReadAhead::new(scope, disk, dir, &names, depth);
        let settle = |name: &str| settle(disk, dir, name);
        load_segments(ahead, depth, &names, &mut view, &settle, take)
    })?;
    let ending = match (&ending, &view) {
        (Ending::Bad(_), _) | (_, None) => ending,
        // Archived segments are followed by others in the log's folder: if the last segment is an archived
        // one, its successor is missing.
        (_, Some(view)) if names.last().is_some_and(|last| !there.contains(last)) => {
            let segment = view.segments.last().expect("a log has a segment");
            missing(&segment.name, segment.end, view.position.next)
        }
        (_, Some(view)) if format => check_format(disk, dir, view)?.unwrap_or(ending),
        _ => ending,
    };
    Ok(Loaded { view, ending })
}

/// Reads a folder in which a writer may be at work.
///
/// What looks like damage may be a frame that the writer wrote after the reader looked at its place and
/// before the reader looked behind it. Reading again decides: a frame that has a witness is whole by then.
pub(crate) fn load_beside_a_writer(disk: &dyn Disk, dir: &Path, depth: Depth) -> Result<Loaded, WalError> {
    let mut loaded = load(disk, dir, depth)?;
    for _ in 1..LOOKS_MAX {
        if loaded.ending == Ending::Clean {
            return Ok(loaded);
        }
        let again = load(disk, dir, depth)?;
        if again.ending == loaded.ending {
            return Ok(again);
        }
        loaded = again;
    }
    let source = "the log grows faster than it can be read".into();
    Err(WalError::Io { action: "read", path: dir.display().to_string(), source })
}

/// Reads the segments in their order and says how the log ends.
fn load_segments(
    mut ahead: ReadAhead<'_, '_>,
    depth: Depth,
    names: &[String],
    slot: &mut Option<View>,
    settle: &dyn Fn(&str) -> Result<(), WalError>,
    take: &mut dyn FnMut(Replayed<'_>),
) -> Result<Ending, WalError> {
    // A segment without a seal that has a successor. A writer that died after it made the successor and
    // before it sealed this one leaves that; anything else is damage.
    let mut unsealed: Option<(String, Lsn, Torn)> = None;
    let mut segment = ReadSegment::default();
    for (index, name) in names.iter().enumerate() {
        ahead.next(&mut segment)?;
        let bytes = &segment.bytes;
        let bad = |offset: u64, lsn: Lsn, class| {
            Ok(Ending::Bad(BadPlace { segment: name.clone(), offset, lsn, class }))
        };
        let next = slot.as_ref().map_or(Lsn(1), |view| view.position.next);
        // The first frame says whether this is the segment that must come next: its log, its position and its
        // epoch.
        let frame = match frame::decode(bytes) {
            Ok(frame) => frame,
            Err(Fault::Future) => return bad(0, next, Damage::FutureFormat),
            Err(_) if (bytes.len() as u64) < FIRST_FRAME_BYTES => return bad(0, next, Damage::Truncated),
            Err(_) => return bad(0, next, Damage::BitRot),
        };
        let Some(label) = segment::label(&frame) else { return bad(0, next, Damage::Malformed) };
        let view = slot.get_or_insert_with(|| View::new(label.log_id));
        if label.log_id != view.log_id {
            return bad(0, next, Damage::ForeignLog);
        }
        if frame.header.first > next {
            return bad(0, next, Damage::MissingSegment);
        }
        if segment::parse_name(name) != Some((frame.header.first, frame.header.epoch)) {
            return bad(0, next, Damage::ChainBreak);
        }
        let mut position = view.position;
        if let Err(class) = position.accept(&frame, depth, None) {
            return bad(0, next, class);
        }
        view.position = position;
        view.add_segment(name.clone(), label.capacity);
        let frames_before = view.frames.len();
        let end = run(&segment, FIRST_FRAME_BYTES, view, depth, &|| settle(name), take);
        let next = view.position.next;
        // Judged after the frames were read, so that the caller gets the records before the cut.
        if (bytes.len() as u64) < label.capacity {
            return bad(bytes.len() as u64, next, Damage::Truncated);
        }
        let end = match end {
            Ok(end) => end,
            Err(RunError::Bad { offset, class }) => return bad(offset, next, class),
            Err(RunError::Unsettled(error)) => return Err(error),
        };
        if let Some((segment, lsn, torn)) = &unsealed
            && (view.frames.len() > frames_before || !matches!(end, RunEnd::Blank))
        {
            // The writer syncs the seal before it writes the first frame of the next segment. That segment
            // has a frame, so the seal was there once.
            let (segment, class) = (segment.clone(), Damage::BitRot);
            return Ok(Ending::Bad(BadPlace { segment, offset: torn.offset, lsn: *lsn, class }));
        }
        let filled = view.segments.last().map_or(0, |segment| segment.end);
        let last = index + 1 == names.len();
        // Only the last segment may be open or torn, and a sealed one always has a successor: the writer
        // makes it first.
        let torn = match end {
            RunEnd::Sealed if last => return Ok(missing(name, filled, next)),
            RunEnd::Sealed => continue,
            RunEnd::Blank if last => break,
            RunEnd::Blank => Torn { offset: filled, bytes: 0 },
            RunEnd::Torn(torn) if last => return Ok(Ending::Torn(torn)),
            RunEnd::Torn(torn) => torn,
        };
        // A writer seals a segment before it makes the next but one: here the seal was there once.
        if index + 2 < names.len() {
            return bad(torn.offset, next, Damage::BitRot);
        }
        unsealed = Some((name.clone(), next, torn));
    }
    Ok(unsealed.map_or(Ending::Clean, |(_, _, torn)| Ending::Unsealed(torn)))
}

/// Makes durable what a reader has seen in a segment.
///
/// A whole frame without a witness was written by a process that died before it wrote one, or by one that is
/// about to sync the frame. After this sync the frame is as durable as any other, so that readers and the
/// next writer see the same log. A sync needs no right to write. A frame that its writer could not sync is
/// not here: the writer has overwritten it with zeros, because this sync would seem to make it durable.
pub(super) fn settle(disk: &dyn Disk, dir: &Path, name: &str) -> Result<(), WalError> {
    let synced = segment::open(disk, dir, name, Access::Read)?.sync();
    match synced {
        // A medium that cannot be written, such as the image of a disc, has nothing to sync.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::ReadOnlyFilesystem) =>
        {
            Ok(())
        }
        synced => synced.map_err(io_error("sync", &dir.join(name))),
    }
}

/// Takes in the frames of the last segment of `view`, from the byte `from` on. Calls `settle` to make the
/// segment durable if its last frame has no witness.
pub(super) fn run(
    segment: &ReadSegment,
    from: u64,
    view: &mut View,
    depth: Depth,
    settle: &dyn Fn() -> Result<(), WalError>,
    take: &mut dyn FnMut(Replayed<'_>),
) -> Result<RunEnd, RunError> {
    let bytes = segment.bytes.as_slice();
    // The records of the last frame, held back until something says that they are durable.
    let mut unsettled: Option<(Header, Vec<RawRecord<'_>>)> = None;
    let mut hand_over = |(header, records): (Header, Vec<RawRecord<'_>>)| {
        for (n, record) in records.iter().enumerate() {
            take(Replayed::of(record, Lsn(header.first.0 + n as u64), header.epoch));
        }
    };
    let mut at = usize::try_from(from).expect("a segment fits in memory");
    let mut sealed = false;
    while !sealed {
        let bad = |class| Err(RunError::Bad { offset: at as u64, class });
        match segment.frame(at) {
            // A mark ends the frames: what lies there and behind it is for the tail rule to judge.
            Ok((frame, _)) if frame.header.kind == Kind::Mark => break,
            Ok((frame, leaves)) => match view.accept(&frame, at as u64, depth, leaves) {
                Ok(records) => {
                    // A frame is begun only after the one before it was synced: the records of that one are
                    // durable now.
                    unsettled.replace((frame.header, records)).into_iter().for_each(&mut hand_over);
                    sealed = frame.header.kind == Kind::Seal;
                    at += frame.bytes;
                }
                Err(class) => return bad(class),
            },
            Err(Fault::Future) => {
                // The newer frame continues this chain, so it was begun after the last known frame was
                // synced.
                if frame::is_behind(&bytes[at..], view.position.log, &view.position.chain) {
                    unsettled.into_iter().for_each(hand_over);
                }
                return bad(Damage::FutureFormat);
            }
            // The header is whole, and its frame does not fit into the segment: no append writes that.
            Err(Fault::Short { .. }) => return bad(Damage::Malformed),
            Err(Fault::Blank | Fault::Broken) => break,
        }
    }
    let offset = at as u64;
    if sealed {
        // No append was acknowledged behind a seal: what lies there is an old mark, whole or torn, or rot
        // that destroyed nothing. Whether there was more, the next segment says.
        return Ok(RunEnd::Sealed);
    }
    let behind = match look_behind(bytes.get(at..).unwrap_or_default(), &view.position) {
        Ok(behind) => behind,
        Err(class) => {
            // A witness that the bad place was durable is a witness for everything before it too.
            if class == Damage::BitRot {
                unsettled.into_iter().for_each(hand_over);
            }
            return Err(RunError::Bad { offset, class });
        }
    };
    // This frame has no witness yet. If the segment has no frame of its own, the last frame is in an earlier
    // segment, and this segment is its witness.
    if !behind.witnessed && at > usize::try_from(FIRST_FRAME_BYTES).expect("a frame fits in memory") {
        settle().map_err(RunError::Unsettled)?;
    }
    unsettled.into_iter().for_each(hand_over);
    if let Some(segment) = view.segments.last_mut() {
        (segment.touched, segment.mark) = match behind.debris_bytes {
            0 => (0, behind.mark.map(|mark| offset + mark)),
            _ => (offset + behind.touched_bytes, None),
        };
    }
    match behind.debris_bytes {
        0 => Ok(RunEnd::Blank),
        bytes => Ok(RunEnd::Torn(Torn { offset, bytes })),
    }
}

/// Counts the files that repairs have set aside.
pub(crate) fn quarantined(disk: &dyn Disk, dir: &Path) -> Result<u64, WalError> {
    let names = list(disk, &dir.join(QUARANTINE))?;
    Ok(names.iter().filter(|name| !name.ends_with(segment::UNFINISHED)).count() as u64)
}

/// Returns the names of the segments in their order, those in the archive included. `there` are the names in
/// the log's folder.
///
/// A segment that is archived meanwhile is found in the archive, because the archive is listed afterwards.
pub(crate) fn segments(disk: &dyn Disk, dir: &Path, there: &[String]) -> Result<Vec<String>, WalError> {
    let archived = list(disk, &dir.join(ARCHIVE))?;
    let names = there.iter().chain(&archived).filter(|name| segment::parse_name(name).is_some());
    let names: BTreeSet<&String> = names.collect();
    Ok(names.into_iter().cloned().collect())
}

/// Reads a segment whole, from the log's folder or from the archive.
pub(crate) fn read_segment(disk: &dyn Disk, dir: &Path, name: &str) -> Result<Vec<u8>, WalError> {
    read_whole(segment::open(disk, dir, name, Access::Read)?, &dir.join(name))
}

/// Reads a file whole.
pub(crate) fn read(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, WalError> {
    read_whole(disk.open(path, Access::Read).map_err(io_error("open", path))?, path)
}

fn read_whole(file: Box<dyn DiskFile>, path: &Path) -> Result<Vec<u8>, WalError> {
    let mut bytes = Vec::new();
    read_in_pieces(file, path, &mut bytes, |_| ())?;
    Ok(bytes)
}

/// Reads a file whole into `buffer`, in place of what it held. After each piece, `look` is called with all
/// that was read so far.
pub(crate) fn read_in_pieces(
    mut file: Box<dyn DiskFile>,
    path: &Path,
    buffer: &mut Vec<u8>,
    mut look: impl FnMut(&[u8]),
) -> Result<(), WalError> {
    let bytes = file.bytes().map_err(io_error("read", path))?;
    let bytes = usize::try_from(bytes).expect("a segment fits in memory");
    if buffer.capacity() < bytes {
        // The system gives zeroed memory: it need not be written again.
        *buffer = vec![0; bytes];
    } else {
        buffer.resize(bytes, 0);
    }
    let mut filled = 0;
    while filled < bytes {
        let end = bytes.min(filled + PIECE_BYTES);
        let read = file.read_at(filled as u64, &mut buffer[filled..end]).map_err(io_error("read", path))?;
        filled += read;
        look(&buffer[..filled]);
        // The file is shorter than a moment ago.
        if filled < end {
            break;
        }
    }
    buffer.truncate(filled);
    Ok(())
}

/// Returns the names in a folder; no names if the folder is missing.
pub(crate) fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<String>, WalError> {
    match disk.list(dir) {
        Ok(names) => Ok(names),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(io_error("list", dir)(error)),
    }
}

/// Makes the error of a call that the system refused, with what was tried on which path.
pub(crate) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WalError {
    let path = path.display().to_string();
    move |error| WalError::Io { action, path, source: Box::new(error) }
}

/// Returns the text of the format file.
pub(crate) fn format_text(log_id: &[u8; 16]) -> String {
    format!("kfm-wal 1\nlog {}\n", hex::encode(log_id))
}

fn check_format(disk: &dyn Disk, dir: &Path, view: &View) -> Result<Option<Ending>, WalError> {
    let text = read(disk, &dir.join(FORMAT))?;
    let bad = |class| Ending::Bad(BadPlace { segment: FORMAT.to_owned(), offset: 0, lsn: Lsn(1), class });
    Ok(if text == format_text(&view.log_id).as_bytes() {
        None
    } else if !text.starts_with(b"kfm-wal ") {
        Some(bad(Damage::BitRot))
    } else if text.starts_with(b"kfm-wal 1\n") {
        Some(bad(Damage::ForeignLog))
    } else {
        Some(bad(Damage::FutureFormat))
    })
}

fn missing(segment: &str, offset: u64, lsn: Lsn) -> Ending {
    Ending::Bad(BadPlace { segment: segment.to_owned(), offset, lsn, class: Damage::MissingSegment })
}
