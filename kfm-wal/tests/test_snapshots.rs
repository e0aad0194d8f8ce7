//! A log opened from a snapshot answers as one that was read whole (ADR 0012).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

#[path = "common/kept.rs"]
mod kept;
#[path = "common/typed.rs"]
mod typed;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use kept::*;
use kfm_lineage::Lsn;
use kfm_wal::conformance::run;
use kfm_wal::local::simulated::{Fault, SimulatedDisk};
use kfm_wal::log::{Entry, INDEX, INDEX_FORM, Opened};
use kfm_wal::record::{Record, SnapshotRecord};
use kfm_wal::{
    Appended, Capabilities, Depth, Head, MemoryLog, NewRecord, StoredRecord, VerifyReport, Wal, WalError,
    WalStore,
};
use typed::*;

#[test]
fn the_newest_snapshot_stands_for_what_came_before_it() {
    let (log, disk) = (log_of([intent(1), completion(1), plan(1)]), SimulatedDisk::new());
    keep(&log, &disk);
    add(&log, [intent(2), journal(2, 1)]);
    let newest = keep(&log, &disk);
    add(&log, [completion(2)]);
    let (wal, opened) = from(&log, &disk);
    assert_eq!(opened, Opened { snapshot: newest, passed_over: Vec::new() });
    assert_same(&wal, &whole(&log));
}

#[test]
fn a_repeat_of_what_a_snapshot_stands_for_is_appended_once() {
    let (log, disk) = (log_of([intent(1), refusal(1, "no")]), SimulatedDisk::new());
    keep(&log, &disk);
    let (wal, _) = from(&log, &disk);
    assert_eq!(run(wal.append_all(vec![refusal(1, "no"), completion(1)])).unwrap(), [Lsn(2), Lsn(4)]);
    let mut other = intent(1);
    if let Record::PublishIntent(intent) = &mut other {
        intent.requested_by = "somebody else".to_owned();
    }
    assert!(matches!(run(wal.append(other)), Err(WalError::Conflict { lsn: Lsn(1), .. })));
}

/// A log that counts how many records are read from it.
#[derive(Debug)]
struct Counted(MemoryLog, Arc<AtomicUsize>);

#[async_trait]
impl WalStore for Counted {
    async fn append(&self, records: &[NewRecord], expected: Option<Lsn>) -> Result<Appended, WalError> {
        self.0.append(records, expected).await
    }

    async fn scan(&self, from: Lsn, limit: usize) -> Result<Vec<StoredRecord>, WalError> {
        let records = self.0.scan(from, limit).await?;
        self.1.fetch_add(records.len(), Ordering::SeqCst);
        Ok(records)
    }

    async fn head(&self) -> Result<Head, WalError> {
        self.0.head().await
    }

    async fn fence(&self) -> Result<u64, WalError> {
        self.0.fence().await
    }

    async fn verify(&self, depth: Depth) -> Result<VerifyReport, WalError> {
        self.0.verify(depth).await
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
}

#[test]
fn opening_reads_the_records_behind_the_snapshot_and_no_other() {
    let (log, disk) = (log_of((1..=500).map(|line| journal(1, line))), SimulatedDisk::new());
    keep(&log, &disk);
    add(&log, [completion(1)]);
    let read = Arc::new(AtomicUsize::new(0));
    let counted = Arc::new(Counted(log.handle(), Arc::clone(&read)));
    let (wal, _) = run(Wal::open_from(counted, clock(), &snapshots(&disk))).unwrap();
    assert_eq!(
        read.load(Ordering::SeqCst),
        3,
        "the record that names the snapshot, again, and the one behind it"
    );
    run(wal.by_operation(&publish_id(1).into())).unwrap();
    assert_eq!(read.load(Ordering::SeqCst), 503, "older ones are read when they are asked for");
}

#[test]
fn the_newest_two_are_kept() {
    let (log, disk) = (MemoryLog::new(), SimulatedDisk::new());
    for n in 1..=4 {
        add(&log, [intent(n)]);
        keep(&log, &disk);
    }
    assert_eq!(files(&disk).len(), 2);
    assert_eq!(from(&log, &disk).1.snapshot, Lsn(7));
}

#[test]
fn what_was_kept_of_the_same_position_and_never_named_is_removed() {
    let (log, disk) = (log_of([intent(1), completion(1)]), SimulatedDisk::new());
    let never = whole(&log).keep_index(&snapshots(&disk)).unwrap();
    // For example a repair of the log's end: the position stays and the chain goes on.
    run(log.handle().fence()).unwrap();
    let newest = keep(&log, &disk);
    assert_eq!(never.0.lsn, newest);
    assert_eq!(files(&disk).len(), 1);
    assert_eq!(from(&log, &disk).1, Opened { snapshot: newest, passed_over: Vec::new() });
}

#[test]
fn any_damaged_byte_passes_a_snapshot_over_for_the_one_before_and_then_for_the_log() {
    let (log, disk) = (log_of([intent(1)]), SimulatedDisk::new());
    let older = keep(&log, &disk);
    add(&log, [completion(1)]);
    keep(&log, &disk);
    for (damaged, snapshot) in [(1, older), (0, Lsn::ZERO)] {
        let file = files(&disk)[damaged].clone();
        let bytes = disk.contents(&file).unwrap();
        for at in 0..bytes.len() {
            disk.overwrite(&file, bytes.clone());
            damage(&disk, &file, at);
            let opened = assert_same_at_last(&log, &disk);
            assert_eq!(opened.snapshot, snapshot, "byte {at}");
        }
    }
}

#[test]
fn a_snapshot_that_the_log_does_not_name_is_not_used() {
    let (log, disk) = (log_of([intent(1)]), SimulatedDisk::new());
    whole(&log).keep_index(&snapshots(&disk)).unwrap();
    add(&log, [completion(1)]);
    let (wal, opened) = from(&log, &disk);
    assert_eq!((opened.snapshot, opened.passed_over.len()), (Lsn::ZERO, 1));
    assert_same(&wal, &whole(&log));
}

#[test]
fn a_snapshot_that_was_named_too_late_is_not_used_under_another_position_either() {
    let (log, disk) = (log_of([intent(1)]), SimulatedDisk::new());
    let (of, digest) = whole(&log).keep_index(&snapshots(&disk)).unwrap();
    add(&log, [completion(1)]);
    name(&whole(&log), of, digest);
    assert_eq!(from(&log, &disk).1.snapshot, Lsn::ZERO);
    let file = files(&disk)[0].clone();
    let later = file.display().to_string().replace("00001-", "00002-");
    disk.overwrite(later.as_ref(), disk.contents(&file).unwrap());
    let (wal, opened) = from(&log, &disk);
    assert_eq!((opened.snapshot, opened.passed_over.len()), (Lsn::ZERO, 2));
    assert_same(&wal, &whole(&log));
}

#[test]
fn a_file_that_is_named_by_a_position_that_no_record_can_have_is_passed_over() {
    let (log, disk) = (log_of([intent(1)]), SimulatedDisk::new());
    let newest = keep(&log, &disk);
    let file = files(&disk)[0].clone();
    let last = file.display().to_string().replace("00000000000000000001-", &format!("{}-", u64::MAX));
    assert_ne!(last, file.display().to_string());
    disk.overwrite(last.as_ref(), disk.contents(&file).unwrap());
    let (wal, opened) = from(&log, &disk);
    assert_eq!((opened.snapshot, opened.passed_over.len()), (newest, 1));
    assert_same(&wal, &whole(&log));
}

#[test]
fn a_snapshot_that_was_kept_survives_a_power_cut() {
    for seed in 0..20 {
        let (log, disk) = (log_of([intent(1), completion(1)]), SimulatedDisk::new());
        let newest = keep(&log, &disk);
        disk.reboot(seed);
        assert_eq!(from(&log, &disk).1.snapshot, newest);
    }
}

#[test]
fn a_snapshot_of_another_log_is_not_used() {
    let disk = SimulatedDisk::new();
    keep(&log_of([intent(1), completion(1)]), &disk);
    let log = log_of([intent(1), refusal(1, "no")]);
    add(&log, [completion(1), journal(1, 1)]);
    let (wal, opened) = from(&log, &disk);
    assert_eq!((opened.snapshot, opened.passed_over.len()), (Lsn::ZERO, 1));
    assert_same(&wal, &whole(&log));
}

#[test]
fn a_snapshot_of_a_log_that_was_restored_and_written_on_is_not_used() {
    let (log, disk) = (log_of([intent(1), completion(1)]), SimulatedDisk::new());
    keep(&log, &disk);
    let restored = log_of([intent(1)]);
    let (wal, opened) = from(&restored, &disk);
    assert_eq!(opened.snapshot, Lsn::ZERO);
    assert_same(&wal, &whole(&restored));
    add(&restored, [refusal(1, "no"), journal(1, 1), completion(1)]);
    let (wal, opened) = from(&restored, &disk);
    assert_eq!(opened.snapshot, Lsn::ZERO);
    assert_same(&wal, &whole(&restored));
    // The next snapshot takes its place.
    let newest = keep(&restored, &disk);
    assert_eq!(from(&restored, &disk).1.snapshot, newest);
}

#[test]
fn a_snapshot_whose_name_was_made_to_fit_is_not_used() {
    let (log, disk) = (log_of([intent(1), completion(1), intent(2)]), SimulatedDisk::new());
    keep(&log, &disk);
    let file = files(&disk)[0].clone();
    let snapshots = snapshots(&disk);
    let Head { lsn, .. } = whole(&log).head();
    let named = run(log.handle().scan(lsn, 1)).unwrap();
    let Ok(Some(Entry { record: Record::Snapshot(SnapshotRecord { of, states }), .. })) =
        Entry::read(&named[0])
    else {
        panic!("{named:?}")
    };
    let table = snapshots.table(INDEX, INDEX_FORM, of, &states[INDEX]).unwrap();
    let all: Vec<_> = table.entries_from(&[]).map(Result::unwrap).collect();
    let is_of_completion = |key: &[u8]| key.first() == Some(&b'l') && key.ends_with(&2_u64.to_be_bytes());
    let hidden: Vec<_> = all.iter().filter(|(key, _)| !is_of_completion(key)).cloned().map(Ok).collect();
    assert_eq!(hidden.len() + 1, all.len(), "a completion is hidden");
    disk.lose(&file);
    snapshots.keep_table(INDEX, INDEX_FORM, of, hidden.into_iter()).unwrap();
    let (wal, opened) = from(&log, &disk);
    assert_eq!(opened.snapshot, Lsn::ZERO);
    assert!(run(wal.publish(&publish_id(1))).unwrap().unwrap().is_complete());
}

#[test]
fn a_snapshot_that_another_version_wrote_is_not_used() {
    let (log, disk) = (log_of([intent(1)]), SimulatedDisk::new());
    let (of, _) = whole(&log).keep_index(&snapshots(&disk)).unwrap();
    let file = files(&disk)[0].clone();
    let mut newer = disk.contents(&file).unwrap();
    let version = format!(r#""version":"{} "#, env!("CARGO_PKG_VERSION"));
    let at = newer.windows(version.len()).position(|bytes| bytes == version.as_bytes()).unwrap();
    newer[at + version.len() - 2] ^= 1;
    let (_, digest) = lie(&disk, &file, newer);
    name(&whole(&log), of, digest);
    let (wal, opened) = from(&log, &disk);
    assert_eq!(opened.snapshot, Lsn::ZERO);
    assert!(opened.passed_over[0].why.contains("another version"), "{:?}", opened.passed_over);
    assert_same(&wal, &whole(&log));
}

#[test]
fn power_that_fails_at_any_moment_of_keeping_one_changes_no_answer() {
    let log = log_of([intent(1), completion(1), intent(2)]);
    let mut interrupted = 0;
    for change in 1.. {
        let (log, disk) = (
            log_of(run(whole(&log).entries_from(Lsn::ZERO)).unwrap().iter().map(|e| e.record.clone())),
            SimulatedDisk::new(),
        );
        keep(&log, &disk);
        add(&log, [completion(2)]);
        disk.fail_at(disk.changes() + change, Fault::PowerCut);
        let wal = whole(&log);
        let kept = wal.keep_index(&snapshots(&disk));
        if disk.has_power() {
            break;
        }
        interrupted += 1;
        disk.reboot(change);
        if let Ok((of, index)) = kept {
            name(&wal, of, index);
        }
        let (opened, _) = from(&log, &disk);
        assert_same(&opened, &whole(&log));
    }
    assert!(interrupted >= 3, "{interrupted}");
}

#[test]
fn a_log_of_a_newer_version_gets_no_snapshot() {
    let (log, disk) = (log_of([intent(1)]), SimulatedDisk::new());
    run(log.append(&[foreign(7, 77)], None)).unwrap();
    let refused = whole(&log).keep_index(&snapshots(&disk));
    assert!(matches!(refused, Err(WalError::FutureRecord { lsn: Lsn(2), .. })), "{refused:?}");
    assert_eq!(files(&disk), [] as [PathBuf; 0]);
}
