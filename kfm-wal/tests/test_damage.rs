//! Damage to a closed log: every flipped byte, every cut, every lost file, every moved frame.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{DIR, all, append, open, read_only, records, segments};
use kfm_wal::conformance::{join_all, record, run};
use kfm_wal::local::disk::Disk;
use kfm_wal::local::simulated::{Fault, SimulatedDisk};
use kfm_wal::{Damage, Depth, LocalLog, Lsn, NewRecord, WalError, WalStore};

/// A log of `n` records over several segments, written in three turns, closed.
fn closed_log(n: u64) -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    for turn in 0..3 {
        let (log, _) = open(Arc::new(disk.clone())).unwrap();
        for n in turn * n / 3 + 1..=(turn + 1) * n / 3 {
            append(&log, n).unwrap();
        }
    }
    disk
}

fn damaged(disk: &SimulatedDisk, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> Arc<dyn Disk> {
    let copy = disk.copy();
    let mut bytes = copy.contents(path).unwrap();
    change(&mut bytes);
    copy.overwrite(path, bytes);
    Arc::new(copy)
}

fn verify(disk: &Arc<dyn Disk>, depth: Depth) -> kfm_wal::VerifyReport {
    kfm_wal::local::verify_on(disk.as_ref(), Path::new(DIR), depth).unwrap()
}

/// Opens a damaged log in every way, and returns the damage; `None` if the log was repaired without loss.
fn outcome(disk: &Arc<dyn Disk>, n: u64) -> Option<(String, u64, Lsn, Damage)> {
    let report = verify(disk, Depth::Chain);
    let reader = read_only(Arc::clone(disk));
    match open(Arc::clone(disk)) {
        Ok((log, recovery)) => {
            assert!(all(&log) == records(n), "opened without what was acknowledged");
            assert!(report.first_bad.is_none() && report.torn_bytes == recovery.torn_bytes);
            let shown = all(&reader.unwrap());
            assert!(records(n).starts_with(&shown) && shown.len() as u64 + 1 >= n, "{}", shown.len());
            append(&log, n + 1).unwrap();
            drop(log);
            assert!(verify(disk, Depth::Chain).ok, "a repaired log is whole");
            None
        }
        Err(WalError::Corrupt { segment, offset, lsn, class }) => {
            let bad = report.first_bad.expect("verify says what open says");
            assert_eq!((&bad.segment, bad.offset, bad.lsn, bad.class), (&segment, offset, lsn, class));
            assert!(reader.is_err(), "a reader must not show a shorter log");
            Some((segment, offset, lsn, class))
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[test]
fn a_flipped_bit_in_any_byte_is_refused_with_its_place_or_harmless() {
    let n = 40;
    let disk = closed_log(n);
    let paths = segments(&disk);
    assert!(paths.len() >= 2, "several segments");
    let (mut refused, mut harmless, mut used) = (0, 0, 0);
    for path in &paths {
        let bytes = disk.contents(path).unwrap();
        let end = frames(&bytes).last().map(|(at, length)| at + length).unwrap();
        used += end;
        for at in 0..bytes.len() {
            let flipped = damaged(&disk, path, |bytes| bytes[at] ^= 1 << (at % 8));
            match outcome(&flipped, n) {
                Some((segment, offset, lsn, _)) => {
                    assert_eq!(segment, name(path));
                    assert!(offset <= at as u64 && lsn <= Lsn(n + 1), "at={at} offset={offset} lsn={lsn}");
                    refused += 1;
                }
                None => {
                    // It hit a mark, or the zeros behind the last frame: nothing that was acknowledged.
                    assert!(at >= end, "at={at} in {}", name(path));
                    harmless += 1;
                }
            }
        }
    }
    assert_eq!(refused, used, "no byte of a frame is without its checksum, and no other byte matters");
    assert!(harmless > 0);
}

#[test]
fn the_quick_depth_finds_what_checksums_find_and_the_head() {
    let disk = closed_log(40);
    let whole: Arc<dyn Disk> = Arc::new(disk.clone());
    assert_eq!(verify(&whole, Depth::Crc), verify(&whole, Depth::Chain));
    let path = segments(&disk).remove(0);
    for (at, length) in frames(&disk.contents(&path).unwrap()) {
        let flipped = damaged(&disk, &path, |bytes| bytes[at + length / 2] ^= 1);
        let (fast, full) = (verify(&flipped, Depth::Crc), verify(&flipped, Depth::Chain));
        assert_eq!(fast.first_bad, full.first_bad);
        assert!(!fast.ok && full.head.lsn == fast.head.lsn);
    }
}

#[test]
fn a_log_cut_at_any_length_is_refused() {
    let n = 60;
    let disk = closed_log(n);
    for path in segments(&disk) {
        let bytes = disk.contents(&path).unwrap().len();
        for length in (0..bytes).step_by(29).chain([bytes - 1]) {
            let cut = damaged(&disk, &path, |bytes| bytes.truncate(length));
            let (segment, offset, ..) = outcome(&cut, n).expect("a cut is seen");
            assert_eq!(segment, name(&path));
            assert!(offset <= length as u64);
        }
    }
}

#[test]
fn a_lost_segment_is_missed() {
    let n = 60;
    let disk = closed_log(n);
    for path in segments(&disk) {
        let copy = disk.copy();
        copy.lose(&path);
        let (.., class) = outcome(&(Arc::new(copy) as Arc<dyn Disk>), n).expect("a loss is seen");
        assert_eq!(class, Damage::MissingSegment, "{}", name(&path));
    }
}

#[test]
fn a_log_of_which_all_segments_are_lost_is_not_an_empty_one() {
    let disk = closed_log(3);
    for path in segments(&disk) {
        disk.lose(&path);
    }
    assert!(matches!(
        open(Arc::new(disk)),
        Err(WalError::Corrupt { class: Damage::MissingSegment, lsn: Lsn(1), .. })
    ));
}

#[test]
fn a_zeroed_sector_is_refused_or_harmless() {
    let n = 60;
    let disk = closed_log(n);
    let paths = segments(&disk);
    for path in &paths {
        let bytes = disk.contents(path).unwrap();
        for sector in 0..bytes.len() / 512 {
            let range = sector * 512..(sector + 1) * 512;
            if bytes[range.clone()].iter().all(|byte| *byte == 0) {
                continue;
            }
            let zeroed = damaged(&disk, path, |bytes| bytes[range.clone()].fill(0));
            if outcome(&zeroed, n).is_none() {
                let end = frames(&bytes).last().map(|(at, length)| at + length).unwrap();
                assert!(range.start >= end, "only a mark is harmless");
            }
        }
    }
}

/// Returns offset and length of each frame of a segment, without the mark in the page behind them.
fn frames(bytes: &[u8]) -> Vec<(usize, usize)> {
    let (mut frames, mut at) = (Vec::new(), 0);
    while bytes.get(at..at + 4) == Some(b"KFW1") {
        let body = u32::from_le_bytes(bytes[at + 36..at + 40].try_into().unwrap()) as usize;
        let length = (100 + body + 8).next_multiple_of(8);
        frames.push((at, length));
        at += length;
    }
    frames
}

#[test]
fn the_last_record_has_a_witness_also_when_a_repeat_of_it_was_answered_after_it() {
    let disk = SimulatedDisk::new();
    let (log, _) = open(Arc::new(disk.clone())).unwrap();
    let one = [record(1)];
    let answers = run(join_all(vec![log.append(&one, None), log.append(&one, None)]));
    assert_eq!(answers.iter().filter(|answer| answer.as_ref().unwrap().already).count(), 1);
    disk.kill_processes();
    let path = segments(&disk).remove(0);
    let &(at, length) = frames(&disk.contents(&path).unwrap()).last().unwrap();
    let flipped = damaged(&disk, &path, |bytes| bytes[at + length / 2] ^= 1);
    assert!(matches!(outcome(&flipped, 1), Some((.., Damage::BitRot))));
}

#[test]
fn two_frames_that_changed_places_are_refused() {
    let n = 60;
    let disk = closed_log(n);
    for path in segments(&disk) {
        let bytes = disk.contents(&path).unwrap();
        let frames = frames(&bytes);
        for pair in frames.windows(2) {
            let [(first, first_bytes), (second, second_bytes)] = [pair[0], pair[1]];
            let swapped = damaged(&disk, &path, |bytes| {
                let both =
                    [&bytes[second..second + second_bytes], &bytes[first..first + first_bytes]].concat();
                bytes[first..second + second_bytes].copy_from_slice(&both);
            });
            assert!(outcome(&swapped, n).is_some(), "first={first}");
        }
    }
}

#[test]
fn a_frame_that_stands_twice_is_refused() {
    let n = 3;
    let disk = closed_log(n);
    let path = segments(&disk).pop().unwrap();
    let bytes = disk.contents(&path).unwrap();
    let frames = frames(&bytes);
    let &(last, last_bytes) = frames.last().unwrap();
    let end = last + last_bytes;
    for &(at, length) in &frames[1..] {
        let twice = damaged(&disk, &path, |bytes| {
            let copy = bytes[at..at + length].to_vec();
            bytes[end..end + length].copy_from_slice(&copy);
        });
        let (_, offset, _, class) = outcome(&twice, n).expect("a second copy is seen");
        assert_eq!((offset, class), (end as u64, Damage::ChainBreak));
    }
}

#[test]
fn a_segment_of_another_log_is_refused() {
    let disk = closed_log(60);
    let other = SimulatedDisk::new();
    let (log, _) = LocalLog::open(DIR, common::options(Arc::new(other.clone()), 99)).unwrap();
    for n in 1..=60 {
        append(&log, n).unwrap();
    }
    drop(log);
    let first: PathBuf = segments(&disk).remove(0);
    disk.overwrite(&first, other.contents(&segments(&other)[0]).unwrap());
    assert!(matches!(
        open(Arc::new(disk)),
        Err(WalError::Corrupt { class: Damage::ForeignLog | Damage::ChainBreak, .. })
    ));
}

#[test]
fn a_frame_of_a_newer_version_is_not_repaired_away() {
    let disk = closed_log(3);
    let path = segments(&disk).pop().unwrap();
    let mut bytes = disk.contents(&path).unwrap();
    let &(at, _) = frames(&bytes).last().unwrap();
    bytes[at + 4] = 2;
    let crc = crc32c::crc32c(&bytes[at..at + 96]);
    bytes[at + 96..at + 100].copy_from_slice(&crc.to_le_bytes());
    disk.overwrite(&path, bytes);
    assert!(matches!(open(Arc::new(disk)), Err(WalError::FutureFormat { .. })));
}

#[test]
fn damage_that_comes_while_a_log_is_open_is_seen_when_it_is_read() {
    let disk = SimulatedDisk::new();
    let (log, _) = open(Arc::new(disk.clone())).unwrap();
    append(&log, 1).unwrap();
    let path = segments(&disk).pop().unwrap();
    let mut bytes = disk.contents(&path).unwrap();
    let &(at, length) = frames(&bytes).last().unwrap();
    bytes[at + length - 20] ^= 1;
    disk.overwrite(&path, bytes);
    assert!(matches!(
        run(log.scan(Lsn(1), 1)),
        Err(WalError::Corrupt { class: Damage::BitRot, lsn: Lsn(1), .. })
    ));
    let new: NewRecord = record(1);
    assert!(run(log.append(&[new], None)).is_err(), "a repeat is compared with what is there");
}

#[test]
fn only_a_witness_sees_a_log_that_was_cut_at_a_frame_or_written_anew() {
    let dir = tempfile::tempdir().unwrap();
    let options = |seed| common::options(Arc::new(kfm_wal::local::disk::RealDisk), seed);
    let write = |name: &str, seed, n| {
        let (log, _) = LocalLog::open(dir.path().join(name), options(seed)).unwrap();
        let mut heads = vec![run(log.head()).unwrap()];
        for n in 1..=n {
            append(&log, n).unwrap();
            heads.push(run(log.head()).unwrap());
        }
        heads
    };
    let heads = write("log", 1, 30);
    let against = |name: &str, head| kfm_wal::local::verify_against(dir.path().join(name), head).unwrap();
    for head in &heads {
        assert!(against("log", head).ok, "{head:?}");
    }
    let class = |report: kfm_wal::VerifyReport| report.first_bad.map(|bad| (bad.class, bad.lsn));
    // The same log, as it was twenty records earlier.
    write("shorter", 1, 10);
    assert!(against("shorter", &heads[10]).ok);
    assert_eq!(class(against("shorter", &heads[11])), Some((Damage::LostTail, Lsn(11))));
    // Another log with the same records.
    write("other", 2, 30);
    assert_eq!(class(against("other", &heads[20])), Some((Damage::Rewritten, Lsn(20))));
    assert_eq!(class(against("missing", &heads[1])), Some((Damage::LostTail, Lsn(1))));
}

#[test]
fn inspection_lists_every_frame_also_behind_damage() {
    let disk = closed_log(40);
    let inspect = |disk: &dyn Disk| kfm_wal::local::inspect::inspect_on(disk, Path::new(DIR)).unwrap();
    let whole = inspect(&disk);
    let count = |kind: &str, of: &kfm_wal::inspect::Inspection| {
        of.segments.iter().flat_map(|segment| &segment.frames).filter(|frame| frame.kind == kind).count()
    };
    assert_eq!((count("data", &whole), count("fence", &whole)), (40, 3));
    assert_eq!((count("segment", &whole), count("seal", &whole)), (2, 1));
    assert!(whole.segments.iter().all(|segment| segment.stray_bytes == 0));
    let path = segments(&disk).remove(0);
    let frame = whole.segments[0].frames[2].clone();
    let broken = damaged(&disk, &path, |bytes| bytes[frame.offset as usize + 101] ^= 1);
    let broken = inspect(broken.as_ref());
    assert_eq!(count("data", &broken), 39);
    assert!(broken.segments[0].stray_bytes > 0);
}

#[test]
fn a_log_whose_repair_lies_in_the_reserve_has_a_witness_too() {
    let sized = |n, bytes| NewRecord { payload: vec![7; bytes], ..record(n) };
    let mut in_reserve = 0;
    for bytes in (2_800..3_600).step_by(8) {
        let disk = SimulatedDisk::new();
        let (log, _) = open(Arc::new(disk.clone())).unwrap();
        run(log.append(&[sized(1, bytes)], None)).unwrap();
        append(&log, 2).unwrap();
        disk.fail_at(disk.changes() + 1, Fault::Half);
        assert!(append(&log, 3).is_err());
        disk.kill_processes();
        drop(open(Arc::new(disk.clone())).unwrap());

        let found = kfm_wal::local::inspect::inspect_on(&disk, Path::new(DIR)).unwrap();
        let frames = &found.segments.last().unwrap().frames;
        assert_eq!(frames.last().unwrap().kind, "mark", "bytes={bytes}");
        let Some(repair) = frames.iter().find(|frame| frame.kind == "repair") else { continue };
        in_reserve += u32::from(repair.offset + repair.bytes > 4096);
        let path = segments(&disk).pop().unwrap();
        for sector in (0..repair.offset + repair.bytes).step_by(512) {
            let struck = damaged(&disk, &path, |bytes| bytes[sector as usize..][..512].fill(0));
            match open(struck) {
                Ok((log, _)) => assert_eq!(all(&log), [sized(1, bytes), record(2)], "{bytes} {sector}"),
                Err(error) => {
                    assert!(matches!(error, WalError::Corrupt { .. }), "{bytes} {sector}: {error:?}")
                }
            }
        }
    }
    assert!(in_reserve > 20, "in_reserve={in_reserve}");
}
