//! Segments read, and their records hashed, ahead of the one that is being judged.
//!
//! Hashing is what takes longest when a log is read, and the leaves of a record depend on nothing but the
//! record. So the next segments of a long log are read, their checksums compared and their records hashed on
//! threads of their own; order, chain and ids are judged in one place, one frame after the other, as without
//! them. Short logs are read without a thread. Segments are read into the room of those that were judged: to have
//! fresh room from the system takes as long as reading.

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

/// The length of a segment from which on the ones behind it are worth a thread.
const LONG_BYTES: usize = 4 << 20;

/// How many segments are read at a time, beside the one that is judged.
const AHEAD_MAX: usize = 4;

/// A segment, and what was found out about its first frames.
#[derive(Debug, Default)]
pub(crate) struct ReadSegment {
    pub(crate) bytes: Vec<u8>,
    frames: Vec<Found>,
    leaves: Vec<[u8; 32]>,
}

/// A frame that fits its checksums.
#[derive(Debug)]
struct Found {
    at: usize,
    header: Header,
    body_bytes: usize,
    /// The number of leaves before its own.
    leaves_before: usize,
}

/// The leaves of a frame's records, one after the other.
type Leaves<'a> = &'a [[u8; 32]];

impl ReadSegment {
    /// Makes a segment of which nothing was hashed ahead.
    pub(crate) fn plain(bytes: Vec<u8>) -> Self {
        Self { bytes, ..Self::default() }
    }

    /// Reads the frame at a place, with the leaves of its records if they are known.
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

    /// Reads a segment whole into the room of another; with the chain, each piece is looked through while the
    /// processor still has it at hand.
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

    /// Finds out what does not depend on other segments, from the frame at `at` on, of as much of a segment as was read.
    ///
    /// Returns where to go on when more was read; nowhere if what is there is no frame.
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
    /// Segments that were judged.
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

    /// Puts the next segment in the place of the one before; the caller knows how many there are.
    pub(crate) fn next(&mut self, segment: &mut ReadSegment) -> Result<(), WalError> {
        match self.reading.pop_front() {
            Some(reading) => {
                let read = reading.join().unwrap_or_else(|panic| resume_unwind(panic))?;
                self.spare.push(std::mem::replace(segment, read));
            }
            // Judged at once: hashing it here or there is the same.
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
            // Without a thread it is read when its turn comes.
            let Ok(reading) = Builder::new().spawn_scoped(self.scope, read) else { break };
            self.reading.push_back(reading);
            self.next += 1;
        }
        Ok(())
    }
}
