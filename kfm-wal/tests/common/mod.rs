//! What the tests of the local log share.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use kfm_retry::ManualClock;
use kfm_wal::conformance::{record, run};
use kfm_wal::entropy::SeededEntropy;
use kfm_wal::local::SegmentSizes;
use kfm_wal::local::disk::Disk;
use kfm_wal::{Appended, LocalLog, LocalOptions, Lsn, NewRecord, RecoveryReport, WalError, WalStore};

/// Where logs lie on a simulated disk.
pub const DIR: &str = "/wal";

pub fn options(disk: Arc<dyn Disk>, seed: u64) -> LocalOptions {
    let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
    LocalOptions::new(clock)
        .with_segment_sizes(SegmentSizes { first_bytes: 8192, max_bytes: 8192 })
        .with_entropy(Arc::new(SeededEntropy::new(seed)))
        .with_holder("the test")
        .with_disk(disk)
}

pub fn open(disk: Arc<dyn Disk>) -> Result<(LocalLog, RecoveryReport), WalError> {
    LocalLog::open(DIR, options(disk, 1))
}

pub fn read_only(disk: Arc<dyn Disk>) -> Result<LocalLog, WalError> {
    LocalLog::open_read_only_on(DIR, disk)
}

pub fn append(log: &LocalLog, n: u64) -> Result<Appended, WalError> {
    run(log.append(&[record(n)], None))
}

pub fn all(log: &LocalLog) -> Vec<NewRecord> {
    run(log.scan(Lsn(1), usize::MAX)).unwrap().into_iter().map(|stored| stored.record).collect()
}

/// Returns the records named 1 to `n`.
pub fn records(n: u64) -> Vec<NewRecord> {
    (1..=n).map(record).collect()
}

/// Returns the paths of the segments on a simulated disk.
pub fn segments(disk: &kfm_wal::local::simulated::SimulatedDisk) -> Vec<std::path::PathBuf> {
    let mut paths = disk.paths();
    paths
        .retain(|path| path.parent() == Some(Path::new(DIR)) && path.extension().is_some_and(|e| e == "kfw"));
    paths
}
