//! Segments that are filled before they are needed: no append waits for them, nothing is lost by them, no
//! file is left.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod common;

use std::path::Path;
use std::sync::{Arc, Mutex};

use common::{DIR, all, options};
use kfm_wal::conformance::{record, run};
use kfm_wal::local::SegmentSizes;
use kfm_wal::local::ahead::{Background, Threads};
use kfm_wal::local::disk::RealDisk;
use kfm_wal::local::simulated::{Fault, SimulatedDisk};
use kfm_wal::{Depth, LocalLog, LocalOptions, NewRecord, WalStore};

/// Does the work at once, so that the order of all calls follows from the appends.
#[derive(Debug)]
struct AtOnce;

impl Background for AtOnce {
    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }
}

/// Keeps the work and never does it.
#[derive(Default)]
struct Busy(Mutex<Vec<Box<dyn FnOnce() + Send>>>);

impl std::fmt::Debug for Busy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Busy")
    }
}

impl Background for Busy {
    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        self.0.lock().unwrap().push(work);
    }
}

fn ahead(disk: &SimulatedDisk, background: Arc<dyn Background>) -> LocalOptions {
    options(Arc::new(disk.clone()), 1).with_background(background)
}

/// A record of which six fill a segment.
fn large(n: u64) -> NewRecord {
    NewRecord { payload: vec![n as u8 | 1; 600], ..record(n) }
}

fn is_waiting(disk: &SimulatedDisk) -> bool {
    disk.paths().iter().any(|path| path.extension().is_some_and(|end| end == "tmp"))
}

#[test]
fn a_rotation_takes_the_segment_that_was_filled_ahead() {
    let disk = SimulatedDisk::new();
    let (log, _) = LocalLog::open(DIR, ahead(&disk, Arc::new(AtOnce))).unwrap();
    let mut taken = 0;
    for n in 1..=60 {
        let (waited, segments) = (is_waiting(&disk), common::segments(&disk).len());
        run(log.append(&[large(n)], None)).unwrap();
        if common::segments(&disk).len() > segments {
            assert!(waited, "n={n}");
            taken += 1;
        }
    }
    assert!(taken > 4, "taken={taken}");
    assert_eq!(all(&log), (1..=60).map(large).collect::<Vec<_>>());
    drop(log);
    assert!(!is_waiting(&disk), "the last one was not needed");
}

#[test]
fn a_power_cut_at_any_moment_loses_nothing_with_segments_filled_ahead() {
    let mut cuts = 0;
    for cut in 1.. {
        let disk = SimulatedDisk::new();
        disk.fail_at(cut, Fault::PowerCut);
        let mut acknowledged = 0;
        if let Ok((log, _)) = LocalLog::open(DIR, ahead(&disk, Arc::new(AtOnce))) {
            while acknowledged < 24 && run(log.append(&[large(acknowledged + 1)], None)).is_ok() {
                acknowledged += 1;
            }
        }
        let done = disk.changes() < cut;
        disk.reboot(cut);
        let (log, _) = LocalLog::open(DIR, ahead(&disk, Arc::new(AtOnce)))
            .unwrap_or_else(|error| panic!("cut={cut}: {error:?}"));
        let found = all(&log);
        assert!(found.len() as u64 >= acknowledged, "cut={cut}");
        assert_eq!(found, (1..=found.len() as u64).map(large).collect::<Vec<_>>(), "cut={cut}");
        run(log.append(&[large(100)], None)).unwrap();
        assert!(run(log.verify(Depth::Chain)).unwrap().ok, "cut={cut}");
        drop(log);
        assert!(!is_waiting(&disk), "cut={cut}");
        cuts += 1;
        if done {
            break;
        }
    }
    assert!(cuts > 80, "cuts={cuts}");
}

#[test]
fn a_segment_that_could_not_be_filled_ahead_is_made_when_it_is_needed() {
    let quiet = SimulatedDisk::new();
    let (log, _) = LocalLog::open(DIR, ahead(&quiet, Arc::new(AtOnce))).unwrap();
    let mut n = 0;
    let before = loop {
        let before = quiet.changes();
        n += 1;
        run(log.append(&[large(n)], None)).unwrap();
        if is_waiting(&quiet) {
            break before;
        }
    };
    // An append writes and syncs; the changes after that fill the next segment.
    for refused in before + 3..quiet.changes() {
        let disk = SimulatedDisk::new();
        disk.fail_at(refused, Fault::Refuse);
        let (log, _) = LocalLog::open(DIR, ahead(&disk, Arc::new(AtOnce))).unwrap();
        for n in 1..=20 {
            run(log.append(&[large(n)], None)).unwrap_or_else(|error| panic!("refused={refused}: {error:?}"));
        }
        assert!(common::segments(&disk).len() > 2);
    }
}

#[test]
fn appends_do_not_wait_for_work_that_is_never_begun() {
    let disk = SimulatedDisk::new();
    let busy = Arc::new(Busy::default());
    let (log, _) = LocalLog::open(DIR, ahead(&disk, Arc::clone(&busy) as Arc<dyn Background>)).unwrap();
    for n in 1..=30 {
        run(log.append(&[large(n)], None)).unwrap();
    }
    drop(log);
    let works = std::mem::take(&mut *busy.0.lock().unwrap());
    assert!(works.len() > 2);
    // Work that begins after the end finds that its segment is not wanted.
    works.into_iter().for_each(|work| work());
    assert!(!is_waiting(&disk));
}

#[test]
fn threads_fill_segments_ahead_on_a_real_disk() {
    let dir = tempfile::tempdir().unwrap();
    let sizes = SegmentSizes { first_bytes: 1 << 16, max_bytes: 1 << 18 };
    let options = options(Arc::new(RealDisk), 1).with_background(Arc::new(Threads)).with_segment_sizes(sizes);
    let (log, _) = LocalLog::open(dir.path(), options).unwrap();
    for first in (1..=2000).step_by(20) {
        let batch: Vec<_> = (first..first + 20).map(large).collect();
        run(log.append(&batch, None)).unwrap();
    }
    assert!(run(log.verify(Depth::Chain)).unwrap().ok);
    drop(log);
    let unfinished = |path: &Path| path.extension().is_some_and(|end| end == "tmp");
    assert!(std::fs::read_dir(dir.path()).unwrap().all(|entry| !unfinished(&entry.unwrap().path())));
    assert_eq!(all(&LocalLog::open_read_only(dir.path()).unwrap()).len(), 2000);
}
