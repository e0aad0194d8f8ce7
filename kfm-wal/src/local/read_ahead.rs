//! Segments read, and their records hashed, ahead of the one that is being judged.
//!
//! Hashing is what takes longest when a log is read, and the leaves of a record depend on nothing but the
//! record. So the next segments of a long log are read and hashed on threads of their own; order, chain and
//! ids are judged in one place, one frame after the other, as without them. Short logs are read without a
//! thread.

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::path::Path;
use std::thread::{Builder, Scope, ScopedJoinHandle};

use super::disk::Disk;
use super::load;
use crate::error::WalError;
use crate::frame::{self, Kind};
use crate::raw::{RawRecord, raw_records};
use crate::store::Depth;

/// The length of a segment from which on the ones behind it are worth a thread.
const LONG_BYTES: usize = 4 << 20;

/// How many segments are read at a time, beside the one that is judged.
const AHEAD_MAX: usize = 4;

/// A segment, and the leaves of the records in its frames.
#[derive(Debug, Default)]
pub(crate) struct ReadSegment {
    pub(crate) bytes: Vec<u8>,
    /// Where each frame begins, and its first leaf.
    frames: Vec<(usize, usize)>,
    leaves: Vec<[u8; 32]>,
}

impl ReadSegment {
    /// Makes a segment of which nothing was hashed ahead.
    pub(crate) fn plain(bytes: Vec<u8>) -> Self {
        Self { bytes, ..Self::default() }
    }

    /// Returns the leaves of the frame at a place, if they are known.
    pub(crate) fn leaves(&self, at: usize) -> Option<&[[u8; 32]]> {
        let n = self.frames.binary_search_by_key(&at, |(at, _)| *at).ok()?;
        let end = self.frames.get(n + 1).map_or(self.leaves.len(), |(_, first)| *first);
        self.leaves.get(self.frames[n].1..end)
    }

    fn read(disk: &dyn Disk, dir: &Path, name: &str, depth: Depth) -> Result<Self, WalError> {
        let mut segment = Self::plain(load::read_segment(disk, dir, name)?);
        let mut at = 0;
        while depth == Depth::Chain
            && let Ok(frame) = frame::decode(segment.bytes.get(at..).unwrap_or_default())
        {
            let header = frame.header;
            if header.kind == Kind::Data
                && let Some(records) = raw_records(frame.body, header.count)
            {
                segment.frames.push((at, segment.leaves.len()));
                segment.leaves.extend(records.iter().map(RawRecord::leaf));
            }
            at += frame.bytes;
        }
        Ok(segment)
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
        Self { scope, disk, dir, names, depth, next: 0, reading: VecDeque::new(), ahead }
    }

    /// Returns the next segment; the caller knows how many there are.
    pub(crate) fn next(&mut self) -> Result<ReadSegment, WalError> {
        let segment = match self.reading.pop_front() {
            Some(reading) => reading.join().unwrap_or_else(|panic| resume_unwind(panic))?,
            None => {
                self.next += 1;
                // Judged at once: hashing it here or there is the same.
                ReadSegment::plain(load::read_segment(self.disk, self.dir, &self.names[self.next - 1])?)
            }
        };
        while segment.bytes.len() >= LONG_BYTES && self.reading.len() < self.ahead {
            let Some(name) = self.names.get(self.next) else { break };
            let (disk, dir, depth) = (self.disk, self.dir, self.depth);
            let read = move || ReadSegment::read(disk, dir, name, depth);
            // Without a thread it is read when its turn comes.
            let Ok(reading) = Builder::new().spawn_scoped(self.scope, read) else { break };
            self.reading.push_back(reading);
            self.next += 1;
        }
        Ok(segment)
    }
}
