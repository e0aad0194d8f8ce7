//! How a reader takes in what was appended since it last looked.

use std::path::Path;

use super::disk::{Access, Disk};
use super::load::{RunEnd, RunError, io_error, read_segment, run, settle};
use super::read_ahead::ReadSegment;
use super::segment;
use super::view::View;
use crate::error::WalError;
use crate::frame::{self, Fault};
use crate::store::Depth;

/// Takes in what was appended since the last look, as far as that can be told from the new bytes alone.
///
/// Returns false if it cannot be told. Then the caller reads the whole folder again, as it does after an
/// error: `view` may hold records by then that are not durable.
pub(crate) fn catch_up(disk: &dyn Disk, dir: &Path, view: &mut View) -> Result<bool, WalError> {
    loop {
        let Some(tail) = view.segments.last().cloned() else { return Ok(false) };
        let path = dir.join(&tail.name);
        if !tail.sealed {
            let (end, mark_at) = (tail.end, tail.mark_offset());
            let mut file = segment::open(disk, dir, &tail.name, Access::Read)?;
            let mut place = |offset: u64| {
                let mut bytes = [0; frame::FRAME_BYTES_MIN];
                let read = file.read_at(offset, &mut bytes).map_err(io_error("read", &path))?;
                Ok::<_, WalError>((bytes, read))
            };
            // The mark is read first: what it says to be durable is on the disk when the frame is read
            // afterwards.
            let (mark, _) = place(mark_at)?;
            let (next, _) = place(end)?;
            // Bytes at and behind the place of the mark belong to the mark.
            let before_mark = usize::try_from(mark_at - end).map_or(next.len(), |gap| gap.min(next.len()));
            let quiet = next[..before_mark].iter().all(|byte| *byte == 0);
            match frame::decode(&mark) {
                Ok(mark) if quiet && view.position.has_passed(&mark.header) => return Ok(true),
                Err(Fault::Blank) if quiet => return Ok(true),
                _ => {}
            }
            let bytes = read_segment(disk, dir, &tail.name)?;
            let read = ReadSegment::plain(bytes);
            let settle = || settle(disk, dir, &tail.name);
            match run(&read, end, view, Depth::Chain, &settle, &mut |_| ()) {
                Ok(RunEnd::Blank | RunEnd::Sealed) => {}
                Ok(RunEnd::Torn(_)) | Err(RunError::Bad { .. }) => return Ok(false),
                Err(RunError::Unsettled(error)) => return Err(error),
            }
            if !view.segments.last().is_some_and(|tail| tail.sealed) {
                return Ok(true);
            }
        }
        let name = segment::name(view.position.next, view.position.epoch);
        let Ok(bytes) = read_segment(disk, dir, &name) else { return Ok(false) };
        let Ok(frame) = frame::decode(&bytes) else { return Ok(false) };
        let mut position = view.position;
        match (segment::label(&frame), position.accept(&frame, Depth::Chain, None)) {
            (Some(label), Ok(_)) if label.log_id == view.log_id => {
                view.position = position;
                view.add_segment(name, label.capacity);
            }
            _ => return Ok(false),
        }
    }
}
