//! Logs on slots that earlier versions wrote, read for ever: one folder for each version of the format.
#![cfg(feature = "object-store")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

#[path = "common/kept_log.rs"]
mod kept_log;
#[path = "common/typed.rs"]
mod typed;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kept_log::golden;
use kfm_retry::ManualClock;
use kfm_wal::conformance::{record, run};
use kfm_wal::entropy::SeededEntropy;
use kfm_wal::slots::{FolderSlots, SlotLog, SlotOptions};
use kfm_wal::{Depth, Lsn, NewRecord, WalStore};

fn options(seed: u64) -> SlotOptions {
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_763_090_142));
    SlotOptions::new(Arc::new(clock)).with_proofs(0).with_entropy(Arc::new(SeededEntropy::new(seed)))
}

fn slots(folder: &Path) -> Arc<FolderSlots> {
    Arc::new(FolderSlots::new(folder).unwrap())
}

/// The records of the golden log.
fn content() -> Vec<NewRecord> {
    let sized = |n: u64| NewRecord { payload: vec![n as u8; n as usize * 20], ..record(n) };
    (1..=9).map(sized).collect()
}

async fn write(folder: &Path) {
    let (log, _) = SlotLog::open(slots(folder), options(1)).await.unwrap();
    log.append(&content()[..1], None).await.unwrap();
    log.append(&content()[1..4], None).await.unwrap();
    let (log, _) = SlotLog::open(slots(folder), options(2)).await.unwrap();
    log.claim("host=golden pid=1", Duration::from_secs(30), Duration::ZERO).await.unwrap();
    log.append(&content()[4..], None).await.unwrap();
    log.release().await.unwrap();
}

#[test]
fn a_log_on_slots_of_format_1_reads_as_it_was_written() {
    run(async {
        let log = SlotLog::open_read_only(slots(&golden("slots-v1")), options(3)).await.unwrap();
        let stored = log.scan(Lsn(1), 99).await.unwrap();
        let epochs: Vec<u64> = stored.iter().map(|stored| stored.epoch).collect();
        assert_eq!(epochs, [1, 1, 1, 1, 2, 2, 2, 2, 2]);
        let records: Vec<NewRecord> = stored.into_iter().map(|stored| stored.record).collect();
        assert_eq!(records, content());
        assert_eq!(log.holder().await.unwrap(), None);
        let report = log.verify(Depth::Chain).await.unwrap();
        assert!(report.ok && report.frames == 6, "{report:?}");
        assert_eq!(report.head.chain.to_string(), HEAD);
    });
}

/// The chain over the golden log.
const HEAD: &str = "sha256:371c2b5139c8f57b068a95a048990475b866ff6e873be08a3befe18eb9f6109d";

#[test]
fn this_version_writes_the_bytes_of_format_1() {
    let dir = tempfile::tempdir().unwrap();
    run(write(dir.path()));
    let chain = "chain/00000000";
    let names = std::fs::read_dir(golden("slots-v1").join(chain)).unwrap();
    let names = names.map(|entry| format!("{chain}/{}", entry.unwrap().file_name().to_str().unwrap()));
    let names: Vec<String> = names.chain(["FORMAT".to_owned()]).collect();
    assert_eq!(names.len(), 7);
    for name in names {
        let (was, is) =
            (std::fs::read(golden("slots-v1").join(&name)), std::fs::read(dir.path().join(&name)));
        assert_eq!(was.unwrap(), is.unwrap(), "{name}");
    }
}

#[test]
fn a_log_on_slots_of_typed_records_of_format_1_reads_as_it_was_written() {
    run(kept_log::assert_reads(slots(&golden("slots-v1-typed"))));
}

#[test]
#[ignore = "writes the golden folders of the current format; run it once for each new version"]
fn write_the_golden_folders() {
    for name in ["slots-v1", "slots-v1-typed"] {
        let _ = std::fs::remove_dir_all(golden(name));
    }
    run(write(&golden("slots-v1")));
    run(kept_log::write(slots(&golden("slots-v1-typed"))));
}
