//! Replay of slots: every record once and in order, and all records before what is damaged or missing.
#![cfg(feature = "slots")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

use std::sync::Arc;
use std::time::SystemTime;

use kfm_retry::ManualClock;
use kfm_wal::conformance::{record, run};
use kfm_wal::slots::{MemorySlots, SlotLog, SlotOptions, Slots, replay};
use kfm_wal::{Damage, Depth, Lsn, StoredRecord, VerifyReport, WalStore};

/// More records than a replay reads at a time.
const RECORDS: u64 = 600;

fn options() -> SlotOptions {
    SlotOptions::new(Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH)))
}

fn replayed(slots: &MemorySlots) -> (Vec<StoredRecord>, VerifyReport) {
    let mut records = Vec::new();
    let report = run(replay(Arc::new(slots.clone()), options(), |stored| records.push(stored)));
    (records, report.unwrap())
}

/// A log of three records a frame, and what a scan shows of it.
fn log(slots: &MemorySlots) -> (SlotLog, Vec<StoredRecord>) {
    let (log, _) = run(SlotLog::open(Arc::new(slots.clone()), options())).unwrap();
    for n in (1..=RECORDS).step_by(3) {
        run(log.append(&[record(n), record(n + 1), record(n + 2)], None)).unwrap();
    }
    let records = run(log.scan(Lsn(1), usize::MAX)).unwrap();
    (log, records)
}

#[test]
fn everything_is_handed_over_once_and_in_order() {
    let slots = MemorySlots::new();
    let (log, expected) = log(&slots);
    let (records, report) = replayed(&slots);
    assert!(records == expected && records.len() as u64 == RECORDS);
    assert_eq!(report, run(log.verify(Depth::Chain)).unwrap());
    assert_eq!(replayed(&MemorySlots::new()).0, []);
}

#[test]
fn what_is_damaged_or_missing_is_named_and_all_before_it_handed_over() {
    let slots = MemorySlots::new();
    let (_, expected) = log(&slots);
    let last = run(slots.last(0)).unwrap().unwrap();
    for (class, hit) in [(Damage::BitRot, 150), (Damage::MissingSegment, 151), (Damage::BitRot, 2)] {
        let broken = MemorySlots::new();
        for n in 0..=last {
            let mut bytes = run(slots.read(n)).unwrap().unwrap().to_vec();
            if n == hit {
                if class == Damage::MissingSegment {
                    continue;
                }
                bytes[200] ^= 1;
            }
            run(broken.create(n, bytes.into())).unwrap();
        }
        let (records, report) = replayed(&broken);
        let bad = report.first_bad.expect("damage");
        assert_eq!((bad.class, bad.segment.as_str()), (class, slots.name(hit).as_str()));
        assert!(records == expected[..records.len()] && records.len() as u64 + 1 == bad.lsn.0, "{bad:?}");
    }
}
