//! What any bytes may do to the log's readers, as the bodies of fuzz targets: `fuzz/` lets libFuzzer search
//! for inputs, and an ordinary test runs the inputs that it found.
//!
//! Checksums keep a fuzzer out. So bytes are tried as they are and again with checksums that fit; and a
//! folder is a sound log with edits, one kind of which mends the checksums of a frame.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use kfm_lineage::Lsn;
use kfm_retry::ManualClock;

use crate::conformance::{record, run};
use crate::entropy::SeededEntropy;
use crate::error::WalError;
use crate::frame::{self, FRAME_BYTES_MIN, HEADER_BYTES, frame_bytes};
use crate::local::disk::Disk;
use crate::local::inspect::inspect_on;
use crate::local::repair::plan_repair_on;
use crate::local::simulated::SimulatedDisk;
use crate::local::{LocalLog, LocalOptions, SegmentSizes, verify_on};
use crate::raw::{self, raw_records};
use crate::store::{Depth, StoredRecord, WalStore};

const DIR: &str = "/wal";

/// How many records the sound log has before its edits.
const RECORDS: u64 = 80;

/// How many edits of a folder are made at most.
const EDITS_MAX: usize = 64;

/// Reads bytes as a frame, as they are and again with checksums that fit: a frame that can be read is written
/// back as the same bytes.
///
/// # Panics
/// If a law of the format is broken.
pub fn frame(bytes: &[u8]) {
    write_back(bytes);
    let mut mended = bytes.to_vec();
    mend(&mut mended, 0);
    write_back(&mended);
}

fn write_back(bytes: &[u8]) {
    let Ok(frame) = frame::decode(bytes) else { return };
    let records = raw_records(frame.body, frame.header.count);
    let leaves: Vec<_> = records.iter().flatten().map(|record| record.leaf()).collect();
    if leaves.len() == frame.header.count as usize {
        let (again, chain) = frame::encode(&frame.header, frame.body, &leaves);
        assert_eq!(again, &bytes[..frame.bytes], "a frame has one form");
        assert_eq!(chain, frame.chain(&leaves), "its writer and its reader agree on the chain");
    }
    for record in records.into_iter().flatten() {
        let stored = record.stored(Lsn(1), 1);
        let mut again = Vec::new();
        raw::write(&mut again, &stored.record, stored.record.at, stored.skew_ms);
        assert_eq!(again, record.bytes, "a record has one form");
    }
}

/// Gives the bytes at a place the checksums of a frame, if they are long enough for one.
fn mend(bytes: &mut [u8], at: usize) {
    let Some(rest) = bytes.get_mut(at..).filter(|rest| rest.len() >= FRAME_BYTES_MIN) else { return };
    rest[..5].copy_from_slice(b"KFW1\x01");
    let body_bytes = frame::u32_at(rest, 36) as usize % (rest.len() - FRAME_BYTES_MIN + 1);
    rest[36..40].copy_from_slice(&(body_bytes as u32).to_le_bytes());
    let header_crc = crc32c::crc32c(&rest[..HEADER_BYTES - 4]);
    rest[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&header_crc.to_le_bytes());
    let Some(frame) = rest.get_mut(..frame_bytes(body_bytes)) else { return };
    let trailer = frame.len() - 8;
    frame[HEADER_BYTES + body_bytes..trailer].fill(0);
    let body_crc = crc32c::crc32c_append(header_crc, &frame[HEADER_BYTES..trailer]);
    frame[trailer..trailer + 4].copy_from_slice(&body_crc.to_le_bytes());
    frame[trailer + 4..].copy_from_slice(&(body_bytes as u32).to_le_bytes());
}

/// Makes the edits that `bytes` describe to a sound log and opens it in every way: either every way refuses
/// it, or it opens with a front part of what was appended and takes appends.
///
/// # Panics
/// If a reader panics, if two ways of reading disagree, if something else is shown than was appended, or if a
/// log that opened takes no append.
pub fn recovery(bytes: &[u8]) {
    let (sound, appended) = sound_log();
    let disk = sound.copy();
    let forged = edit(&disk, bytes);
    let dir = Path::new(DIR);
    inspect_on(&disk, dir).expect("nothing keeps it from being inspected");
    let report = verify_on(&disk, dir, Depth::Chain).expect("nothing keeps it from being read");
    verify_on(&disk, dir, Depth::Crc).expect("nothing keeps it from being read");
    let plan = plan_repair_on(&disk, dir).expect("nothing keeps it from being read");
    assert_eq!(plan.first_bad, report.first_bad, "the plan and the verdict agree");
    let shown = LocalLog::open_read_only_on(DIR, Arc::new(disk.clone()))
        .map(|reader| run(reader.scan(Lsn(1), usize::MAX)).expect("what opened is read"));
    let log = match LocalLog::open(DIR, options(&disk)) {
        Ok((log, _)) => log,
        Err(WalError::Corrupt { .. } | WalError::FutureFormat { .. }) => {
            assert!(report.first_bad.is_some() && shown.is_err(), "every way refuses it: {report:?}");
            return;
        }
        Err(other) => panic!("nothing but damage keeps a log from opening: {other}"),
    };
    assert!(report.first_bad.is_none(), "what is damaged does not open: {report:?}");
    let records = run(log.scan(Lsn(1), usize::MAX)).expect("what opened is read");
    assert!(records.starts_with(&shown.expect("a reader opens it too")), "a reader is shown no more");
    assert!(forged || appended.starts_with(&records), "what was appended, or the front of it");
    let new = record(1_000_000);
    if !records.iter().any(|stored| stored.record.op_id == new.op_id) {
        let appended = run(log.append(std::slice::from_ref(&new), None)).expect("it goes on");
        assert_eq!(appended.first, Lsn(records.len() as u64 + 1));
    }
    drop(log);
    assert!(verify_on(&disk, dir, Depth::Chain).expect("it is read").ok, "it was left sound");
}

fn options(disk: &SimulatedDisk) -> LocalOptions {
    LocalOptions::new(Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH)))
        .with_segment_sizes(SegmentSizes { first_bytes: 8192, max_bytes: 8192 })
        .with_entropy(Arc::new(SeededEntropy::new(1)))
        .with_holder("a fuzzer")
        .with_disk(Arc::new(disk.clone()))
}

/// Returns a log of several segments and its records.
fn sound_log() -> &'static (SimulatedDisk, Vec<StoredRecord>) {
    static SOUND: OnceLock<(SimulatedDisk, Vec<StoredRecord>)> = OnceLock::new();
    SOUND.get_or_init(|| {
        let disk = SimulatedDisk::new();
        let (log, _) = LocalLog::open(DIR, options(&disk)).expect("an empty disk takes a log");
        for n in 1..=RECORDS {
            run(log.append(&[record(n)], None)).expect("nothing fails here");
        }
        let records = run(log.scan(Lsn(1), usize::MAX)).expect("nothing fails here");
        drop(log);
        (disk, records)
    })
}

/// Makes the edits that `bytes` describe; says whether one of them can have made a frame that no writer has
/// written.
///
/// An edit is eight bytes, `what, file, place u16, length u16, from u16`. It writes these eight bytes
/// themselves, again and again.
fn edit(disk: &SimulatedDisk, bytes: &[u8]) -> bool {
    let segments: Vec<PathBuf> =
        disk.paths().into_iter().filter(|path| path.extension().is_some_and(|end| end == "kfw")).collect();
    let mut forged = false;
    for edit in bytes.chunks_exact(8).take(EDITS_MAX) {
        let u16_at = |at: usize| usize::from(u16::from_le_bytes([edit[at], edit[at + 1]]));
        let path = &segments[usize::from(edit[1]) % segments.len()];
        let Some(mut content) = disk.contents(path) else { continue };
        let start = u16_at(2).min(content.len());
        let end = (start + u16_at(4)).min(content.len());
        match edit[0] % 8 {
            0 => content[start..end].iter_mut().zip(edit.iter().cycle()).for_each(|(byte, new)| *byte = *new),
            1 => content[start..end].fill(0),
            2 => content.truncate(start),
            3 => content[start..end].iter_mut().for_each(|byte| *byte ^= edit[7]),
            4 => {
                let from = u16_at(6).min(content.len() - (end - start));
                content.copy_within(from..from + (end - start), start);
                forged = true;
            }
            5 => {
                mend(&mut content, start & !7);
                forged = true;
            }
            6 => {
                disk.lose(path);
                continue;
            }
            _ => {
                let archived =
                    Path::new(DIR).join("archive").join(path.file_name().expect("a segment's name"));
                disk.lose(path);
                disk.create_dir(&Path::new(DIR).join("archive")).expect("the disk has power");
                disk.overwrite(&archived, content);
                continue;
            }
        }
        disk.overwrite(path, content);
    }
    forged
}
