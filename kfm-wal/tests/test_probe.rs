//! The probe's verdict: a sync that takes no time was not done.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kfm_retry::ManualClock;
use kfm_wal::WalError;
use kfm_wal::local::disk::{Access, Disk, DiskFile, DiskLock};
use kfm_wal::local::probe::{Durability, probe_durability};
use kfm_wal::local::simulated::{Fault, SimulatedDisk};

/// A disk whose syncs take `sync`.
#[derive(Debug)]
struct Timed {
    disk: SimulatedDisk,
    clock: Arc<ManualClock>,
    sync: Duration,
}

#[derive(Debug)]
struct TimedFile(Box<dyn DiskFile>, Arc<ManualClock>, Duration);

impl Disk for Timed {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let file = self.disk.open(path, access)?;
        Ok(Box::new(TimedFile(file, Arc::clone(&self.clock), self.sync)))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        self.disk.lock(path)
    }
}

impl DiskFile for TimedFile {
    fn bytes(&mut self) -> io::Result<u64> {
        self.0.bytes()
    }
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(offset, buffer)
    }
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.1.advance(self.2);
        self.0.sync()
    }
}

fn probe(sync: Duration) -> (Durability, u64) {
    let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
    let disk = Timed { disk: SimulatedDisk::new(), clock: Arc::clone(&clock), sync };
    disk.create_dir(Path::new("/wal")).unwrap();
    let report = probe_durability(&disk, clock.as_ref(), Path::new("/wal")).unwrap();
    assert_eq!(disk.disk.paths(), [] as [std::path::PathBuf; 0], "the probe's file is gone");
    (report.verdict, report.sync_ns_p50)
}

#[test]
fn a_sync_that_takes_no_time_was_not_done() {
    assert_eq!(probe(Duration::from_nanos(400)), (Durability::NotSynced, 400));
}

#[test]
fn a_sync_that_takes_a_devices_time_reaches_one() {
    assert_eq!(probe(Duration::from_micros(90)), (Durability::ReachesADevice, 90_000));
}

#[test]
fn a_disk_that_refuses_is_an_error_and_no_verdict() {
    let disk = SimulatedDisk::new();
    disk.create_dir(Path::new("/wal")).unwrap();
    disk.fail_at(9, Fault::Refuse);
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let refused = probe_durability(&disk, &clock, Path::new("/wal"));
    assert!(matches!(refused, Err(WalError::Io { .. })));
    assert_eq!(disk.paths(), [] as [std::path::PathBuf; 0]);
}
