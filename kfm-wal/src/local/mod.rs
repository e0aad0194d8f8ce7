//! The local log: segment files in one folder, one writer, any number of readers.
//!
//! An append is one frame in a preallocated, zero-filled segment, written and synced before it is answered.
//! It runs on the thread of its caller and blocks that thread meanwhile; where several threads append, one of
//! them may write up to sixteen groups before its own call returns. After a failed write or sync the handle
//! writes nothing more; opening the log again finds out what reached the disk. Readers never write, not even
//! a lock, and show only what is durable: if nothing behind the last frame says that it is durable, the
//! reader syncs it first.
//!
//! ```text
//! FORMAT                                            the log's id and format, for people
//! LOCK                                              locked by the writer, which writes its holder into it
//! seg-<first position>-<epoch>.kfw                  frames, then zeros
//! archive/seg-…                                     segments that were set aside, part of the log as before
//! quarantine/seg-…-<offset>.bad                     torn bytes that interrupted appends left
//! ```

pub mod ahead;
mod archive;
mod behind;
mod catch_up;
mod committer;
pub mod disk;
#[cfg(feature = "test-util")]
pub mod faulty;
mod ids;
pub mod inspect;
mod line;
mod load;
#[cfg(test)]
mod newer;
mod open;
pub mod probe;
mod read_ahead;
pub mod repair;
mod replay;
mod segment;
#[cfg(feature = "test-util")]
pub mod simulated;
mod sync;
mod tail;
mod verify;
mod view;
pub mod whole;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kfm_lineage::Lsn;
use kfm_retry::Clock;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entropy::{Entropy, SystemEntropy};
use crate::error::WalError;
use crate::frame;
use crate::raw::raw_records;
use crate::store::{
    Appended, Capabilities, Damage, Depth, Head, NewRecord, RetainReason, Retained, StoredRecord,
    VerifyReport, WalStore, check_limits,
};
pub use replay::{Replayed, replay, replay_on};
pub use verify::{verify, verify_against, verify_against_on, verify_on};

use ahead::{Background, Threads};
use catch_up::catch_up;
use committer::Committer;
use disk::{Disk, RealDisk};
use load::Ending;
use sync::guard;
use verify::summary;
use view::{FrameAt, View};

/// The lengths of segments: the first one has `first_bytes`, each next one twice as many, up to `max_bytes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SegmentSizes {
    /// Length of the first segment in bytes; small, so that a log is made at once. Default 256 KiB.
    pub first_bytes: u64,
    /// Length of the longest segment in bytes, unless one batch needs more. Default 16 MiB: a reader of a
    /// long log has three to six segments in memory.
    pub max_bytes: u64,
}

impl Default for SegmentSizes {
    fn default() -> Self {
        Self { first_bytes: 256 << 10, max_bytes: 16 << 20 }
    }
}

impl SegmentSizes {
    /// Returns the length of the segment that follows one of `last` bytes and has to hold a frame of
    /// `frame_bytes`.
    fn next(&self, last: u64, frame_bytes: u64) -> u64 {
        let grown = last.saturating_mul(2).clamp(self.first_bytes.min(self.max_bytes), self.max_bytes);
        let needed = segment::FIRST_FRAME_BYTES + frame_bytes + segment::RESERVE_BYTES;
        grown.max(needed).next_multiple_of(segment::PAGE_BYTES)
    }
}

/// How a local log is opened for writing.
#[derive(Debug, Clone)]
pub struct LocalOptions {
    sizes: SegmentSizes,
    holder: String,
    clock: Arc<dyn Clock>,
    disk: Arc<dyn Disk>,
    entropy: Arc<dyn Entropy>,
    background: Option<Arc<dyn Background>>,
}

impl LocalOptions {
    /// Makes the default options. `clock` dates locks, repairs and archivings; records bring their own time.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            sizes: SegmentSizes::default(),
            holder: format!("pid={}", std::process::id()),
            clock,
            disk: Arc::new(RealDisk),
            entropy: Arc::new(SystemEntropy),
            background: Some(Arc::new(Threads)),
        }
    }

    /// Sets the lengths of segments.
    #[must_use]
    pub fn with_segment_sizes(mut self, sizes: SegmentSizes) -> Self {
        self.sizes = sizes;
        self
    }

    /// Sets what other processes are told about the holder of the lock: host, process, command; one short
    /// line.
    #[must_use]
    pub fn with_holder(mut self, holder: impl Into<String>) -> Self {
        self.holder = holder.into().chars().filter(|char| !char.is_control()).take(200).collect();
        self
    }

    /// Sets the file system, so that tests can put faults below the log.
    ///
    /// The log then uses it only on the thread that appends, so that the order of its calls follows from the
    /// appends; [`LocalOptions::with_background`] after this call changes that.
    #[must_use]
    pub fn with_disk(mut self, disk: Arc<dyn Disk>) -> Self {
        self.disk = disk;
        self.background = None;
        self
    }

    /// Sets where the next segment is filled before it is needed; by default on a thread of its own.
    #[must_use]
    pub fn with_background(mut self, background: Arc<dyn Background>) -> Self {
        self.background = Some(background);
        self
    }

    /// Sets the source of the random ids of logs and writers; the operating system's by default.
    #[must_use]
    pub fn with_entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }
}

/// What opening a log found and did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct RecoveryReport {
    /// Whether there was no log, and one was made.
    pub created: bool,
    /// Number of records in the log.
    pub records: u64,
    /// Number of frames that hold records, epochs, repairs or archivings.
    pub frames: u64,
    /// Number of segments, those in the archive included.
    pub segments: u64,
    /// Bytes in use in those segments.
    pub bytes: u64,
    /// Bytes of an append that never finished; zero if there were none.
    pub torn_bytes: u64,
    /// Whether the end of the log was repaired; a reader repairs nothing and leaves that to the next writer.
    pub repaired: bool,
    /// The file in the log's folder that now holds the torn bytes. On a full disk there is none, and the
    /// repair in the log holds them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<String>,
    /// The epoch that this writer claimed; for a reader, the last one in the log.
    pub epoch: u64,
}

/// A log in a folder of this machine.
#[derive(Debug)]
pub struct LocalLog {
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    view: Arc<Mutex<View>>,
    role: Role,
    report: RecoveryReport,
}

#[derive(Debug)]
enum Role {
    Writer(Box<Committer>),
    /// A reader. True if what it knows of the log is what was there when it last looked.
    Reader(Mutex<bool>),
}

impl LocalLog {
    /// Opens a log for writing; makes the log if there is none, and repairs what an interrupted append left.
    ///
    /// # Errors
    /// - [`WalError::Locked`]: another writer has the log; wait, or stop that one.
    /// - [`WalError::Corrupt`]: nothing was changed; restore the log from a copy, or repair it by hand.
    /// - [`WalError::FutureFormat`]: nothing was changed; upgrade.
    /// - [`WalError::Unknown`]: the claim of an epoch, or the repair, may be in the log; open it again.
    /// - [`WalError::Io`]: repair the disk and try again.
    pub fn open(dir: impl AsRef<Path>, options: LocalOptions) -> Result<(Self, RecoveryReport), WalError> {
        let dir = dir.as_ref().to_path_buf();
        let disk = Arc::clone(&options.disk);
        let (tail, view, report) = open::open(&dir, options)?;
        let role = Role::Writer(Box::new(Committer::new(tail)));
        Ok((Self { dir, disk, view, role, report: report.clone() }, report))
    }

    /// Opens a log for reading, beside a writer or without one; writes nothing. A folder that is missing
    /// reads as an empty log.
    ///
    /// # Errors
    /// - [`WalError::Corrupt`]: the log is damaged; [`verify`] says more.
    /// - [`WalError::FutureFormat`]: a newer version wrote it; upgrade.
    /// - [`WalError::Io`]: try again.
    pub fn open_read_only(dir: impl AsRef<Path>) -> Result<Self, WalError> {
        Self::open_read_only_on(dir, Arc::new(RealDisk))
    }

    /// As [`LocalLog::open_read_only`], on a file system that the caller gives.
    ///
    /// # Errors
    /// As [`LocalLog::open_read_only`].
    pub fn open_read_only_on(dir: impl AsRef<Path>, disk: Arc<dyn Disk>) -> Result<Self, WalError> {
        let dir = dir.as_ref().to_path_buf();
        let loaded = load::load_beside_a_writer(disk.as_ref(), &dir, Depth::Chain)?;
        let torn_bytes = match loaded.ending {
            Ending::Bad(bad) => return Err(bad.into()),
            Ending::Torn(torn) | Ending::Unsealed(torn) => torn.bytes,
            Ending::Clean => 0,
        };
        let there = loaded.view.is_some();
        let view = loaded.view.unwrap_or_else(|| View::new([0; 16]));
        let report = RecoveryReport { torn_bytes, ..summary(&view) };
        let role = Role::Reader(Mutex::new(there));
        Ok(Self { dir, disk, view: Arc::new(Mutex::new(view)), role, report })
    }

    /// Returns what opening this log found and did.
    pub fn report(&self) -> &RecoveryReport {
        &self.report
    }

    /// Returns the folder of the log.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Takes in what a writer appended since the last look; a writer has nothing to look for.
    fn refresh(&self) -> Result<(), WalError> {
        let Role::Reader(there) = &self.role else { return Ok(()) };
        let mut there = guard(there);
        let mut view = guard(&self.view);
        if std::mem::take(&mut *there) && catch_up(self.disk.as_ref(), &self.dir, &mut view)? {
            *there = true;
            return Ok(());
        }
        let loaded = load::load_beside_a_writer(self.disk.as_ref(), &self.dir, Depth::Chain)?;
        if let Ending::Bad(bad) = loaded.ending {
            return Err(bad.into());
        }
        if let Some(new) = loaded.view {
            *there = true;
            *view = new;
        }
        Ok(())
    }

    fn committer(&self) -> Result<&Committer, WalError> {
        match &self.role {
            Role::Writer(committer) => Ok(committer),
            Role::Reader(_) => Err(WalError::ReadOnly),
        }
    }
}

impl Drop for LocalLog {
    fn drop(&mut self) {
        if let Role::Writer(committer) = &self.role {
            committer.with_tail(|tail| tail.close(&self.view));
        }
    }
}

#[async_trait]
impl WalStore for LocalLog {
    async fn append(&self, records: &[NewRecord], expected: Option<Lsn>) -> Result<Appended, WalError> {
        let committer = self.committer()?;
        check_limits(records, &self.capabilities())?;
        committer.append(&self.view, records, expected).await
    }

    async fn scan(&self, from: Lsn, limit: usize) -> Result<Vec<StoredRecord>, WalError> {
        self.refresh()?;
        let from = from.max(Lsn(1));
        let last = guard(&self.view).position.last();
        let frames = guard(&self.view).frames_from(from, limit, last);
        let mut records = read_frames(self.disk.as_ref(), &self.dir, &self.view, &frames, from, limit)?;
        records.retain(|record| record.lsn <= last);
        Ok(records)
    }

    async fn head(&self) -> Result<Head, WalError> {
        self.refresh()?;
        Ok(guard(&self.view).position.head())
    }

    async fn fence(&self) -> Result<u64, WalError> {
        let committer = self.committer()?;
        committer.with_tail(|tail| open::claim(tail, &self.view))?;
        Ok(guard(&self.view).position.epoch)
    }

    async fn verify(&self, depth: Depth) -> Result<VerifyReport, WalError> {
        verify_on(self.disk.as_ref(), &self.dir, depth)
    }

    async fn retain(&self, upto: Lsn, reason: &RetainReason) -> Result<Retained, WalError> {
        self.committer()?.with_tail(|tail| archive::archive(tail, &self.view, upto, reason))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { durable: true, archives: true, ..Capabilities::default() }
    }
}

/// Reads the records of `frames` from `from` on, at most `limit`; the checksum of each is compared again.
fn read_frames(
    disk: &dyn Disk,
    dir: &Path,
    view: &Mutex<View>,
    frames: &[FrameAt],
    from: Lsn,
    limit: usize,
) -> Result<Vec<StoredRecord>, WalError> {
    let mut records = Vec::new();
    let mut open: Option<(u32, String, Box<dyn disk::DiskFile>)> = None;
    for place in frames {
        if open.as_ref().is_none_or(|(segment, ..)| *segment != place.segment) {
            let name = guard(view).segments[place.segment as usize].name.clone();
            let file = segment::open(disk, dir, &name, disk::Access::Read)?;
            open = Some((place.segment, name, file));
        }
        let (_, name, file) = open.as_mut().expect("just opened");
        let mut bytes = vec![0; place.bytes as usize];
        file.read_at(place.offset, &mut bytes).map_err(load::io_error("read", &dir.join(&*name)))?;
        let corrupt = |class| WalError::Corrupt {
            segment: name.clone(),
            offset: place.offset,
            lsn: place.first,
            class,
        };
        let frame = frame::decode(&bytes).map_err(|_| corrupt(Damage::BitRot))?;
        if frame.header.first != place.first || frame.header.count != place.count {
            return Err(corrupt(Damage::ChainBreak));
        }
        let found = raw_records(frame.body, place.count).ok_or_else(|| corrupt(Damage::Malformed))?;
        for (n, record) in found.iter().enumerate() {
            let lsn = Lsn(place.first.0 + n as u64);
            if lsn >= from && records.len() < limit {
                records.push(record.stored(lsn, frame.header.epoch));
            }
        }
    }
    Ok(records)
}
