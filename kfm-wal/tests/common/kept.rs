//! Logs and their snapshots, and what may happen to them.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kfm_lineage::{Digest, Lsn, Timestamp};
use kfm_retry::ManualClock;
use kfm_wal::conformance::run;
use kfm_wal::local::simulated::SimulatedDisk;
use kfm_wal::log::{INDEX, Opened};
use kfm_wal::record::{Record, SnapshotRecord};
use kfm_wal::{Head, MemoryLog, NewRecord, Snapshots, Wal, WalError};

pub const DIR: &str = "/snapshots";

pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_763_090_142)))
}

pub fn snapshots(disk: &SimulatedDisk) -> Snapshots {
    Snapshots::new(DIR, Arc::new(disk.clone()))
}

pub fn whole(log: &MemoryLog) -> Wal {
    run(Wal::open(Arc::new(log.handle()), clock())).unwrap()
}

pub fn from(log: &MemoryLog, disk: &SimulatedDisk) -> (Wal, Opened) {
    run(Wal::open_from(Arc::new(log.handle()), clock(), &snapshots(disk))).unwrap()
}

/// Keeps a snapshot that takes over from the one before, if there is one, and lets the log name it. Asserts that it is the
/// one that is made of all records.
pub fn keep(log: &MemoryLog, disk: &SimulatedDisk) -> Lsn {
    let made_anew = whole(log).keep_index(&snapshots(disk)).unwrap();
    let kept = || {
        let (wal, _) = from(log, disk);
        wal.keep_index(&snapshots(disk))
    };
    // A page of the one before that is damaged is found now.
    let (of, index) = (0..3).find_map(|_| kept().ok()).unwrap();
    assert_eq!((of, index), made_anew);
    let wal = whole(log);
    name(&wal, of, index);
    snapshots(disk).forget(INDEX, of.lsn, &index).unwrap();
    of.lsn
}

pub fn name(wal: &Wal, of: Head, index: Digest) {
    let states = BTreeMap::from([(INDEX.to_owned(), index)]);
    run(wal.append(Record::Snapshot(SnapshotRecord { of, states }))).unwrap();
}

pub fn log_of(records: impl IntoIterator<Item = Record>) -> MemoryLog {
    let log = MemoryLog::new();
    add(&log, records);
    log
}

pub fn add(log: &MemoryLog, records: impl IntoIterator<Item = Record>) {
    let wal = whole(log);
    for record in records {
        run(wal.append(record)).unwrap();
    }
}

/// The files of snapshots, the oldest first.
pub fn files(disk: &SimulatedDisk) -> Vec<PathBuf> {
    disk.paths().into_iter().filter(|path| path.parent() == Some(Path::new(DIR))).collect()
}

pub fn damage(disk: &SimulatedDisk, path: &Path, at: usize) {
    let mut bytes = disk.contents(path).unwrap();
    let at = at % bytes.len();
    bytes[at] ^= 1;
    disk.overwrite(path, bytes);
}

/// Puts other bytes in the place of a file, under the name that fits the bytes.
pub fn lie(disk: &SimulatedDisk, path: &Path, bytes: Vec<u8>) -> (PathBuf, Digest) {
    let digest = digest_of(&bytes).unwrap_or_else(|| Digest::of_bytes(&bytes));
    let (lsn, _) = path.file_stem().unwrap().to_str().unwrap().rsplit_once('-').unwrap();
    let lying = Path::new(DIR).join(format!("{lsn}-{}.table", digest.hex()));
    disk.lose(path);
    disk.overwrite(&lying, bytes);
    (lying, digest)
}

/// The digest of a table, which is that of its index, if these bytes are one.
fn digest_of(bytes: &[u8]) -> Option<Digest> {
    let end = bytes.len().checked_sub(16)?;
    let at = u64::from_le_bytes(*bytes[end..].first_chunk()?);
    Some(Digest::of_bytes(bytes[..end].get(usize::try_from(at).ok()?..)?))
}

/// Asserts that every question has the same answer.
pub fn assert_same(one: &Wal, other: &Wal) {
    same(one, other).unwrap();
}

/// Asserts that the log answers from its snapshots as it does whole. A snapshot that is found damaged ends the question,
/// and is gone for the next handle. Returns how that one was opened.
pub fn assert_same_at_last(log: &MemoryLog, disk: &SimulatedDisk) -> Opened {
    loop {
        let (wal, opened) = from(log, disk);
        match same(&wal, &whole(log)) {
            Ok(()) => return opened,
            Err(error) => {
                let why = std::error::Error::source(&error).unwrap().to_string();
                assert!(
                    matches!(&error, WalError::Snapshot { .. }) && why.contains("it was removed"),
                    "{error:?}"
                );
                assert!(from(log, disk).1.snapshot < opened.snapshot);
            }
        }
    }
}

/// Asserts that every answer of `one` is that of `other`.
///
/// # Errors
/// A question to `one` fails.
fn same(one: &Wal, other: &Wal) -> Result<(), WalError> {
    let entries = run(other.entries_from(Lsn::ZERO)).unwrap();
    assert_eq!(run(one.entries_from(Lsn::ZERO))?, entries);
    assert_eq!(one.head(), other.head());
    assert_eq!(one.newest_at(), other.newest_at());
    assert_eq!(one.unknown()?, other.unknown().unwrap());
    let publishes = entries.iter().filter_map(|entry| match &entry.record {
        Record::PublishIntent(intent) => Some(intent.publish_id.clone()),
        _ => None,
    });
    for id in publishes {
        assert_eq!(run(one.publish(&id))?, run(other.publish(&id)).unwrap());
        let id = id.into();
        assert_eq!(run(one.by_operation(&id))?, run(other.by_operation(&id)).unwrap());
    }
    let mut times: Vec<Timestamp> = entries.iter().map(|entry| entry.at).collect();
    times.extend([Timestamp::UNIX_EPOCH, Timestamp::MIN, Timestamp::MAX]);
    for (from, to) in times.iter().zip(times.iter().rev()) {
        assert_eq!(run(one.by_time(*from, *to))?, run(other.by_time(*from, *to)).unwrap());
    }
    for lsn in 0..=other.head().lsn.0 + 1 {
        assert_eq!(run(one.entries_from(Lsn(lsn)))?, run(other.entries_from(Lsn(lsn))).unwrap());
    }
    assert!(one.finds_the_same(other)?);
    Ok(())
}

pub fn foreign(n: u8, rtype: u16) -> NewRecord {
    NewRecord { op_id: [n; 16], rtype, schema: 1, at: Timestamp::UNIX_EPOCH, payload: b"?".to_vec() }
}
