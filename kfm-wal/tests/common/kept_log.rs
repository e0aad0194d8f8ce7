//! The log of typed records that is kept for ever, in a folder and in a database: how it was written, and its
//! records.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kfm_lineage::{Digest, Lsn};
use kfm_retry::ManualClock;
use kfm_wal::entropy::SeededEntropy;
use kfm_wal::record::{Record, SnapshotRecord};
use kfm_wal::slots::{Mode, SlotLog, SlotOptions, Slots};
use kfm_wal::{Depth, Head, Wal, WalStore};

use super::typed::*;

/// The chain over the log.
const HEAD: &str = "sha256:eebee1ef476bf67e9c8a4fb823c4dc79cc480640a559175c0d39725c953013af";

pub fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_763_090_142)))
}

fn options(seed: u64) -> SlotOptions {
    let entropy = Arc::new(SeededEntropy::new(seed));
    SlotOptions::new(clock()).with_mode(Mode::Shared).with_proofs(0).with_entropy(entropy)
}

/// One record of each type.
fn content() -> Vec<Record> {
    let of = Head { lsn: Lsn(3), epoch: 1, chain: Digest::of_bytes(b"chain") };
    let states = BTreeMap::from([("index".to_owned(), Digest::of_bytes(b"state"))]);
    vec![
        intent(1),
        journal(1, 1),
        completion(1),
        plan(2),
        approval(2, "ana"),
        refusal(1, "a label is not allowed"),
        labels(vec![serde_json::json!({ "label": "restricted", "entity": "kfm-stac:landsat:1" })]),
        stage(1),
        Record::Snapshot(SnapshotRecord { of, states }),
    ]
}

/// Writes the log as two hosts would: each claims it, the second after the first has given it back.
pub async fn write(slots: Arc<dyn Slots>) {
    for (seed, records) in [(1, &content()[..3]), (2, &content()[3..])] {
        let (log, _) = SlotLog::open(Arc::clone(&slots), options(seed)).await.unwrap();
        let log = Arc::new(log);
        log.claim("host=golden pid=1", Duration::from_secs(30), Duration::ZERO).await.unwrap();
        let wal = Wal::open(Arc::clone(&log) as Arc<_>, clock()).await.unwrap();
        wal.append(records[0].clone()).await.unwrap();
        wal.append_all(records[1..].to_vec()).await.unwrap();
        log.release().await.unwrap();
    }
}

/// Asserts that the log reads as it was written.
pub async fn assert_reads(slots: Arc<dyn Slots>) {
    let log = SlotLog::open_read_only(slots, options(3)).await.unwrap();
    let report = log.verify(Depth::Chain).await.unwrap();
    assert!(report.ok && report.frames == 8, "{report:?}");
    assert_eq!(report.head.chain.to_string(), HEAD);
    let wal = Wal::open(Arc::new(log), clock()).await.unwrap();
    let entries = wal.entries_from(Lsn::ZERO).await.unwrap();
    let records: Vec<Record> = entries.iter().map(|entry| entry.record.clone()).collect();
    assert_eq!(records, content());
    assert_eq!(wal.unknown().unwrap(), []);
}
