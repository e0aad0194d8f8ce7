//! The answers to a failed write or sync that is not an append of records: a frame that may be in the log is
//! not said to be missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod common;

use std::sync::Arc;

use common::{append, open, segments};
use kfm_wal::conformance::run;
use kfm_wal::error::Outlook;
use kfm_wal::local::faulty::{Failing, FaultyDisk};
use kfm_wal::local::simulated::SimulatedDisk;
use kfm_wal::{LocalLog, Lsn, RetainReason, WalError, WalStore};

const RECORDS: u64 = 150;

/// A log on a disk that can be told to fail, and the disk below, which keeps all that was written.
fn filled() -> (SimulatedDisk, FaultyDisk, LocalLog) {
    let below = SimulatedDisk::new();
    let disk = FaultyDisk::new(Arc::new(below.clone()));
    let (log, _) = open(Arc::new(disk.clone())).unwrap();
    (1..=RECORDS).for_each(|n| _ = append(&log, n).unwrap());
    (below, disk, log)
}

fn next_write(disk: &FaultyDisk) -> Failing {
    Failing::Write(disk.writes() + 1)
}

fn next_sync(disk: &FaultyDisk) -> Failing {
    Failing::Sync(disk.syncs() + 1)
}

#[track_caller]
fn assert_unknown<T: std::fmt::Debug>(answer: Result<T, WalError>, kind: &str) {
    let error = answer.unwrap_err();
    assert!(matches!(&error, WalError::Unknown { id, .. } if id == kind), "{error:?}");
    assert_eq!(error.outlook(), Outlook::Unknown);
}

fn epoch(log: &LocalLog) -> u64 {
    run(log.head()).unwrap().epoch
}

#[test]
fn a_fence_that_was_not_written_or_synced_may_be_claimed() {
    for failing in [next_write, next_sync] {
        let (below, disk, log) = filled();
        let before = epoch(&log);
        disk.fail(failing(&disk));
        assert_unknown(run(log.fence()), "fence");
        // Of a call after it, it is known that nothing is in the log.
        assert!(matches!(run(log.fence()), Err(WalError::Poisoned)));
        assert!(matches!(append(&log, RECORDS + 1), Err(WalError::Poisoned)));
        drop(log);
        let (log, _) = open(Arc::new(below)).unwrap();
        assert!(epoch(&log) > before);
        assert_eq!(append(&log, RECORDS + 1).unwrap().first, Lsn(RECORDS + 1));
    }
}

#[test]
fn a_fence_of_which_the_sync_failed_is_unknown_and_taken_back() {
    let (below, disk, log) = filled();
    let before = epoch(&log);
    disk.fail(next_sync(&disk));
    assert_unknown(run(log.fence()), "fence");
    drop(log);
    // This is the claim of the writer that opens the log, not the fence: until the power fails, the system
    // does not show the fence.
    assert_eq!(epoch(&open(Arc::new(below)).unwrap().0), before + 1);
}

#[test]
fn an_opening_of_which_the_claim_failed_may_have_claimed() {
    let (below, _, log) = filled();
    drop(log);
    // An opening that succeeds counts the syncs; the last one is that of the claim.
    let counting = FaultyDisk::new(Arc::new(below.copy()));
    let opened = open(Arc::new(counting.clone())).unwrap();
    let syncs = counting.syncs();
    drop(opened);
    let failing = FaultyDisk::new(Arc::new(below.clone()));
    failing.fail(Failing::Sync(syncs));
    assert_unknown(open(Arc::new(failing)), "fence");
    let (log, _) = open(Arc::new(below)).unwrap();
    assert_eq!(run(log.head()).unwrap().lsn, Lsn(RECORDS));
}

#[test]
fn an_archiving_of_which_the_account_failed_may_be_noted_and_sets_nothing_aside() {
    for failing in [next_write, next_sync] {
        let (below, disk, log) = filled();
        let there = segments(&below);
        let reason = RetainReason {
            policy_ref: "sha256:policy".to_owned(),
            requested_by: "records office".to_owned(),
        };
        disk.fail(failing(&disk));
        assert_unknown(run(log.retain(Lsn(RECORDS), &reason)), "archive");
        assert_eq!(segments(&below), there);
        drop(log);
        let (log, _) = open(Arc::new(below)).unwrap();
        assert!(run(log.retain(Lsn(RECORDS), &reason)).unwrap().segments > 0);
        assert_eq!(run(log.head()).unwrap().lsn, Lsn(RECORDS));
    }
}
