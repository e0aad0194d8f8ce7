//! The end of a local log, where frames are written: one at a time, each synced before the next.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use kfm_lineage::{Lsn, Timestamp};
use kfm_retry::Clock;

use super::SegmentSizes;
use super::ahead::{Ahead, Background};
use super::disk::{Access, Disk, DiskFile, DiskLock};
use super::segment::{self, Label, RESERVE_BYTES, WriteError};
use super::sync::guard;
use super::view::View;
use crate::error::{Source, WalError};
use crate::frame::{self, FRAME_BYTES_MIN, HEADER_BYTES, Header, Kind, frame_bytes};

/// How many bytes of buffer for a frame are kept between two frames.
const ROOM_BYTES_MAX: usize = 1 << 20;

/// Writes the end of a log.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) disk: Arc<dyn Disk>,
    /// Dates the repairs and archivings that the log notes about itself.
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) dir: PathBuf,
    pub(crate) sizes: SegmentSizes,
    pub(crate) nonce: [u8; 16],
    pub(crate) file: Box<dyn DiskFile>,
    /// Set for ever by the first write or sync that fails: it is not known any more what reached the disk,
    /// and another sync of the same file would seem to make durable what is lost.
    pub(crate) poisoned: bool,
    /// The place of the last mark, if no frame has overwritten it: the next mark goes there too.
    pub(crate) mark: Option<u64>,
    /// Whether a mark witnesses the last frame.
    pub(crate) marked: bool,
    /// Whether a power cut can still take that mark away.
    pub(crate) mark_unsynced: bool,
    /// Where the next segment is filled before it is needed; `None` if it is not.
    pub(crate) background: Option<Arc<dyn Background>>,
    /// The next segment. Before `lock` in this struct, because fields are dropped in their order and the lock
    /// must go last.
    pub(crate) ahead: Option<Ahead>,
    /// Keeps other writers out.
    pub(crate) lock: Box<dyn DiskLock>,
}

/// A frame that is being built: free room for the header, then the body so far.
#[derive(Debug)]
pub(crate) struct Batch {
    frame: Vec<u8>,
    pub(crate) leaves: Vec<[u8; 32]>,
    ids: Vec<[u8; 16]>,
    pub(crate) last_at: Option<Timestamp>,
}

impl Batch {
    /// Begins a frame whose body is not records.
    pub(crate) fn new(body: &[u8]) -> Self {
        let mut frame = vec![0; HEADER_BYTES];
        frame.extend_from_slice(body);
        Self { frame, leaves: Vec::new(), ids: Vec::new(), last_at: None }
    }

    /// Begins a new frame in the same memory.
    pub(crate) fn clear(&mut self) {
        self.frame.clear();
        self.frame.shrink_to(ROOM_BYTES_MAX);
        self.frame.resize(HEADER_BYTES, 0);
        self.leaves.clear();
        self.ids.clear();
        self.last_at = None;
    }

    /// Adds encoded records, each with its id and its leaf.
    pub(crate) fn add(&mut self, body: &[u8], records: impl Iterator<Item = ([u8; 16], [u8; 32])>) {
        self.frame.extend_from_slice(body);
        for (id, leaf) in records {
            self.ids.push(id);
            self.leaves.push(leaf);
        }
    }

    fn body_bytes(&self) -> usize {
        self.frame.len() - HEADER_BYTES
    }
}

/// Why a frame was not written.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing of the frame is in the log.
    NotWritten(WalError),
    /// The frame may be in the log.
    Unknown(Source),
}

impl Failure {
    /// Makes the error of a frame that holds no records.
    pub(crate) fn of_kind(self, kind: Kind) -> WalError {
        match self {
            Self::NotWritten(error) => error,
            Self::Unknown(source) => WalError::Unknown { id: kind.as_str().to_owned(), source },
        }
    }
}

impl Tail {
    /// Refuses every later write too once the file of the lock is gone: another writer may have the log by
    /// now.
    fn refuse_if_let_go(&mut self) -> Result<(), WalError> {
        let path = self.dir.join(super::open::LOCK);
        if self.lock.is_held().map_err(super::load::io_error("look at", &path))? {
            return Ok(());
        }
        self.poisoned = true;
        Err(WalError::Locked { holder: format!("unknown, the file was taken away: path={}", path.display()) })
    }

    /// Writes a frame and syncs it; only then does `view` know of it.
    pub(crate) fn write(&mut self, view: &Mutex<View>, kind: Kind, batch: &mut Batch) -> Result<(), Failure> {
        if self.poisoned {
            return Err(Failure::NotWritten(WalError::Poisoned));
        }
        self.refuse_if_let_go().map_err(Failure::NotWritten)?;
        let bytes = frame_bytes(batch.body_bytes()) as u64;
        if !self.has_room(view, bytes) {
            self.rotate(view, bytes).map_err(Failure::NotWritten)?;
        }
        let count = u32::try_from(batch.leaves.len()).expect("a batch is far below 4 GiB");
        let header = guard(view).position.header(kind, count, self.nonce);
        let chain = frame::finish(&header, &mut batch.frame, &batch.leaves);
        self.put(view, &header, &mut batch.frame).map_err(Failure::Unknown)?;

        {
            let mut view = guard(view);
            for (n, id) in batch.ids.iter().enumerate() {
                view.ids.insert(*id, Lsn(header.first.0 + n as u64));
            }
            view.position.advance(&header, chain, batch.last_at);
        }
        self.prepare_next(view);
        Ok(())
    }

    /// Begins to fill the next segment once the last one is half full.
    fn prepare_next(&mut self, view: &Mutex<View>) {
        let (Some(background), None) = (&self.background, &self.ahead) else { return };
        let (end, capacity) = {
            let view = guard(view);
            view.segments.last().map_or((0, 0), |segment| (segment.end, segment.capacity))
        };
        if end > capacity.saturating_sub(RESERVE_BYTES) / 2 {
            let next = self.sizes.next(capacity, 0);
            let path = segment::blank_path(&self.dir);
            self.ahead = Some(Ahead::begin(background.as_ref(), &self.disk, path, next));
        }
    }

    /// Writes a frame at the end of the log and syncs it. Zeros behind it overwrite what is left there of
    /// older bytes.
    ///
    /// A mark farther behind stays, so that a torn write does not destroy the witness of what was
    /// acknowledged.
    pub(crate) fn put(
        &mut self,
        view: &Mutex<View>,
        header: &Header,
        frame: &mut Vec<u8>,
    ) -> Result<(), Source> {
        let (offset, touched) = {
            let view = guard(view);
            let segment = view.segments.last().expect("a log has a segment");
            (segment.end, segment.touched)
        };
        let bytes = frame.len();
        let end = offset + bytes as u64;
        // A mark that the frame reaches is overwritten with it; one farther behind stays as a witness.
        let mark_end = self.mark.filter(|mark| *mark < end).map(|mark| mark + FRAME_BYTES_MIN as u64);
        let clear = touched.max(mark_end.unwrap_or(0)).saturating_sub(end);
        frame.resize(bytes + usize::try_from(clear).expect("a segment fits in memory"), 0);
        let done = self.file.write_at(offset, frame).and_then(|()| match self.file.sync() {
            Err(error) => {
                self.take_back(offset, frame.len());
                Err(error)
            }
            synced => synced,
        });
        if let Err(error) = done {
            self.poisoned = true;
            return Err(Box::new(error));
        }
        self.mark = self.mark.filter(|mark| *mark >= end);
        self.marked = false;
        self.mark_unsynced = false;
        let mut view = guard(view);
        view.segments.last_mut().expect("a log has a segment").touched = 0;
        view.place(header, offset, bytes);
        Ok(())
    }

    /// Writes zeros over a frame that could not be synced.
    ///
    /// The system may count the bytes of the frame as written by now, and a reader's own sync would seem to
    /// make them durable. If the zeros fail too, or the frame is on the disk all the same, that agrees with
    /// the answer of its append, which is unknown.
    fn take_back(&mut self, offset: u64, bytes: usize) {
        let _ = self.file.write_at(offset, &vec![0; bytes]);
    }

    /// Writes a mark into the next page, as a witness of everything that was acknowledged.
    ///
    /// The mark is not synced: it costs an append nothing, and only a crash of the system can take it away.
    /// Readers show the last frame with or without it. The mark says of a bad place that it was once a frame.
    /// If the mark cannot be written, the handle writes nothing more, since the disk fails.
    pub(crate) fn mark(&mut self, view: &Mutex<View>) {
        if self.marked {
            return;
        }
        let (header, offset, capacity) = {
            let view = guard(view);
            let segment = view.segments.last().expect("a log has a segment");
            let header = view.position.header(Kind::Mark, 0, self.nonce);
            (header, segment.mark_offset(), segment.capacity)
        };
        if self.poisoned || offset + FRAME_BYTES_MIN as u64 > capacity {
            return;
        }
        let (bytes, _) = frame::encode(&header, &[], &[]);
        // What was acknowledged before is durable, with or without the mark.
        self.poisoned = self.file.write_at(offset, &bytes).is_err();
        self.mark = Some(offset);
        self.marked = !self.poisoned;
        self.mark_unsynced = !self.poisoned;
    }

    /// Writes a durable mark, so that even the last record has a witness; all records are durable without it.
    pub(crate) fn close(&mut self, view: &Mutex<View>) {
        self.ahead = None;
        self.mark(view);
        if self.mark_unsynced && !self.poisoned {
            self.mark_unsynced = false;
            self.poisoned = self.file.sync().is_err();
        }
    }

    /// Says whether a frame of `bytes` fits into the last segment.
    pub(crate) fn has_room(&self, view: &Mutex<View>, bytes: u64) -> bool {
        let view = guard(view);
        let segment = view.segments.last().expect("a log has a segment");
        segment.end + bytes + RESERVE_BYTES <= segment.capacity
    }

    /// Makes the next segment, then seals the last one, so that a sealed segment always has a successor.
    pub(crate) fn rotate(&mut self, view: &Mutex<View>, bytes: u64) -> Result<(), WalError> {
        let (position, log_id, capacity) = {
            let view = guard(view);
            (view.position, view.log_id, view.segments.last().map_or(0, |segment| segment.capacity))
        };
        let capacity = self.sizes.next(capacity, bytes);
        let filled = self.ahead.take().and_then(Ahead::finish).filter(|blank| blank.capacity >= capacity);
        let capacity = filled.as_ref().map_or(capacity, |blank| blank.capacity);
        let disk = self.disk.as_ref();
        let made = match filled {
            Some(blank) => blank.become_segment(disk, &self.dir, &position, log_id, self.nonce),
            None => {
                let label = Label { log_id, capacity };
                segment::create(disk, &self.dir, &position, label, self.nonce).and_then(|name| {
                    let file = disk.open(&self.dir.join(&name), Access::Write);
                    Ok((name, file.map_err(|source| WriteError { named: true, source })?))
                })
            }
        };
        let (name, file) = made.map_err(|error| self.refuse("make a segment in", error))?;

        let header = position.header(Kind::Seal, 0, self.nonce);
        let (mut seal, _) = frame::encode(&header, &[], &[]);
        let sealed = self.put(view, &header, &mut seal);
        sealed.map_err(|source| WalError::Io { action: "seal a segment in", path: self.path(), source })?;
        guard(view).add_segment(name, capacity);
        self.file = file;
        self.mark = None;
        Ok(())
    }

    fn refuse(&mut self, action: &'static str, error: WriteError) -> WalError {
        self.poisoned |= error.named;
        WalError::Io { action, path: self.path(), source: Box::new(error.source) }
    }

    fn path(&self) -> String {
        Path::display(&self.dir).to_string()
    }
}
