//! Looking into slots shows what lies there, also in a log that does not open any more.
#![cfg(feature = "slots")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use kfm_retry::ManualClock;
use kfm_wal::conformance::{record, run};
use kfm_wal::inspect::Inspection;
use kfm_wal::slots::{MemorySlots, Mode, SlotLog, SlotOptions, Slots, inspect};
use kfm_wal::{Lsn, WalError, WalStore};

fn options() -> SlotOptions {
    SlotOptions::new(Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH)))
}

/// Makes a log of a claim, three records in two frames, and the release of the claim.
fn log(slots: &MemorySlots) {
    let (log, _) = run(SlotLog::open(Arc::new(slots.clone()), options().with_mode(Mode::Shared))).unwrap();
    run(log.claim("anna on a", Duration::from_secs(30), Duration::ZERO)).unwrap();
    run(log.append(&[record(1), record(2)], None)).unwrap();
    run(log.append(&[record(3)], None)).unwrap();
    run(log.release()).unwrap();
}

fn look(slots: &MemorySlots) -> Inspection {
    run(inspect(Arc::new(slots.clone()), options())).unwrap()
}

/// Copies all slots, each as `change` returns it.
fn changed(slots: &MemorySlots, change: impl Fn(u64, Bytes) -> Option<Bytes>) -> MemorySlots {
    let copy = MemorySlots::new();
    for n in 0..=run(slots.last(0)).unwrap().unwrap() {
        if let Some(bytes) = change(n, run(slots.read(n)).unwrap().unwrap()) {
            run(copy.create(n, bytes)).unwrap();
        }
    }
    copy
}

#[test]
fn every_slot_is_listed_with_its_frame_and_what_it_says_of_itself() {
    let slots = MemorySlots::new();
    log(&slots);
    let seen = look(&slots);
    let frames: Vec<_> = seen.segments.iter().map(|slot| &slot.frames[0]).collect();
    let said: Vec<_> = frames.iter().map(|frame| (frame.kind.as_str(), frame.first, frame.count)).collect();
    let expected = [("segment", 1, 0), ("fence", 1, 0), ("data", 1, 2), ("data", 3, 1), ("hold", 4, 0)];
    assert_eq!(said, expected.map(|(kind, first, count)| (kind, Lsn(first), count)));
    assert!(seen.segments.iter().all(|slot| slot.frames.len() == 1 && slot.stray_bytes == 0));
    assert_eq!(frames[0].account.as_ref().unwrap()["format"], "kfm-wal on slots");
    assert!(frames[1].account.as_ref().unwrap().to_string().contains("anna on a"));
    assert_eq!(frames[2].account, None);
}

#[test]
fn what_is_missing_or_damaged_hides_nothing_behind_it() {
    let slots = MemorySlots::new();
    log(&slots);
    let broken = changed(&slots, |n, bytes| match n {
        1 => None,
        2 => {
            let mut bytes = bytes.to_vec();
            bytes[200] ^= 1;
            Some(bytes.into())
        }
        _ => Some(bytes),
    });
    let opened = run(SlotLog::open_read_only(Arc::new(broken.clone()), options()));
    assert!(matches!(opened, Err(WalError::Corrupt { .. })), "{opened:?}");

    let (whole, seen) = (look(&slots).segments, look(&broken).segments);
    assert_eq!((seen.len(), &seen[0], &seen[3..]), (whole.len(), &whole[0], &whole[3..]));
    assert_eq!((seen[1].bytes, seen[1].frames.len(), &seen[1].name), (0, 0, &whole[1].name));
    assert_eq!((seen[2].bytes, seen[2].frames.len()), (whole[2].bytes, 0));
    assert!(seen[2].stray_bytes > 0);
}

#[test]
fn where_no_log_is_there_is_nothing() {
    assert_eq!(look(&MemorySlots::new()), Inspection { segments: Vec::new(), quarantined: Vec::new() });
}
