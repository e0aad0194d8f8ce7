//! Reading a whole log to say whether it holds what was written; works also on a log that does not open.

use std::path::Path;

use kfm_lineage::{Digest, DigestKind};

use super::RecoveryReport;
use super::disk::{self, Disk, RealDisk};
use super::load::{self, Ending, Loaded};
use super::segment;
use super::view::{FrameAt, View};
use crate::error::WalError;
use crate::frame;
use crate::leaves::leaves_of;
use crate::raw::raw_records;
use crate::store::{BadPlace, Damage, Depth, Head, VerifyReport};

/// Reads the log in a folder and says whether it holds what was written. Works on a log that does not open.
///
/// # Errors
/// [`WalError::Io`]: the folder could not be read; try again.
pub fn verify(dir: impl AsRef<Path>, depth: Depth) -> Result<VerifyReport, WalError> {
    verify_on(&RealDisk, dir.as_ref(), depth)
}

/// Verifies a log, and compares it with a witness: a head of the log that was kept elsewhere.
///
/// A log whose end was cut off, or that was written anew from some point on, is sound in itself; only a
/// witness can tell.
///
/// # Errors
/// As [`verify`].
pub fn verify_against(dir: impl AsRef<Path>, witness: &Head) -> Result<VerifyReport, WalError> {
    examine(&RealDisk, dir.as_ref(), Depth::Chain, Some(witness))
}

/// As [`verify_against`], on a file system that the caller gives.
///
/// # Errors
/// As [`verify`].
pub fn verify_against_on(disk: &dyn Disk, dir: &Path, witness: &Head) -> Result<VerifyReport, WalError> {
    examine(disk, dir, Depth::Chain, Some(witness))
}

/// As [`verify`], on a file system that the caller gives.
///
/// # Errors
/// As [`verify`].
pub fn verify_on(disk: &dyn Disk, dir: &Path, depth: Depth) -> Result<VerifyReport, WalError> {
    examine(disk, dir, depth, None)
}

fn examine(
    disk: &dyn Disk,
    dir: &Path,
    depth: Depth,
    witness: Option<&Head>,
) -> Result<VerifyReport, WalError> {
    report(disk, dir, depth, load::load_beside_a_writer(disk, dir, depth)?, witness)
}

/// Makes the report of a folder that was read.
pub(crate) fn report(
    disk: &dyn Disk,
    dir: &Path,
    depth: Depth,
    loaded: Loaded,
    witness: Option<&Head>,
) -> Result<VerifyReport, WalError> {
    let Loaded { view, ending } = loaded;
    let view = view.unwrap_or_else(|| View::new([0; 16]));
    let (torn_bytes, mut first_bad) = match ending {
        Ending::Clean => (0, None),
        Ending::Torn(torn) | Ending::Unsealed(torn) => (torn.bytes, None),
        Ending::Bad(bad) => (0, Some(bad)),
    };
    if let (Some(witness), None) = (witness, &first_bad) {
        first_bad = compare(disk, dir, &view, witness)?;
    }
    let mut head = view.position.head();
    if let (Depth::Crc, Some(last)) = (depth, view.frames.last()) {
        // Every other frame has a frame behind it that says what the chain is there; the last one has none.
        head.chain = Digest::from_parts(DigestKind::Bytes, chain_after(disk, dir, &view, last)?);
    }
    let found = summary(&view);
    Ok(VerifyReport {
        ok: torn_bytes == 0 && first_bad.is_none(),
        records: found.records,
        segments: found.segments,
        frames: found.frames,
        bytes: found.bytes,
        quarantined: load::quarantined(disk, dir)?,
        torn_bytes,
        head,
        first_bad,
    })
}

/// Returns the chain after a frame.
fn chain_after(disk: &dyn Disk, dir: &Path, view: &View, at: &FrameAt) -> Result<[u8; 32], WalError> {
    let bytes = read_frame(disk, dir, view, at)?;
    let frame = frame::decode(&bytes).ok();
    let records = frame.and_then(|frame| raw_records(frame.body, at.count)).unwrap_or_default();
    Ok(frame.map_or(view.position.chain, |frame| frame.chain(&leaves_of(&records))))
}

fn read_frame(disk: &dyn Disk, dir: &Path, view: &View, at: &FrameAt) -> Result<Vec<u8>, WalError> {
    let name = &view.segments[at.segment as usize].name;
    let mut file = segment::open(disk, dir, name, disk::Access::Read)?;
    let mut bytes = vec![0; at.bytes as usize];
    file.read_at(at.offset, &mut bytes).map_err(load::io_error("read", &dir.join(name)))?;
    Ok(bytes)
}

/// Returns where a sound log differs from what a witness has seen of it; `None` if it does not differ.
fn compare(disk: &dyn Disk, dir: &Path, view: &View, witness: &Head) -> Result<Option<BadPlace>, WalError> {
    let end = view.segments.last().map_or((String::new(), 0), |segment| (segment.name.clone(), segment.end));
    if witness.lsn > view.position.last() {
        let (segment, offset) = end;
        return Ok(Some(BadPlace { segment, offset, lsn: view.position.next, class: Damage::LostTail }));
    }
    if witness.lsn == view.position.last() && *witness.chain.bytes() == view.position.chain {
        return Ok(None);
    }
    // A claim of an epoch or a repair moves the chain and takes no position: one position can have several
    // chains.
    let behind = view.frames.partition_point(|frame| frame.first <= witness.lsn);
    let (mut segment, mut offset) = end;
    for (n, at) in view.frames[behind..].iter().enumerate() {
        if at.first != witness.lsn.next() {
            break;
        }
        let bytes = read_frame(disk, dir, view, at)?;
        if frame::decode(&bytes).is_ok_and(|frame| frame.header.prev == *witness.chain.bytes()) {
            return Ok(None);
        }
        if n == 0 {
            (segment, offset) = (view.segments[at.segment as usize].name.clone(), at.offset);
        }
    }
    Ok(Some(BadPlace { segment, offset, lsn: witness.lsn, class: Damage::Rewritten }))
}

pub(crate) fn summary(view: &View) -> RecoveryReport {
    RecoveryReport {
        records: view.position.last().0,
        frames: view.frames.len() as u64,
        segments: view.segments.len() as u64,
        bytes: view.segments.iter().map(|segment| segment.end).sum(),
        epoch: view.position.epoch,
        ..RecoveryReport::default()
    }
}
