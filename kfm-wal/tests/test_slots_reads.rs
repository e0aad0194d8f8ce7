//! How many requests a look at the log makes, and how many of them are on their way at the same time.
#![cfg(feature = "slots")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

#[path = "common/typed.rs"]
mod typed;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use kfm_retry::ManualClock;
use kfm_wal::conformance::{record, run};
use kfm_wal::local::simulated::SimulatedDisk;
use kfm_wal::log::INDEX;
use kfm_wal::record::{Record, SnapshotRecord};
use kfm_wal::slots::{Created, MemorySlots, Mode, SlotError, SlotLog, SlotOptions, Slots};
use kfm_wal::{Lsn, Snapshots, Wal, WalStore};

/// Slots that count the requests.
#[derive(Debug, Default)]
struct Counting {
    held: MemorySlots,
    reads: AtomicU64,
    lists: AtomicU64,
    at_once: AtomicU64,
    at_once_max: AtomicU64,
}

impl Counting {
    /// Returns how many requests there were since the last call, and how many reads were on their way at
    /// most.
    fn asked(&self) -> (u64, u64) {
        // A read that was dropped is not on its way any more.
        self.at_once.store(0, Ordering::Relaxed);
        let asked = self.reads.swap(0, Ordering::Relaxed) + self.lists.swap(0, Ordering::Relaxed);
        (asked, self.at_once_max.swap(0, Ordering::Relaxed))
    }
}

#[async_trait]
impl Slots for Counting {
    async fn create(&self, n: u64, frame: Bytes) -> Result<Created, SlotError> {
        self.held.create(n, frame).await
    }

    async fn read(&self, n: u64) -> Result<Option<Bytes>, SlotError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let at_once = self.at_once.fetch_add(1, Ordering::Relaxed) + 1;
        self.at_once_max.fetch_max(at_once, Ordering::Relaxed);
        let mut answers = false;
        std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            if std::mem::replace(&mut answers, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        self.at_once.fetch_sub(1, Ordering::Relaxed);
        self.held.read(n).await
    }

    async fn last(&self, from: u64) -> Result<Option<u64>, SlotError> {
        self.lists.fetch_add(1, Ordering::Relaxed);
        self.held.last(from).await
    }

    fn name(&self, n: u64) -> String {
        self.held.name(n)
    }

    fn place(&self) -> String {
        self.held.place()
    }

    fn is_durable(&self) -> bool {
        false
    }

    fn proving_ground(&self, _: &str) -> Option<Box<dyn Slots>> {
        None
    }
}

fn options() -> SlotOptions {
    SlotOptions::new(Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH))).with_mode(Mode::Shared)
}

/// Lets another handle append one slot for each of `records`, and returns the requests of one look at the log
/// after that.
async fn asked_for(slots: &Counting, reader: &SlotLog, records: impl IntoIterator<Item = u64>) -> (u64, u64) {
    let (writer, _) = SlotLog::open(Arc::new(slots.held.clone()), options()).await.unwrap();
    for n in records {
        writer.append(&[record(n)], None).await.unwrap();
    }
    slots.asked();
    let head = reader.head().await.unwrap();
    assert_eq!(head, writer.head().await.unwrap());
    slots.asked()
}

#[test]
fn a_look_asks_for_little_where_little_is_new_and_for_many_slots_at_once_where_many_are() {
    run(async {
        let slots = Arc::new(Counting::default());
        SlotLog::open(Arc::new(slots.held.clone()), options()).await.unwrap();
        let reader = SlotLog::open_read_only(Arc::clone(&slots) as Arc<_>, options()).await.unwrap();
        assert_eq!(asked_for(&slots, &reader, []).await, (1, 1), "nothing is new");
        assert_eq!(asked_for(&slots, &reader, [1]).await, (3, 2), "one slot is new");
        assert_eq!(asked_for(&slots, &reader, [2, 3]).await, (3, 2), "two slots are new");
        let (asked, at_once) = asked_for(&slots, &reader, 10..110).await;
        assert!(at_once == 16 && asked <= 100 + 2 * 16, "{asked} requests, {at_once} at once");
        assert_eq!(reader.scan(Lsn(1), 999).await.unwrap().len(), 103);
    });
}

/// Opens a log as a command does; returns the number of requests, and the position up to which a snapshot
/// served.
async fn opened(slots: &Arc<Counting>, snapshots: &Snapshots) -> (u64, Lsn) {
    slots.asked();
    let log = SlotLog::open_read_only(Arc::clone(slots) as Arc<_>, options()).await.unwrap();
    let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
    let (_, opened) = Wal::open_from(Arc::new(log), clock, snapshots).await.unwrap();
    (slots.asked().0, opened.snapshot)
}

/// A snapshot saves the parsing; the chain is still read as a whole (ADR 0012, what is left open).
#[test]
fn opening_asks_for_every_slot_once_and_little_more_with_a_snapshot_too() {
    const SLOTS: u64 = 1_000;
    run(async {
        let slots = Arc::new(Counting::default());
        let (log, _) = SlotLog::open(Arc::new(slots.held.clone()), options()).await.unwrap();
        let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
        let wal = Wal::open(Arc::new(log), clock).await.unwrap();
        for n in 0..SLOTS {
            wal.append(typed::refusal(n, &n.to_string())).await.unwrap();
        }
        let kept = Snapshots::new("/snapshots", Arc::new(SimulatedDisk::new()));
        let (of, index) = wal.keep_index(&kept).unwrap();
        let states = BTreeMap::from([(INDEX.to_owned(), index)]);
        wal.append(Record::Snapshot(SnapshotRecord { of, states })).await.unwrap();

        let none = Snapshots::new("/snapshots", Arc::new(SimulatedDisk::new()));
        for (snapshots, served) in [(&none, Lsn::ZERO), (&kept, of.lsn)] {
            let (asked, snapshot) = opened(&slots, snapshots).await;
            assert_eq!(snapshot, served);
            assert!((SLOTS..SLOTS + 4 * 16).contains(&asked), "{asked} requests");
        }
    });
}
