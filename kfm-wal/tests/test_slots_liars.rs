//! Stores that break a promise of the log are refused before a log is made in them.
#![cfg(feature = "slots")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use kfm_retry::ManualClock;
use kfm_wal::WalError;
use kfm_wal::conformance::run;
use kfm_wal::slots::probe::{Promise, probe};
use kfm_wal::slots::{Created, MemorySlots, SlotError, SlotLog, SlotOptions, Slots};

/// How a store breaks its promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    None,
    /// The store ignores the condition of a creation.
    Overwrites,
    /// The store looks first and writes then: every so often two creators both succeed.
    Races {
        one_in: u64,
    },
    /// The slot does not hold what was created.
    Mangles,
}

#[derive(Debug, Clone)]
struct Liar {
    lie: Lie,
    held: MemorySlots,
    ground: MemorySlots,
    created: Arc<AtomicU64>,
}

impl Liar {
    fn new(lie: Lie) -> Self {
        let (held, ground) = (MemorySlots::new(), MemorySlots::new());
        Self { lie, held, ground, created: Arc::default() }
    }

    async fn open(&self, rounds: u32) -> Result<(), WalError> {
        let options = SlotOptions::new(Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH)));
        SlotLog::open(Arc::new(self.clone()), options.with_proofs(rounds)).await.map(|_| ())
    }
}

#[async_trait]
impl Slots for Liar {
    async fn create(&self, n: u64, frame: Bytes) -> Result<Created, SlotError> {
        let lies = match self.lie {
            Lie::None => false,
            Lie::Overwrites => true,
            Lie::Races { one_in } => self.created.fetch_add(1, Ordering::Relaxed) % one_in == one_in - 1,
            Lie::Mangles => return self.held.create(n, Bytes::from_static(b"mangled")).await,
        };
        if lies {
            self.held.damage(n, Some(frame));
            return Ok(Created::Made);
        }
        self.held.create(n, frame).await
    }

    async fn read(&self, n: u64) -> Result<Option<Bytes>, SlotError> {
        self.held.read(n).await
    }

    async fn last(&self, from: u64) -> Result<Option<u64>, SlotError> {
        self.held.last(from).await
    }

    fn name(&self, n: u64) -> String {
        self.held.name(n)
    }

    fn place(&self) -> String {
        "liar".to_owned()
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn proving_ground(&self, _: &str) -> Option<Box<dyn Slots>> {
        Some(Box::new(Self { held: self.ground.clone(), ..self.clone() }))
    }
}

fn broken(result: Result<(), WalError>) -> &'static str {
    match result {
        Err(WalError::Unfit { promise, .. }) => promise,
        other => panic!("expected Unfit, got {other:?}"),
    }
}

#[test]
fn a_store_that_ignores_the_condition_of_a_creation_is_refused() {
    run(async {
        let liar = Liar::new(Lie::Overwrites);
        assert_eq!(broken(liar.open(1).await), "create_once");
        assert_eq!(liar.held.last(0).await.unwrap(), None, "nothing was written where the log would be");
    });
}

#[test]
fn a_store_that_mangles_is_refused() {
    run(async { assert_eq!(broken(Liar::new(Lie::Mangles).open(1).await), "keep_what_was_created") });
}

#[test]
fn a_store_that_looks_first_and_writes_then_is_found_by_enough_races() {
    run(async {
        // The lie happens between two creators of a later race.
        let liar = Liar::new(Lie::Races { one_in: 43 });
        assert_eq!(broken(liar.open(16).await), "create_once_among_many");
    });
}

#[test]
fn an_honest_store_is_tried_once_and_then_believed() {
    run(async {
        let honest = Liar::new(Lie::None);
        honest.open(3).await.unwrap();
        let tried = honest.ground.last(0).await.unwrap();
        assert_eq!(tried, Some(4), "one slot without a race, three with one");
        honest.open(3).await.unwrap();
        assert_eq!(honest.ground.last(0).await.unwrap(), tried);
        let format = String::from_utf8_lossy(&honest.held.read(0).await.unwrap().unwrap()).into_owned();
        assert!(format.contains(r#""proofs":3"#), "{format}");
    });
}

#[test]
fn a_store_that_lies_is_found_out_also_by_a_probe_of_a_log_that_is_there() {
    run(async {
        let look = |liar: &Liar, rounds| {
            let options = SlotOptions::new(Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH)));
            probe(Arc::new(liar.clone()), options, rounds)
        };
        let honest = look(&Liar::new(Lie::None), 16).await.unwrap();
        assert_eq!((honest.verdict, honest.rounds, honest.broken), (Promise::Kept, 16, None));
        let liar = Liar::new(Lie::Races { one_in: 43 });
        liar.open(1).await.unwrap();
        let before = liar.held.last(0).await.unwrap();
        let found = look(&liar, 16).await.unwrap();
        assert_eq!(
            (found.verdict, found.broken.as_deref()),
            (Promise::Broken, Some("create_once_among_many"))
        );
        assert_eq!(liar.held.last(0).await.unwrap(), before, "the log is only read");
        let memory = probe(
            Arc::new(MemorySlots::new()),
            SlotOptions::new(Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH))),
            16,
        );
        assert_eq!(memory.await.unwrap().verdict, Promise::BeyondDoubt);
    });
}
