//! What a process knows of a log: its segments, the place of each frame, and the ids in it.

use std::collections::hash_map::Entry;

use kfm_lineage::Lsn;

use super::ids::Ids;
use super::segment;
use crate::frame::{FRAME_BYTES_MIN, Frame, Header, Kind};
use crate::position::Position;
use crate::raw::RawRecord;
use crate::store::{Damage, Depth};

/// The known part of a log.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) log_id: [u8; 16],
    pub(crate) position: Position,
    pub(crate) segments: Vec<Segment>,
    /// The chained frames, in order.
    pub(crate) frames: Vec<FrameAt>,
    /// The position of the record of each id.
    pub(crate) ids: Ids,
}

/// A segment, and how far it is filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) name: String,
    pub(crate) capacity: u64,
    /// Where the next frame goes, in bytes from the segment's start.
    pub(crate) end: u64,
    /// Where the last byte that belongs to no frame was when the segment was read; zero if there was none.
    pub(crate) touched: u64,
    /// Where a mark lies behind all frames, if nothing else lies there.
    pub(crate) mark: Option<u64>,
    pub(crate) sealed: bool,
}

/// Where a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameAt {
    pub(crate) first: Lsn,
    pub(crate) count: u32,
    pub(crate) segment: u32,
    pub(crate) offset: u64,
    pub(crate) bytes: u32,
}

impl Segment {
    /// Returns where the mark goes: into the next page, so that damage to the last frame's page does not
    /// reach it. Where a repair in the reserve reaches into the last page, it goes to the segment's end.
    pub(crate) fn mark_offset(&self) -> u64 {
        let next_page = self.end.next_multiple_of(segment::PAGE_BYTES);
        next_page.min(self.capacity.saturating_sub(FRAME_BYTES_MIN as u64)).max(self.end)
    }
}

impl View {
    /// A log that has no frame yet.
    pub(crate) fn new(log_id: [u8; 16]) -> Self {
        Self {
            log_id,
            position: Position::origin(&log_id),
            segments: Vec::new(),
            frames: Vec::new(),
            ids: Ids::default(),
        }
    }

    /// Adds a segment that begins where the log ends.
    pub(crate) fn add_segment(&mut self, name: String, capacity: u64) {
        self.segments.push(Segment {
            name,
            capacity,
            end: segment::FIRST_FRAME_BYTES,
            touched: 0,
            mark: None,
            sealed: false,
        });
    }

    /// Takes in a frame that was read in the last segment, or says why it cannot be there.
    pub(crate) fn accept<'a>(
        &mut self,
        frame: &Frame<'a>,
        offset: u64,
        depth: Depth,
        leaves: Option<&[[u8; 32]]>,
    ) -> Result<Vec<RawRecord<'a>>, Damage> {
        let mut position = self.position;
        let records = position.accept(frame, depth, leaves)?;
        for (n, record) in records.iter().enumerate() {
            match self.ids.entry(record.op_id) {
                Entry::Occupied(_) => return Err(Damage::DuplicateOperation),
                Entry::Vacant(free) => free.insert(Lsn(frame.header.first.0 + n as u64)),
            };
        }
        self.position = position;
        self.place(&frame.header, offset, frame.bytes);
        Ok(records)
    }

    /// Notes the place of a frame in the last segment.
    pub(crate) fn place(&mut self, header: &Header, offset: u64, bytes: usize) {
        let index = self.segments.len() - 1;
        let segment = &mut self.segments[index];
        segment.sealed |= header.kind == Kind::Seal;
        segment.end = offset + bytes as u64;
        if header.flags & crate::frame::CHAINED != 0 {
            self.frames.push(FrameAt {
                first: header.first,
                count: header.count,
                segment: u32::try_from(index).expect("segments are counted in files"),
                offset,
                bytes: u32::try_from(bytes).expect("a frame is far below 4 GiB"),
            });
        }
    }

    /// Returns the frames that hold up to `limit` records from `from` on, none of them beyond `last`.
    pub(crate) fn frames_from(&self, from: Lsn, limit: usize, last: Lsn) -> Vec<FrameAt> {
        let end = Lsn(from.0.saturating_add(limit as u64).min(last.0 + 1));
        let start = self.frames.partition_point(|frame| frame.first.0 + u64::from(frame.count) <= from.0);
        self.frames[start..]
            .iter()
            .take_while(|frame| frame.first < end)
            .filter(|frame| frame.count > 0)
            .copied()
            .collect()
    }
}
