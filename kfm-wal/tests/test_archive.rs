//! Old segments are set aside: the log stays one, through every crash on the way, and says why it was done.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{DIR, all, append, open, read_only, records, segments};
use kfm_wal::conformance::run;
use kfm_wal::local::inspect::inspect_on;
use kfm_wal::local::simulated::{Fault, SimulatedDisk};
use kfm_wal::local::verify_on;
use kfm_wal::{Damage, Depth, LocalLog, Lsn, RetainReason, Retained, WalError, WalStore};

const RECORDS: u64 = 150;

fn reason() -> RetainReason {
    RetainReason { policy_ref: "sha256:policy".to_owned(), requested_by: "records office".to_owned() }
}

fn retain(log: &LocalLog, upto: u64) -> Result<Retained, WalError> {
    run(log.retain(Lsn(upto), &reason()))
}

/// A log of several segments on a disk of its own.
fn filled() -> (SimulatedDisk, LocalLog) {
    let disk = SimulatedDisk::new();
    let (log, _) = open(Arc::new(disk.clone())).unwrap();
    for n in 1..=RECORDS {
        append(&log, n).unwrap();
    }
    assert!(segments(&disk).len() > 3);
    (disk, log)
}

fn archived(disk: &SimulatedDisk) -> Vec<PathBuf> {
    let archive = Path::new(DIR).join("archive");
    disk.paths().into_iter().filter(|path| path.parent() == Some(&archive)).collect()
}

/// What the log says about its first archiving.
fn account(disk: &SimulatedDisk) -> Option<serde_json::Value> {
    let inspection = inspect_on(disk, Path::new(DIR)).unwrap();
    let mut frames = inspection.segments.into_iter().flat_map(|segment| segment.frames);
    frames.find(|frame| frame.kind == "archive")?.account
}

fn assert_whole(disk: &SimulatedDisk) {
    let report = verify_on(disk, Path::new(DIR), Depth::Chain).unwrap();
    assert!(report.ok && report.records >= RECORDS, "{report:?}");
}

#[test]
fn whole_sealed_segments_before_the_position_are_moved_and_nothing_else() {
    let (disk, log) = filled();
    let before = segments(&disk);
    let bytes = |paths: &[PathBuf]| paths.iter().map(|path| disk.contents(path)).collect::<Vec<_>>();
    let contents = bytes(&before);
    let retained = retain(&log, RECORDS / 2).unwrap();
    let moved = archived(&disk);
    assert_eq!(moved.len() as u64, retained.segments);
    assert!(retained.segments >= 1 && retained.first_kept <= Lsn(RECORDS / 2), "{retained:?}");
    assert_eq!(bytes(&moved), contents[..moved.len()], "nothing in them is another");
    let stayed = segments(&disk);
    assert_eq!(stayed[0].file_name(), before[moved.len()].file_name());
    // The segment that holds the position stays, and so does the one that is written.
    retain(&log, u64::MAX).unwrap();
    assert_eq!(segments(&disk).len(), 1);
    assert_eq!(all(&log), records(RECORDS));
    assert_whole(&disk);
}

#[test]
fn the_log_says_what_was_archived_why_and_for_whom() {
    let (disk, log) = filled();
    let retained = retain(&log, RECORDS).unwrap();
    assert!(inspect_on(&disk, Path::new(DIR)).unwrap().segments[0].name.starts_with("archive/seg-"));
    let account = account(&disk).unwrap();
    assert_eq!(account["policy_ref"], "sha256:policy");
    assert_eq!(account["requested_by"], "records office");
    assert_eq!(account["segments"], retained.segments);
    assert_eq!(account["first_kept"], retained.first_kept.0);
}

#[test]
fn a_second_call_with_nothing_to_do_writes_nothing() {
    let (disk, log) = filled();
    retain(&log, RECORDS).unwrap();
    let changes = disk.changes();
    assert_eq!(retain(&log, RECORDS).unwrap().segments, 0);
    assert_eq!(disk.changes(), changes);
}

#[test]
fn a_crash_at_any_step_leaves_the_whole_log_and_the_next_call_ends_it() {
    let steps = {
        let (disk, log) = filled();
        let start = disk.changes();
        retain(&log, RECORDS).unwrap();
        disk.changes() - start
    };
    assert!(steps > 5, "{steps}");
    for fault in [Fault::PowerCut, Fault::Refuse, Fault::Half, Fault::Lie] {
        for step in 1..=steps {
            for seed in 0..8 {
                let (disk, log) = filled();
                disk.fail_at(disk.changes() + step, fault);
                retain(&log, RECORDS).unwrap_err();
                if disk.has_power() {
                    assert_eq!(
                        all(&log),
                        records(RECORDS),
                        "{fault:?} {step}: as before, for an open reader"
                    );
                }
                drop(log);
                disk.reboot(seed);
                assert!(archived(&disk).is_empty() || account(&disk).is_some(), "said before it is done");
                let (log, _) = open(Arc::new(disk.clone())).unwrap();
                assert_eq!(all(&log), records(RECORDS), "{fault:?} {step} {seed}");
                assert!(append(&log, 1).unwrap().already);
                retain(&log, RECORDS).unwrap();
                append(&log, RECORDS + 1).unwrap();
                drop(log);
                assert!(archived(&disk).len() > 2);
                assert_whole(&disk);
            }
        }
    }
}

#[test]
fn a_segment_in_both_folders_is_read_once() {
    let (disk, log) = filled();
    retain(&log, RECORDS).unwrap();
    let path = archived(&disk).pop().unwrap();
    let bytes = disk.contents(&path).unwrap();
    disk.overwrite(&Path::new(DIR).join(path.file_name().unwrap()), bytes);
    drop(log);
    let (log, _) = open(Arc::new(disk.clone())).unwrap();
    assert_eq!(all(&log), records(RECORDS));
    retain(&log, RECORDS).unwrap();
    assert_whole(&disk);
}

#[test]
fn who_reads_while_it_is_archived_reads_on() {
    let (disk, log) = filled();
    let reader = read_only(Arc::new(disk.clone())).unwrap();
    // The last segment that the reader knows is archived too.
    for n in RECORDS + 1..=2 * RECORDS {
        append(&log, n).unwrap();
    }
    retain(&log, 2 * RECORDS).unwrap();
    assert_eq!(all(&reader), records(2 * RECORDS));
    append(&log, 2 * RECORDS + 1).unwrap();
    assert_eq!(all(&reader), records(2 * RECORDS + 1));
}

#[test]
fn a_segment_that_is_missing_from_the_archive_is_damage() {
    let (disk, log) = filled();
    retain(&log, RECORDS).unwrap();
    drop(log);
    disk.lose(&archived(&disk)[1]);
    let refused = open(Arc::new(disk.clone())).unwrap_err();
    assert!(matches!(refused, WalError::Corrupt { .. }), "{refused}");
    assert!(!verify_on(&disk, Path::new(DIR), Depth::Crc).unwrap().ok);
}

#[test]
fn an_archive_without_what_came_after_it_is_no_log() {
    let (disk, log) = filled();
    retain(&log, RECORDS).unwrap();
    drop(log);
    segments(&disk).iter().for_each(|path| disk.lose(path));
    // This holds even if its last segment looks as if it was not sealed.
    let path = archived(&disk).pop().unwrap();
    let mut bytes = disk.contents(&path).unwrap();
    let seal = inspect_on(&disk, Path::new(DIR)).unwrap().segments.pop().unwrap();
    let seal = seal.frames.iter().find(|frame| frame.kind == "seal").unwrap().offset;
    bytes[seal as usize..].fill(0);
    disk.overwrite(&path, bytes);
    let refused = open(Arc::new(disk.clone())).unwrap_err();
    assert!(
        matches!(refused, WalError::Corrupt { class: Damage::MissingSegment, .. }),
        "its end was lost: {refused}"
    );
}

#[test]
fn a_reader_cannot_archive() {
    let (disk, log) = filled();
    drop(log);
    let reader = read_only(Arc::new(disk.clone())).unwrap();
    assert!(matches!(retain(&reader, RECORDS), Err(WalError::ReadOnly)));
    assert!(archived(&disk).is_empty());
}
