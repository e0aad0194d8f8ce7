//! Reads segments, and hashes their records, ahead of the segment that is being judged.
//!
//! Hashing takes most of the time when a log is read, and the leaf of a record depends on nothing but the
//! record. So for a long log the next segments are read, their checksums compared and their records hashed on
//! threads of their own. Order, chain and ids are judged in one place, frame after frame, as without threads.
//! Short logs are read without a thread. A segment is read into the memory of one that was judged before:
//! getting fresh memory from the system takes as long as reading.

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::path::Path;
use std::thread::{Builder, Scope, ScopedJoinHandle};

use super::disk::{Access, Disk};
use super::{load, segment};
use crate::error::WalError;
use crate::frame::{self, FRAME_BYTES_MIN, Fault, Frame, Header, Kind};
use crate::leaves::extend_with_leaves;
use crate::raw::raw_records;
use crate::store::Depth;

/// If a segment is at least this long, the segments behind it are worth a thread.
const LONG_BYTES: usize = 4 << 20;

/// How many segments are read at the same time, beside the one that is judged.
const AHEAD_MAX: usize = 4;

/// A segment, with what was found out about its frames ahead.
#[derive(Debug, Default)]
pub(crate) struct ReadSegment {
    pub(crate) bytes: Vec<u8>,
    frames: Vec<Found>,
    leaves: Vec<[u8; 32]>,
}

/// A frame whose checksums fit.
#[derive(Debug)]
struct Found {
    at: usize,
    header: Header,
    body_bytes: usize,
    /// How many leaves of the segment come before its own.
    leaves_before: usize,
}

/// The leaves of a frame's records, one after the other.
type Leaves<'a> = &'a [[u8; 32]];

impl ReadSegment {
    /// Makes a segment of which nothing was hashed ahead.
    pub(crate) fn plain(bytes: Vec<u8>) -> Self {
        Self { bytes, ..Self::default() }
    }

    /// Reads the frame at `at`, with the leaves of its records if they were hashed ahead.
    pub(crate) fn frame(&self, at: usize) -> Result<(Frame<'_>, Option<Leaves<'_>>), Fault> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let Ok(n) = self.frames.binary_search_by_key(&at, |found| found.at) else {
            return Ok((frame::decode(rest)?, None));
        };
        let found = &self.frames[n];
        let end = self.frames.get(n + 1).map_or(self.leaves.len(), |next| next.leaves_before);
        let leaves = self.leaves.get(found.leaves_before..end);
        Ok((Frame::of(found.header, found.body_bytes, rest), leaves))
    }

    /// Reads a segment whole into the memory of this one. At [`Depth::Chain`] each piece is hashed as soon as
    /// it is read, while it is still in the processor's cache.
    fn read_into(&mut self, disk: &dyn Disk, dir: &Path, name: &str, depth: Depth) -> Result<(), WalError> {
        self.frames.clear();
        self.leaves.clear();
        let mut place = Some(0).filter(|_| depth == Depth::Chain);
        let file = segment::open(disk, dir, name, Access::Read)?;
        let mut bytes = std::mem::take(&mut self.bytes);
        let read = load::read_in_pieces(file, &dir.join(name), &mut bytes, |read| {
            place = place.and_then(|at| self.find(read, at));
        });
        self.bytes = bytes;
        read
    }

    /// Finds out, from the frame at `at` on, what does not depend on other segments. `read` is the part of
    /// the segment that was read so far.
    ///
    /// Returns where to go on when more was read; `None` if there is no frame at that place.
    fn find(&mut self, read: &[u8], mut at: usize) -> Option<usize> {
        let mut pending = Vec::new();
        let next = loop {
            let rest = &read[at..];
            let frame = match frame::decode(rest) {
                Ok(frame) => frame,
                Err(Fault::Short { .. }) => break Some(at),
                Err(_) if rest.len() < FRAME_BYTES_MIN => break Some(at),
                Err(_) => break None,
            };
            let header = frame.header;
            if header.kind == Kind::Data
                && let Some(records) = raw_records(frame.body, header.count)
            {
                let (body_bytes, leaves_before) = (frame.body.len(), self.leaves.len() + pending.len());
                self.frames.push(Found { at, header, body_bytes, leaves_before });
                pending.extend(records.iter().map(|record| record.bytes));
            }
            at += frame.bytes;
        };
        extend_with_leaves(&mut self.leaves, &pending);
        next
    }
}

/// The segments of a folder, in order.
#[derive(Debug)]
pub(crate) struct ReadAhead<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    disk: &'env dyn Disk,
    dir: &'env Path,
    names: &'env [String],
    depth: Depth,
    next: usize,
    reading: VecDeque<ScopedJoinHandle<'scope, Result<ReadSegment, WalError>>>,
    /// Segments that were judged: their memory is used again.
    spare: Vec<ReadSegment>,
    ahead: usize,
}

impl<'scope, 'env> ReadAhead<'scope, 'env> {
    pub(crate) fn new(
        scope: &'scope Scope<'scope, 'env>,
        disk: &'env dyn Disk,
        dir: &'env Path,
        names: &'env [String],
        depth: Depth,
    ) -> Self {
        let ahead = std::thread::available_parallelism().map_or(1, usize::from).min(AHEAD_MAX);
        Self { scope, disk, dir, names, depth, next: 0, reading: VecDeque::new(), spare: Vec::new(), ahead }
    }

    /// Puts the next segment in the place of the one before. The caller does not ask for more segments than
    /// there are.
    pub(crate) fn next(&mut self, segment: &mut ReadSegment) -> Result<(), WalError> {
        match self.reading.pop_front() {
            Some(reading) => {
                let read = reading.join().unwrap_or_else(|panic| resume_unwind(panic))?;
                self.spare.push(std::mem::replace(segment, read));
            }
            // Without a thread it is judged at once, so it need not be hashed ahead.
            None => {
                self.next += 1;
                segment.read_into(self.disk, self.dir, &self.names[self.next - 1], self.depth)?;
            }
        }
        while segment.bytes.len() >= LONG_BYTES && self.reading.len() < self.ahead {
            let Some(name) = self.names.get(self.next) else { break };
            let (disk, dir, depth) = (self.disk, self.dir, self.depth);
            let mut ahead = self.spare.pop().unwrap_or_default();
            let read = move || {
                ahead.read_into(disk, dir, name, depth)?;
                Ok(ahead)
            };
            // Where no thread can be made the segment is read when its turn comes.
            let Ok(reading) = Builder::new().spawn_scoped(self.scope, read) else { break };
            self.reading.push_back(reading);
            self.next += 1;
        }
        Ok(())
    }
}
