//! Power cuts, kills and failing disks: nothing acknowledged is lost, nothing unfinished is half there, and a
//! log opens afterwards.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod common;

use std::sync::Arc;

use common::{DIR, all, append, open, read_only, records, segments};
use kfm_wal::conformance::{join_all, record, run};
use kfm_wal::local::disk::RealDisk;
use kfm_wal::local::faulty::{Failing, FaultyDisk};
use kfm_wal::local::simulated::{Fault, SimulatedDisk};
use kfm_wal::{Appended, Depth, LocalLog, Lsn, Outlook, WalError, WalStore};

/// A payload of a length that makes frames cross sectors and segments fill up.
fn sized(n: u64) -> kfm_wal::NewRecord {
    kfm_wal::NewRecord { payload: vec![n as u8 | 1; (n as usize * 211) % 1500], ..record(n) }
}

/// Appends batches until one fails; returns how many records were acknowledged.
fn append_until_it_fails(log: &LocalLog, mut next: u64, batches: u64) -> u64 {
    for batch in 0..batches {
        let records: Vec<_> = (next..=next + batch % 3).map(sized).collect();
        match run(log.append(&records, None)) {
            Ok(appended) => next = appended.last.0 + 1,
            Err(_) => break,
        }
    }
    next - 1
}

fn assert_kept(log: &LocalLog, acknowledged: u64, context: &str) -> u64 {
    let found = all(log);
    assert!(found.len() as u64 >= acknowledged, "{context}: found={} of {acknowledged}", found.len());
    assert_eq!(found, (1..=found.len() as u64).map(sized).collect::<Vec<_>>(), "{context}");
    found.len() as u64
}

#[test]
fn a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged() {
    let (mut repaired, mut cuts) = (0, 0);
    for seed in 0..6 {
        for cut in 1.. {
            let context = format!("seed={seed} cut={cut}");
            let disk = SimulatedDisk::new();
            disk.fail_at(cut, Fault::PowerCut);
            let acknowledged = match open(Arc::new(disk.clone())) {
                Ok((log, _)) => append_until_it_fails(&log, 1, 20),
                Err(_) => 0,
            };
            let done = disk.changes() < cut;
            disk.reboot(seed * 1_000_003 + cut);
            let (log, report) =
                open(Arc::new(disk.clone())).unwrap_or_else(|error| panic!("{context}: {error:?}"));
            let found = assert_kept(&log, acknowledged, &context);
            repaired += u64::from(report.repaired);
            // The log goes on, and a second power cut right after the repair changes nothing.
            disk.reboot(seed + cut);
            let (log, _) =
                open(Arc::new(disk.clone())).unwrap_or_else(|error| panic!("{context}: {error:?}"));
            assert_kept(&log, found, &context);
            run(log.append(&[sized(found + 1)], None)).unwrap();
            drop(log);
            assert!(run(open(Arc::new(disk)).unwrap().0.verify(Depth::Chain)).unwrap().ok, "{context}");
            cuts += 1;
            if done {
                break;
            }
        }
    }
    assert!(repaired > 20 && cuts > 300, "repaired={repaired} cuts={cuts}");
}

#[test]
fn a_power_cut_during_a_repair_loses_nothing_either() {
    for seed in 0..200 {
        let disk = SimulatedDisk::new();
        let (log, _) = open(Arc::new(disk.clone())).unwrap();
        let start = disk.changes();
        disk.fail_at(start + 5 + seed % 37, Fault::PowerCut);
        let mut acknowledged = append_until_it_fails(&log, 1, 30);
        drop(log);
        for round in 0..4 {
            disk.reboot(seed * 31 + round);
            disk.fail_at(disk.changes() + 1 + (seed + round) % 9, Fault::PowerCut);
            if let Ok((log, _)) = open(Arc::new(disk.clone())) {
                acknowledged = acknowledged.max(assert_kept(&log, acknowledged, &format!("seed={seed}")));
            }
        }
        disk.reboot(seed);
        let (log, _) = open(Arc::new(disk)).unwrap_or_else(|error| panic!("seed={seed}: {error:?}"));
        assert_kept(&log, acknowledged, &format!("seed={seed}"));
    }
}

#[test]
fn a_killed_process_leaves_a_log_that_opens_with_everything() {
    let disk = SimulatedDisk::new();
    let (log, _) = open(Arc::new(disk.clone())).unwrap();
    let acknowledged = append_until_it_fails(&log, 1, 20);
    disk.kill_processes();
    let (log, report) = open(Arc::new(disk)).unwrap();
    assert_eq!(assert_kept(&log, acknowledged, "kill"), acknowledged);
    assert!(!report.repaired);
}

#[test]
fn any_single_fault_is_survived_without_loss() {
    for fault in [Fault::Refuse, Fault::Half, Fault::Lie] {
        for at in 1.. {
            let context = format!("fault={fault:?} at={at}");
            let disk = SimulatedDisk::new();
            disk.fail_at(at, fault);
            let acknowledged = match open(Arc::new(disk.clone())) {
                Ok((log, _)) => append_until_it_fails(&log, 1, 12),
                Err(_) => 0,
            };
            let done = disk.changes() < at;
            // The machine and its page cache stay; then the power fails after all.
            disk.kill_processes();
            let (log, _) =
                open(Arc::new(disk.clone())).unwrap_or_else(|error| panic!("{context}: {error:?}"));
            let found = assert_kept(&log, acknowledged, &context);
            disk.reboot(at);
            let (log, _) = open(Arc::new(disk)).unwrap_or_else(|error| panic!("{context}: {error:?}"));
            assert_kept(&log, found, &context);
            if done {
                break;
            }
        }
    }
}

#[test]
fn what_an_interrupted_append_left_is_set_aside_and_the_repair_is_in_the_log() {
    let disk = SimulatedDisk::new();
    let (log, _) = open(Arc::new(disk.clone())).unwrap();
    append(&log, 1).unwrap();
    disk.fail_at(disk.changes() + 1, Fault::Half);
    assert!(matches!(append(&log, 2), Err(WalError::Unknown { .. })));
    disk.kill_processes();
    let reader = read_only(Arc::new(disk.clone())).unwrap();
    assert!(reader.report().torn_bytes > 0 && !reader.report().repaired);
    assert_eq!(run(reader.verify(Depth::Chain)).unwrap().torn_bytes, reader.report().torn_bytes);

    let (log, report) = open(Arc::new(disk.clone())).unwrap();
    assert!(report.repaired && report.torn_bytes > 0);
    let path = std::path::Path::new(DIR).join(report.quarantined.unwrap());
    assert_eq!(disk.contents(&path).unwrap().len() as u64, report.torn_bytes);
    assert_eq!(all(&log), records(1));
    assert_eq!(append(&log, 2).unwrap().first, Lsn(2));
    let verified = run(log.verify(Depth::Chain)).unwrap();
    assert!(verified.ok && verified.quarantined == 1);
}

#[test]
fn after_a_failed_sync_nothing_more_is_written_or_synced() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::new(Arc::new(RealDisk));
    let options = common::options(Arc::new(disk.clone()), 1);
    let (log, _) = LocalLog::open(dir.path(), options).unwrap();
    append(&log, 1).unwrap();
    disk.fail(Failing::Sync(disk.syncs() + 1));
    let error = append(&log, 2).unwrap_err();
    assert_eq!(error.outlook(), Outlook::Unknown);
    let (writes, syncs) = (disk.writes(), disk.syncs());
    assert!(matches!(append(&log, 2), Err(WalError::Poisoned)));
    assert!(matches!(append(&log, 3), Err(WalError::Poisoned)));
    assert!(matches!(run(log.fence()), Err(WalError::Poisoned)));
    assert_eq!(all(&log), records(1), "what was acknowledged still reads");
    drop(log);
    assert_eq!((disk.writes(), disk.syncs()), (writes, syncs));
    let (log, _) = LocalLog::open(dir.path(), common::options(Arc::new(RealDisk), 2)).unwrap();
    assert!(append(&log, 2).unwrap().last == Lsn(2), "the unknown append is resolved by its id");
}

#[test]
fn a_write_that_fails_halfway_is_unknown_and_leaves_nobody_waiting() {
    let disk = SimulatedDisk::new();
    let (log, _) = open(Arc::new(disk.clone())).unwrap();
    disk.fail_at(disk.changes() + 1, Fault::Half);
    let log = &log;
    let batches: Vec<_> = (1..=16).map(|n| [record(n)]).collect();
    let appends = batches.iter().map(|batch| log.append(batch, None));
    let answers: Vec<Result<Appended, WalError>> = run(join_all(appends.collect()));
    assert_eq!(answers.len(), 16);
    assert!(
        answers.iter().all(|answer| matches!(answer, Err(WalError::Unknown { .. } | WalError::Poisoned)))
    );
}

#[test]
fn a_segment_that_cannot_be_made_leaves_the_log_as_it_was() {
    let disk = SimulatedDisk::new();
    let (log, _) = open(Arc::new(disk.clone())).unwrap();
    let large = |n| kfm_wal::NewRecord { payload: vec![7; 3000], ..record(n) };
    run(log.append(&[large(1)], None)).unwrap();
    // The next append needs a new segment, and the disk is full.
    disk.fail_at(disk.changes() + 1, Fault::Refuse);
    let error = run(log.append(&[large(2)], None)).unwrap_err();
    assert_eq!(error.outlook(), Outlook::Transient, "{error:?}");
    let appended = run(log.append(&[large(2)], None)).unwrap();
    assert_eq!(appended, Appended { first: Lsn(2), last: Lsn(2), already: false });
    drop(log);
    let (log, _) = open(Arc::new(disk)).unwrap();
    assert_eq!(all(&log), [large(1), large(2)]);
}

#[test]
fn leftovers_of_an_unfinished_segment_are_removed() {
    let disk = SimulatedDisk::new();
    drop(open(Arc::new(disk.clone())).unwrap());
    let leftover = std::path::Path::new(DIR).join("seg-00000000000000000002-0000000000000001.kfw.tmp");
    disk.overwrite(&leftover, vec![0xff; 100]);
    let reader = read_only(Arc::new(disk.clone())).unwrap();
    assert_eq!(all(&reader), []);
    drop(open(Arc::new(disk.clone())).unwrap());
    assert_eq!(disk.contents(&leftover), None);
    assert_eq!(segments(&disk).len(), 1);
}

#[test]
fn a_format_is_never_durable_before_the_first_segment() {
    for seed in 0..200 {
        let disk = SimulatedDisk::new();
        // The folder of the first segment cannot be synced; the next opening still sees the segment.
        let refused = (1..20).find(|change| {
            let fresh = SimulatedDisk::new();
            fresh.fail_at(*change, Fault::Refuse);
            open(Arc::new(fresh.clone())).is_err() && !segments(&fresh).is_empty()
        });
        disk.fail_at(refused.unwrap(), Fault::Refuse);
        assert!(open(Arc::new(disk.clone())).is_err());
        disk.kill_processes();
        disk.fail_at(disk.changes() + 1 + seed % 6, Fault::PowerCut);
        let _ = open(Arc::new(disk.clone()));
        disk.reboot(seed);
        open(Arc::new(disk)).unwrap_or_else(|error| panic!("seed={seed}: {error:?}"));
    }
}
