//! How many requests a look at the log costs, and how many of them are on their way at once.
#![cfg(feature = "slots")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use kfm_retry::ManualClock;
use kfm_wal::conformance::{record, run};
use kfm_wal::slots::{Created, MemorySlots, Mode, SlotError, SlotLog, SlotOptions, Slots};
use kfm_wal::{Lsn, WalStore};

/// Slots that count what is asked of them.
#[derive(Debug, Default)]
struct Counting {
    held: MemorySlots,
    reads: AtomicU64,
    lists: AtomicU64,
    at_once: AtomicU64,
    at_once_max: AtomicU64,
}

impl Counting {
    /// Returns how often something was asked since the last look, and how many reads were on their way at most.
    fn asked(&self) -> (u64, u64) {
        // A read that was dropped is on its way no more.
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

/// Lets another handle append one slot for each of `records`, and returns what one look at the log then asked.
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
