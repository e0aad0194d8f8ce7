//! Single faults in a log that has acknowledged all its records, and what an honest log may do about them.
//!
//! After a fault a log may open with everything, or refuse to open. It must not open with less, or with
//! something else, and must not show that to a reader: this is a *silent loss*. It must not refuse if no byte
//! of a frame was changed and every frame stands where it belongs: this is a *false refusal*. A log that was
//! cut between two frames is sound in itself; only a witness, a head that was kept elsewhere, can see that.
//! And there is one case that nothing can see: the last frame is damaged after it was acknowledged, and the
//! power failed before the mark behind it was durable; with it, the frames before it in the same bad sector.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kfm_lineage::Lsn;
use kfm_wal::conformance::run;
use kfm_wal::local::inspect::inspect_on;
use kfm_wal::local::simulated::SimulatedDisk;
use kfm_wal::local::{verify_against_on, verify_on};
use kfm_wal::{Damage, Depth, Head, LocalLog, LocalOptions, StoredRecord, WalError, WalStore};

use super::local::DIR;
use crate::chance::Chance;

const SECTOR_BYTES: usize = 512;

/// A kind of single fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// One bit of a segment is flipped.
    FlippedBit,
    /// One sector of a segment is overwritten with zeros.
    ZeroedSector,
    /// A frame is overwritten with zeros from some byte on.
    TornFrame,
    /// A frame is copied behind the last frame of its segment.
    DuplicatedFrame,
    /// Two neighbouring frames have changed places.
    SwappedFrames,
    /// A frame is written over another one.
    MisdirectedFrame,
    /// A segment is cut.
    CutSegment,
    /// The log ends at an earlier frame, as an old copy of it would.
    CutLog,
    /// A segment is removed.
    LostSegment,
    /// The file that names the format is removed.
    LostFormat,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::FlippedBit,
        Self::ZeroedSector,
        Self::TornFrame,
        Self::DuplicatedFrame,
        Self::SwappedFrames,
        Self::MisdirectedFrame,
        Self::CutSegment,
        Self::CutLog,
        Self::LostSegment,
        Self::LostFormat,
    ];

    /// Returns the word used in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::FlippedBit => "flipped_bit",
            Self::ZeroedSector => "zeroed_sector",
            Self::TornFrame => "torn",
            Self::DuplicatedFrame => "duplicated",
            Self::SwappedFrames => "swapped",
            Self::MisdirectedFrame => "misdirected",
            Self::CutSegment => "truncated_segment",
            Self::CutLog => "truncated_with_witness",
            Self::LostSegment => "lost_segment",
            Self::LostFormat => "lost_format",
        }
    }
}

/// A fault that was made.
#[derive(Debug)]
pub struct Struck {
    /// The kind of the fault.
    pub kind: Kind,
    /// The file, and which of its bytes were changed.
    pub place: (PathBuf, Range<usize>),
    /// Whether a byte of a frame was changed, or a frame stands where it does not belong.
    touches: bool,
    /// Whether the last frame was touched, and every frame between it and the first touched one.
    reaches_end: bool,
}

/// What a log did about a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It opened with all records.
    Intact,
    /// It refused to open, and named the damage.
    Refused(Damage),
    /// It opened with fewer records, and the witness had seen that.
    SeenByWitness,
    /// It lost its end, whose mark was not durable.
    InWindow,
    /// It opened with something else than it had acknowledged.
    SilentLoss(String),
    /// It refused to open, although nothing was wrong.
    FalseRefusal(String),
}

impl Verdict {
    /// Returns the word used in reports.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Intact => "strike_intact",
            Self::Refused(_) => "strike_refused",
            Self::SeenByWitness => "strike_seen_by_witness",
            Self::InWindow => "strike_in_window",
            Self::SilentLoss(_) => "strike_silent_loss",
            Self::FalseRefusal(_) => "strike_false_refusal",
        }
    }

    /// Returns which promise the verdict breaks; `None` if it breaks none.
    pub fn violation(&self) -> Option<String> {
        match self {
            Self::SilentLoss(text) => Some(format!("silent loss: {text}")),
            Self::FalseRefusal(text) => Some(format!("false refusal: {text}")),
            _ => None,
        }
    }
}

/// The place of a frame.
#[derive(Debug, Clone)]
struct Place {
    segment: usize,
    bytes: Range<usize>,
}

/// A log that gets faults, with all that is known about it.
#[derive(Debug)]
pub struct Target {
    disk: SimulatedDisk,
    options: LocalOptions,
    segments: Vec<PathBuf>,
    /// Every frame except the marks.
    frames: Vec<Place>,
    records: Vec<StoredRecord>,
    head: Head,
    /// Whether the mark behind the last frame may not be durable.
    window: bool,
}

impl Target {
    /// Reads a sound log; `None` if it cannot be read. `window` says that its last mark may not be durable.
    pub fn of(disk: &SimulatedDisk, options: LocalOptions, window: bool) -> Option<Self> {
        let dir = Path::new(DIR);
        let report = verify_on(disk, dir, Depth::Chain).ok()?;
        let inspection = inspect_on(disk, dir).ok()?;
        let mut frames = Vec::new();
        for (segment, inspected) in inspection.segments.iter().enumerate() {
            for frame in inspected.frames.iter().filter(|frame| frame.kind != "mark") {
                let start = usize::try_from(frame.offset).expect("a segment fits in memory");
                let bytes = start..start + usize::try_from(frame.bytes).expect("a frame fits in memory");
                frames.push(Place { segment, bytes });
            }
        }
        let segments = inspection.segments.iter().map(|segment| dir.join(&segment.name)).collect();
        // A writer reads it, on a copy, because a reader does not show records without a witness.
        let options_of_copy = options.clone().with_disk(Arc::new(disk.copy()));
        let (log, _) = LocalLog::open(DIR, options_of_copy).ok()?;
        let records = run(log.scan(Lsn(1), usize::MAX)).ok()?;
        Some(Self { disk: disk.copy(), options, segments, frames, records, head: report.head, window })
    }

    /// Makes a fault of any kind in a copy of the log, and judges what the log does about it.
    pub fn strike(&self, chance: &mut Chance) -> (Struck, Verdict) {
        // Disks lose bits and sectors most often.
        let kind = match chance.below(100) {
            0..40 => Kind::FlippedBit,
            40..60 => Kind::ZeroedSector,
            60..70 => Kind::TornFrame,
            _ => *chance.pick(&Kind::ALL),
        };
        let copy = self.disk.copy();
        let (file, bytes) = self.apply(&copy, kind, chance);
        let hit = |place: &Place| {
            let (frame, segment) = (&place.bytes, &self.segments[place.segment]);
            *segment == file && frame.start < bytes.end && bytes.start < frame.end
        };
        let first_hit = self.frames.iter().position(hit);
        let reaches_end = first_hit.is_some_and(|first| self.frames[first..].iter().all(hit));
        let placed = matches!(kind, Kind::DuplicatedFrame | Kind::MisdirectedFrame | Kind::CutSegment);
        let touches = placed || first_hit.is_some();
        let struck = Struck { kind, place: (file, bytes), touches, reaches_end };
        let verdict = self.judge(&copy, &struck);
        (struck, verdict)
    }

    /// Makes a fault; returns the file and which of its bytes were changed.
    fn apply(&self, copy: &SimulatedDisk, kind: Kind, chance: &mut Chance) -> (PathBuf, Range<usize>) {
        let frame = chance.pick(&self.frames).clone();
        let path = self.segments[frame.segment].clone();
        let before = copy.contents(&path).unwrap_or_default();
        let mut bytes = before.clone();
        match kind {
            Kind::FlippedBit => {
                let at = if chance.percent(85) {
                    frame.bytes.start + chance.index(frame.bytes.len())
                } else {
                    chance.index(bytes.len())
                };
                bytes[at] ^= 1 << chance.below(8);
            }
            Kind::ZeroedSector => {
                let used = if chance.percent(85) { frame.bytes.clone() } else { 0..bytes.len() };
                let start = (used.start + chance.index(used.len())) / SECTOR_BYTES * SECTOR_BYTES;
                bytes[start..start + SECTOR_BYTES].fill(0);
            }
            Kind::TornFrame => {
                let start = frame.bytes.start + chance.index(frame.bytes.len());
                bytes[start..frame.bytes.end].fill(0);
            }
            Kind::DuplicatedFrame => {
                let ends = self.frames.iter().filter(|place| place.segment == frame.segment);
                let end = ends.map(|place| place.bytes.end).max().unwrap_or(0);
                overwrite(&mut bytes, end, &before[frame.bytes]);
            }
            Kind::SwappedFrames => {
                let next = self
                    .frames
                    .iter()
                    .find(|place| place.segment == frame.segment && place.bytes.start == frame.bytes.end);
                if let Some(next) = next {
                    let both = [&before[next.bytes.clone()], &before[frame.bytes.clone()]].concat();
                    overwrite(&mut bytes, frame.bytes.start, &both);
                }
            }
            Kind::MisdirectedFrame => {
                let other = chance.pick(&self.frames);
                let source = copy.contents(&self.segments[other.segment]).unwrap_or_default();
                overwrite(&mut bytes, frame.bytes.start, &source[other.bytes.clone()]);
            }
            Kind::CutSegment => bytes.truncate(chance.index(before.len())),
            Kind::CutLog => {
                let end = bytes.len();
                bytes[frame.bytes.start..end].fill(0);
                for later in &self.segments[frame.segment + 1..] {
                    copy.lose(later);
                }
            }
            Kind::LostSegment => {
                copy.lose(&path);
                return (path, 0..before.len());
            }
            Kind::LostFormat => {
                let format = Path::new(DIR).join("FORMAT");
                copy.lose(&format);
                return (format, 0..0);
            }
        }
        let changed = changed(&before, &bytes);
        copy.overwrite(&path, bytes);
        (path, changed)
    }

    /// Opens a damaged log in every way, and returns what it did.
    fn judge(&self, copy: &SimulatedDisk, struck: &Struck) -> Verdict {
        let dir = Path::new(DIR);
        let witnessed = match verify_against_on(copy, dir, &self.head) {
            Ok(report) => report.first_bad,
            Err(error) => return Verdict::FalseRefusal(format!("verify does not read: {error}")),
        };
        let shown = LocalLog::open_read_only_on(DIR, Arc::new(copy.clone()))
            .and_then(|reader| run(reader.scan(Lsn(1), usize::MAX)));
        let opened = LocalLog::open(DIR, self.options.clone().with_disk(Arc::new(copy.clone())));
        let (log, _) = match opened {
            Ok(opened) => opened,
            // A refusal is honest only if every way of reading gives it, and if there was something to refuse.
            Err(WalError::Corrupt { class, offset, .. }) => {
                return if witnessed.is_none_or(|bad| (bad.class, bad.offset) != (class, offset)) {
                    Verdict::SilentLoss(format!("verify does not say what opening says: {class}"))
                } else if shown.is_ok() {
                    Verdict::SilentLoss("a reader is shown a log that does not open".to_owned())
                } else if struck.touches {
                    Verdict::Refused(class)
                } else {
                    Verdict::FalseRefusal(format!("{class} at {offset}"))
                };
            }
            Err(error) => return Verdict::FalseRefusal(error.to_string()),
        };
        let records = match run(log.scan(Lsn(1), usize::MAX)) {
            Ok(records) => records,
            Err(error) => return Verdict::SilentLoss(format!("opened, and does not read: {error}")),
        };
        if !matches!(&shown, Ok(shown) if records.starts_with(shown)) {
            return Verdict::SilentLoss("a reader is shown something else than a writer".to_owned());
        }
        if records == self.records {
            return Verdict::Intact;
        }
        let (found, had) = (records.len(), self.records.len());
        if !self.records.starts_with(&records) {
            return Verdict::SilentLoss(format!("other records: {found} of {had}"));
        }
        // A frame that was erased as a whole leaves nothing that a repair could set aside.
        if self.window && struck.reaches_end {
            return Verdict::InWindow;
        }
        // A witness knows of a loss at the end of which the log itself does not know. For a loss within the
        // log this is no excuse.
        if struck.kind == Kind::CutLog && witnessed.is_some_and(|bad| bad.class == Damage::LostTail) {
            return Verdict::SeenByWitness;
        }
        Verdict::SilentLoss(format!("{found} records of {had}"))
    }
}

/// Writes bytes over others, as far as the file goes.
fn overwrite(bytes: &mut [u8], start: usize, with: &[u8]) {
    let length = with.len().min(bytes.len().saturating_sub(start));
    bytes[start..start + length].copy_from_slice(&with[..length]);
}

/// Returns the range of bytes in which two contents differ.
fn changed(before: &[u8], after: &[u8]) -> Range<usize> {
    let differ = |at: &usize| before.get(*at) != after.get(*at);
    let length = before.len().max(after.len());
    match (0..length).find(differ) {
        Some(first) => first..(0..length).rev().find(differ).map_or(length, |last| last + 1),
        None => 0..0,
    }
}
