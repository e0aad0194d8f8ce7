//! Replay: every record once and in order, none behind damage, the same with threads and without.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod common;

use std::path::Path;
use std::sync::Arc;

use common::{DIR, open, options, segments};
use kfm_wal::conformance::{record, run};
use kfm_wal::local::disk::RealDisk;
use kfm_wal::local::simulated::SimulatedDisk;
use kfm_wal::local::{SegmentSizes, replay, replay_on};
use kfm_wal::{Damage, Depth, LocalLog, NewRecord, VerifyReport, WalStore};

fn replayed(disk: &SimulatedDisk) -> (Vec<NewRecord>, VerifyReport) {
    let mut records = Vec::new();
    let report = replay_on(disk, Path::new(DIR), &mut |found| {
        assert_eq!(found.lsn.0, records.len() as u64 + 1);
        let (op_id, rtype, schema, at) = (found.op_id, found.rtype, found.schema, found.at);
        records.push(NewRecord { op_id, rtype, schema, at, payload: found.payload.to_vec() });
    });
    (records, report.unwrap())
}

/// A record of which six fill a segment.
fn large(n: u64) -> NewRecord {
    NewRecord { payload: vec![n as u8 | 1; 600], ..record(n) }
}

#[test]
fn replay_hands_over_everything_once_and_in_order() {
    let disk = SimulatedDisk::new();
    let (log, _) = open(Arc::new(disk.clone())).unwrap();
    for n in (1..=60).step_by(3) {
        run(log.append(&[large(n), large(n + 1), large(n + 2)], None)).unwrap();
        let (records, report) = replayed(&disk);
        assert_eq!(records, (1..=n + 2).map(large).collect::<Vec<_>>(), "also beside the writer");
        assert_eq!(report, run(log.verify(Depth::Chain)).unwrap());
    }
    assert!(segments(&disk).len() > 5);
}

#[test]
fn replay_hands_a_record_over_that_has_no_witness_once_it_is_durable() {
    let disk = SimulatedDisk::new();
    let (log, _) = open(Arc::new(disk.clone())).unwrap();
    run(log.append(&[large(1)], None)).unwrap();
    run(log.append(&[large(2)], None)).unwrap();
    let path = segments(&disk).pop().unwrap();
    let mut bytes = disk.contents(&path).unwrap();
    // Only the mark, in the page behind the last frame.
    bytes[4096..].fill(0);
    disk.overwrite(&path, bytes);
    assert_eq!(replayed(&disk).0, [large(1), large(2)]);
    drop(log);
    disk.reboot(1);
    assert_eq!(replayed(&disk).0, [large(1), large(2)]);
}

#[test]
fn replay_stops_before_damage_and_names_it() {
    for seed in 0..40 {
        let disk = SimulatedDisk::new();
        let (log, _) = open(Arc::new(disk.clone())).unwrap();
        for n in 1..=30 {
            run(log.append(&[large(n)], None)).unwrap();
        }
        let paths = segments(&disk);
        let path = &paths[seed % (paths.len() - 1)];
        let mut bytes = disk.contents(path).unwrap();
        bytes[140 + seed * 67] ^= 1 << (seed % 8);
        disk.overwrite(path, bytes);
        let (records, report) = replayed(&disk);
        let bad = report.first_bad.expect("damage");
        assert_eq!(bad.class, Damage::BitRot, "seed={seed}");
        assert_eq!(records.len() as u64 + 1, bad.lsn.0, "{bad:?}");
        assert_eq!(records, (1..=records.len() as u64).map(large).collect::<Vec<_>>());
    }
}

#[test]
fn long_segments_are_hashed_on_threads_and_read_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let sizes = SegmentSizes { first_bytes: 4 << 20, max_bytes: 4 << 20 };
    let options = || options(Arc::new(RealDisk), 1).with_segment_sizes(sizes);
    let (log, _) = LocalLog::open(dir.path(), options()).unwrap();
    let long = |n: u64| NewRecord { payload: vec![n as u8; 60_000], ..record(n) };
    for n in (1..=240).step_by(8) {
        run(log.append(&(n..n + 8).map(long).collect::<Vec<_>>(), None)).unwrap();
    }
    let mut next = 1;
    let report = replay(dir.path(), |found| {
        assert_eq!((found.lsn.0, found.payload), (next, long(next).payload.as_slice()));
        next += 1;
    });
    assert_eq!(report.unwrap(), run(log.verify(Depth::Chain)).unwrap());
    assert_eq!(next, 241);
    drop(log);

    // One byte of a record is changed, with checksums that fit, so that only the chain can tell. The segment
    // is one of those that are hashed ahead.
    let names = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<_> = names.filter(|path| path.extension().is_some_and(|end| end == "kfw")).collect();
    names.sort();
    let path = &names[2];
    let first: u64 = path.file_name().unwrap().to_str().unwrap()[4..24].parse().unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    let frame = 136;
    let body_bytes = u32::from_le_bytes(bytes[frame + 36..frame + 40].try_into().unwrap()) as usize;
    bytes[frame + 200] ^= 1;
    let trailer = frame + (100 + body_bytes + 8).next_multiple_of(8) - 8;
    let seed = u32::from_le_bytes(bytes[frame + 96..frame + 100].try_into().unwrap());
    let crc = crc32c::crc32c_append(seed, &bytes[frame + 100..trailer]);
    bytes[trailer..trailer + 4].copy_from_slice(&crc.to_le_bytes());
    std::fs::write(path, bytes).unwrap();
    let mut found = 0;
    let report = replay(dir.path(), |_| found += 1).unwrap();
    assert_eq!(report.first_bad.expect("a broken chain").class, Damage::ChainBreak);
    assert_eq!(found, first - 1, "the frame that was rewritten is not handed over");
}
