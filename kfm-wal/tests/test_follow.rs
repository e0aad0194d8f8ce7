//! Followers of a local log that another process writes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use common::{DIR, append, open, options, read_only, records, segments};
use kfm_retry::{Clock, ManualClock, clock::Sleep};
use kfm_wal::conformance::run;
use kfm_wal::follow::{Follower, Pace};
use kfm_wal::local::disk::RealDisk;
use kfm_wal::local::simulated::SimulatedDisk;
use kfm_wal::{Damage, LocalLog, Lsn, MemoryLog, NewRecord, RetainReason, WalError, WalStore};

fn manual() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH))
}

fn follower(disk: &SimulatedDisk) -> Follower {
    Follower::new(Arc::new(read_only(Arc::new(disk.clone())).unwrap()), manual(), Lsn(1))
}

fn look(follower: &mut Follower) -> Vec<NewRecord> {
    run(follower.look(usize::MAX)).unwrap().into_iter().map(|stored| stored.record).collect()
}

#[test]
fn a_follower_sees_segments_end_writers_end_and_logs_archived_and_repeats_nothing() {
    let disk = SimulatedDisk::new();
    let mut follower = follower(&disk);
    let mut shown = look(&mut follower);
    for turn in 0..6 {
        let (log, _) = open(Arc::new(disk.clone())).unwrap();
        for n in 1..=40 {
            append(&log, 40 * turn + n).unwrap();
            if n % 7 == 0 {
                shown.extend(look(&mut follower));
            }
        }
        if turn % 2 == 1 {
            let reason = RetainReason { policy_ref: "p".to_owned(), requested_by: "r".to_owned() };
            run(log.retain(Lsn(40 * turn), &reason)).unwrap();
            disk.kill_processes();
        }
        drop(log);
    }
    assert!(segments(&disk).len() > 1);
    shown.extend(look(&mut follower));
    assert_eq!(shown, records(240));
}

#[test]
fn a_record_without_a_witness_is_durable_when_it_is_shown() {
    let disk = SimulatedDisk::new();
    let (log, _) = open(Arc::new(disk.clone())).unwrap();
    append(&log, 1).unwrap();
    let mut follower = follower(&disk);
    assert_eq!(look(&mut follower), records(1));
    append(&log, 2).unwrap();
    // The mark of the last frame is lost, as when the process died just before it wrote the mark.
    let path = segments(&disk).pop().unwrap();
    let mut bytes = disk.contents(&path).unwrap();
    bytes[4096..].fill(0);
    disk.overwrite(&path, bytes);
    disk.kill_processes();
    drop(log);
    assert_eq!(look(&mut follower), records(2)[1..], "as the next writer will have it");
    for seed in 0..32 {
        disk.reboot(seed);
        let reader = read_only(Arc::new(disk.clone())).unwrap();
        assert_eq!(run(reader.head()).unwrap().lsn, Lsn(2));
    }
    let (log, _) = open(Arc::new(disk.clone())).unwrap();
    assert_eq!(look(&mut follower), []);
    drop(log);
}

#[test]
fn a_log_that_lost_what_was_shown_is_refused() {
    let log = MemoryLog::new();
    let appended = |n| run(log.append(&records(3)[..n], None)).unwrap();
    appended(3);
    let shorter = MemoryLog::new();
    run(shorter.append(&records(2), None)).unwrap();
    let mut other: Vec<NewRecord> = records(4);
    other[2].payload.push(1);
    let rewritten = MemoryLog::new();
    run(rewritten.append(&other, None)).unwrap();
    for (replacement, class) in [(shorter, Damage::LostTail), (rewritten, Damage::Rewritten)] {
        let replaced = Arc::new(Replaced { log: log.handle(), by: replacement, now: AtomicU64::new(0) });
        let store: Arc<dyn WalStore> = Arc::<Replaced>::clone(&replaced);
        let mut follower = Follower::new(store, manual(), Lsn(1));
        assert_eq!(look(&mut follower), records(3));
        replaced.now.store(1, Ordering::SeqCst);
        let refused = run(follower.look(9)).unwrap_err();
        assert!(matches!(refused, WalError::Corrupt { class: found, .. } if found == class), "{refused}");
    }
}

/// A log that is replaced by another, as when an old copy is restored.
#[derive(Debug)]
struct Replaced {
    log: MemoryLog,
    by: MemoryLog,
    now: AtomicU64,
}

impl Replaced {
    fn there(&self) -> &MemoryLog {
        if self.now.load(Ordering::SeqCst) == 0 { &self.log } else { &self.by }
    }
}

#[async_trait::async_trait]
impl WalStore for Replaced {
    async fn append(&self, new: &[NewRecord], expected: Option<Lsn>) -> Result<kfm_wal::Appended, WalError> {
        self.there().append(new, expected).await
    }

    async fn scan(&self, from: Lsn, limit: usize) -> Result<Vec<kfm_wal::StoredRecord>, WalError> {
        self.there().scan(from, limit).await
    }

    async fn head(&self) -> Result<kfm_wal::Head, WalError> {
        self.there().head().await
    }

    async fn fence(&self) -> Result<u64, WalError> {
        self.there().fence().await
    }

    async fn verify(&self, depth: kfm_wal::Depth) -> Result<kfm_wal::VerifyReport, WalError> {
        self.there().verify(depth).await
    }

    fn capabilities(&self) -> kfm_wal::Capabilities {
        self.there().capabilities()
    }
}

/// A clock that notes how long each wait is, and appends once the eighth wait is over.
#[derive(Debug)]
struct Waits {
    log: MemoryLog,
    asked_ms: std::sync::Mutex<Vec<u128>>,
}

impl Clock for Waits {
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let mut asked = self.asked_ms.lock().unwrap();
        asked.push(duration.as_millis());
        if asked.len() == 8 {
            run(self.log.append(&records(1), None)).unwrap();
        }
        Box::pin(std::future::ready(()))
    }
}

#[test]
fn waits_grow_while_a_log_is_quiet_and_have_an_end() {
    let log = MemoryLog::new();
    let clock = Arc::new(Waits { log: log.handle(), asked_ms: std::sync::Mutex::default() });
    let waits: Arc<dyn Clock> = Arc::<Waits>::clone(&clock);
    let pace = Pace { first_ms: 4, max_ms: 100 };
    let mut follower = Follower::new(Arc::new(log), waits, Lsn(1)).with_pace(pace);
    assert_eq!(run(follower.next(1)).unwrap().len(), 1);
    assert_eq!(*clock.asked_ms.lock().unwrap(), [4, 8, 16, 32, 64, 100, 100, 100]);
}

#[test]
fn a_follower_on_a_disk_keeps_up_with_a_writer_on_another_thread() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_path_buf();
    let writing = std::thread::spawn(move || write_in_turns(&path));
    // A clock that does not wait: the follower looks as often as it can, also in the middle of a write.
    let reader = LocalLog::open_read_only(dir.path()).unwrap();
    let mut follower = Follower::new(Arc::new(reader), manual(), Lsn(1));
    let mut shown = Vec::new();
    while shown.len() < 600 {
        shown.extend(run(follower.next(50)).unwrap().into_iter().map(|stored| stored.record));
    }
    writing.join().unwrap();
    assert_eq!(shown, records(600));
}

fn write_in_turns(dir: &Path) {
    for turn in 0..4 {
        let (log, _) = LocalLog::open(dir, options(Arc::new(RealDisk), turn)).unwrap();
        for n in 1..=150 {
            append(&log, 150 * turn + n).unwrap();
        }
    }
}

#[test]
fn a_missing_log_is_followed_from_its_beginning() {
    let disk = SimulatedDisk::new();
    let mut follower = follower(&disk);
    assert_eq!(look(&mut follower), []);
    let (log, _) = LocalLog::open(DIR, options(Arc::new(disk.clone()), 1)).unwrap();
    append(&log, 1).unwrap();
    assert_eq!(look(&mut follower), records(1));
}
