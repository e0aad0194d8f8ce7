//! The traps that logs on object stores fell into, each by its name; here a script says what the store
//! answers.
#![cfg(feature = "slots")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use kfm_retry::ManualClock;
use kfm_wal::conformance::{record, run};
use kfm_wal::slots::{Created, MemorySlots, Mode, Patience, SlotError, SlotLog, SlotOptions, Slots};
use kfm_wal::{Damage, Depth, Lsn, WalError, WalStore};

/// What happens to one creation.
#[derive(Debug, Clone, Copy)]
enum Say {
    /// The slot is created, and the answer says that it was taken: the client tried twice.
    DoneAndTaken,
    /// The slot is created, and no answer comes.
    DoneAndSilent,
    /// Nothing is created, and the answer says that the slot was taken: S3's 409.
    UndoneAndTaken,
    /// Nothing is created and no answer comes; the slot is created when the next creation comes.
    Late,
    /// Nothing is created, and the store says so.
    Busy,
    /// Nothing is created, and no answer comes.
    Lost,
    /// No answer comes for minutes, longer than any caller waits; whether the slot is created shows when the
    /// next creation comes.
    Stalled { done: bool },
    /// Another handle's frame gets there first.
    Overtaken,
    /// Another handle's frame gets there first, after this many seconds.
    OvertakenIn { secs: u64 },
}

/// Slots that answer creations by a script, and honestly once the script has ended.
#[derive(Debug)]
struct Scripted {
    held: MemorySlots,
    clock: Arc<ManualClock>,
    script: Mutex<VecDeque<Say>>,
    late: Mutex<Option<(u64, Bytes)>>,
    creations: Mutex<Vec<(u64, Bytes)>>,
    /// How many times a creation is polled before it is done.
    polls: u32,
}

impl Scripted {
    fn new(polls: u32) -> Self {
        let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
        let (held, script) = (MemorySlots::new(), Mutex::default());
        Self { held, clock, script, late: Mutex::default(), creations: Mutex::default(), polls }
    }
}

#[async_trait]
impl Slots for Scripted {
    async fn create(&self, n: u64, frame: Bytes) -> Result<Created, SlotError> {
        let mut polls = self.polls;
        std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            polls = polls.saturating_sub(1);
            if polls == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        self.creations.lock().unwrap().push((n, frame.clone()));
        if let Some((n, frame)) = self.late.lock().unwrap().take() {
            let _ = run(self.held.create(n, frame))?;
        }
        let unknown = || Err(SlotError::Unknown { source: "time-out".into() });
        let say = self.script.lock().unwrap().pop_front();
        match say {
            None => self.held.create(n, frame).await,
            Some(Say::DoneAndTaken) => self.held.create(n, frame).await.map(|_| Created::Taken),
            Some(Say::DoneAndSilent) => self.held.create(n, frame).await.and_then(|_| unknown()),
            Some(Say::UndoneAndTaken) => Ok(Created::Taken),
            Some(Say::Late) => {
                *self.late.lock().unwrap() = Some((n, frame));
                unknown()
            }
            Some(Say::Busy) => Err(SlotError::Busy { source: "429".into() }),
            Some(Say::Lost) => unknown(),
            Some(Say::Stalled { done }) => {
                if done {
                    *self.late.lock().unwrap() = Some((n, frame));
                }
                self.clock.advance(Duration::from_secs(180));
                std::future::pending().await
            }
            Some(say @ (Say::Overtaken | Say::OvertakenIn { .. })) => {
                if let Say::OvertakenIn { secs } = say {
                    self.clock.advance(Duration::from_secs(secs));
                }
                let options = options(60).with_mode(Mode::Shared);
                let (other, _) = SlotLog::open(Arc::new(self.held.clone()), options).await.unwrap();
                other.append(&[record(100 + n)], None).await.unwrap();
                self.held.create(n, frame).await
            }
        }
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
        self.held.place()
    }

    fn is_durable(&self) -> bool {
        false
    }

    fn proving_ground(&self, _: &str) -> Option<Box<dyn Slots>> {
        None
    }
}

fn options(patience_secs: u64) -> SlotOptions {
    options_on(Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH)), patience_secs)
}

fn options_on(clock: Arc<ManualClock>, patience_secs: u64) -> SlotOptions {
    let patience = Patience { total: Duration::from_secs(patience_secs), ..Patience::default() };
    SlotOptions::new(clock).with_patience(patience)
}

/// Opens a log that is there already, and then starts the script.
async fn scripted(script: &[Say], patience_secs: u64, polls: u32) -> (Arc<Scripted>, SlotLog) {
    let slots = Arc::new(Scripted::new(polls));
    let options = options_on(Arc::clone(&slots.clock), patience_secs).with_mode(Mode::Shared);
    let (log, _) = SlotLog::open(Arc::clone(&slots) as Arc<_>, options).await.unwrap();
    slots.creations.lock().unwrap().clear();
    *slots.script.lock().unwrap() = script.iter().copied().collect();
    (slots, log)
}

async fn ids(log: &SlotLog) -> Vec<[u8; 16]> {
    assert!(log.verify(Depth::Chain).await.unwrap().ok);
    log.scan(Lsn(1), 99).await.unwrap().iter().map(|stored| stored.record.op_id).collect()
}

#[test]
fn an_own_success_that_is_heard_as_taken_is_a_success() {
    for say in [Say::DoneAndTaken, Say::DoneAndSilent] {
        run(async {
            let (slots, log) = scripted(&[say], 60, 0).await;
            let appended = log.append(&[record(1)], None).await.unwrap();
            assert!(!appended.already, "{say:?}");
            assert_eq!(slots.creations.lock().unwrap().len(), 1, "{say:?}");
            assert_eq!(ids(&log).await, [record(1).op_id]);
        });
    }
}

#[test]
fn a_409_that_means_try_again_and_a_429_are_no_failures_and_no_losses() {
    run(async {
        let (slots, log) = scripted(&[Say::UndoneAndTaken, Say::Busy, Say::Lost], 60, 0).await;
        assert!(!log.append(&[record(1)], None).await.unwrap().already);
        let creations = slots.creations.lock().unwrap().clone();
        assert_eq!(creations.len(), 4);
        assert!(creations.windows(2).all(|pair| pair[0] == pair[1]), "the same bytes into the same slot");
    });
}

#[test]
fn the_head_does_not_move_on_while_a_put_is_in_flight() {
    run(async {
        // No answer comes as long as the patience lasts; then the put arrives after all.
        let (slots, log) = scripted(&[Say::Lost, Say::Late], 0, 0).await;
        match log.append(&[record(1)], None).await {
            Err(WalError::Unknown { id, .. }) => assert_eq!(id, "01000000000000000000000000000000"),
            other => panic!("expected Unknown, got {other:?}"),
        }
        let refused = log.append(&[record(2)], None).await;
        assert!(matches!(refused, Err(WalError::Io { .. })), "not appended, and said so: {refused:?}");
        assert_eq!(log.append(&[record(2)], None).await.unwrap().first, Lsn(2));
        assert!(log.append(&[record(1)], None).await.unwrap().already);
        assert_eq!(ids(&log).await, [record(1).op_id, record(2).op_id]);
        let slots: Vec<u64> = slots.creations.lock().unwrap().iter().map(|(n, _)| *n).collect();
        assert_eq!(slots, [1, 1, 1, 2]);
    });
}

#[test]
fn a_call_that_is_stalled_is_given_up_in_time_and_its_slot_tells_later() {
    for (done, comes) in [(true, true), (false, true), (false, false)] {
        run(async {
            // The call stalls for minutes with a patience of one minute; the next call finds out what became
            // of it.
            let (slots, log) = scripted(&[Say::Stalled { done }], 60, 0).await;
            let unknown = log.append(&[record(1)], None).await;
            assert!(matches!(unknown, Err(WalError::Unknown { .. })), "done={done}: {unknown:?}");
            let next = if comes { record(1) } else { record(2) };
            let appended = log.append(&[next], None).await.unwrap();
            // The flight that was left is in the log first, and its nonce says whose it is, so it is not
            // appended again.
            let expected = if comes { (Lsn(1), true) } else { (Lsn(2), false) };
            assert_eq!((appended.first, appended.already), expected, "done={done}");
            let creations = slots.creations.lock().unwrap().clone();
            assert_eq!(creations[0], creations[1], "the same bytes into the same slot");
        });
    }
}

#[test]
fn a_store_that_is_busy_for_too_long_has_appended_nothing() {
    run(async {
        let (_, log) = scripted(&[Say::Busy], 0, 0).await;
        assert!(matches!(log.append(&[record(1)], None).await, Err(WalError::Io { .. })));
        assert_eq!(log.append(&[record(2)], None).await.unwrap().first, Lsn(1));
    });
}

#[test]
fn what_is_moved_behind_anothers_frame_is_judged_again() {
    run(async {
        let (_, log) = scripted(&[Say::Overtaken], 60, 0).await;
        let moved = log.append(&[record(1)], Some(Lsn::ZERO)).await;
        assert!(matches!(moved, Err(WalError::Moved { head: Lsn(1) })), "{moved:?}");
        let (_, log) = scripted(&[Say::Overtaken], 60, 0).await;
        let repeat = log.append(&[record(101)], None).await.unwrap();
        assert!(repeat.already, "another host appended the same record meanwhile");
        let (_, log) = scripted(&[Say::Overtaken], 60, 0).await;
        assert_eq!(log.append(&[record(1)], None).await.unwrap().first, Lsn(2));
        assert_eq!(ids(&log).await, [record(101).op_id, record(1).op_id]);
    });
}

#[test]
fn how_often_a_writer_is_overtaken_is_no_reason_to_give_up_and_how_long_is() {
    run(async {
        let (_, log) = scripted(&[Say::Overtaken; 100], 60, 0).await;
        assert_eq!(log.append(&[record(1)], None).await.unwrap().first, Lsn(101));
        // Each try is for another slot, and the total time has a bound.
        let (slots, log) = scripted(&[Say::OvertakenIn { secs: 9 }; 100], 60, 0).await;
        let crowded_out = log.append(&[record(1)], None).await;
        assert!(
            matches!(crowded_out, Err(WalError::Io { .. })),
            "not appended, and said so: {crowded_out:?}"
        );
        let tries = slots.creations.lock().unwrap().len() as u64;
        assert!((2..=60 / 9 + 1).contains(&tries), "{tries} tries");
        assert!(!ids(&log).await.contains(&record(1).op_id));
    });
}

#[test]
fn a_stalled_writer_that_fills_a_deleted_slot_again_is_found_by_a_witness_and_by_whoever_has_seen_the_slot() {
    run(async {
        let (slots, stalled) = scripted(&[], 0, 0).await;
        stalled.append(&[record(1)], None).await.unwrap();
        slots.script.lock().unwrap().push_back(Say::Late);
        let unknown = stalled.append(&[record(2)], None).await;
        assert!(matches!(unknown, Err(WalError::Unknown { .. })), "{unknown:?}");
        let held = || Arc::new(slots.held.clone());
        let (other, _) = SlotLog::open(held(), options(60).with_mode(Mode::Shared)).await.unwrap();
        other.append(&[record(3)], None).await.unwrap();
        let witness = other.head().await.unwrap();

        // No part of this crate frees a slot. Here an operator does, and then the put arrives that was on its
        // way.
        slots.held.damage(2, None);
        stalled.append(&[record(4)], None).await.unwrap();

        // A reader that has not seen the slot cannot know: both logs are sound, and this one is there.
        assert_eq!(ids(&stalled).await, [record(1).op_id, record(2).op_id, record(4).op_id]);
        // A head that was kept elsewhere shows it, and a handle that has seen the slot appends nothing more.
        let report = kfm_wal::slots::verify(held(), options(60), Depth::Chain, Some(&witness)).await.unwrap();
        assert_eq!(report.first_bad.map(|bad| bad.class), Some(Damage::Rewritten));
        let refused = other.append(&[record(5)], None).await;
        assert!(matches!(refused, Err(WalError::Corrupt { class: Damage::ChainBreak, .. })), "{refused:?}");
    });
}

#[test]
fn a_leader_that_is_dropped_leaves_its_frame_to_those_who_wait() {
    run(async {
        let (_, log) = scripted(&[], 60, 5).await;
        let batch = [record(1)];
        let mut leader = log.append(&batch, None);
        let waker = std::task::Waker::noop();
        for _ in 0..3 {
            assert!(leader.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
        }
        drop(leader);
        assert_eq!(log.append(&[record(2)], None).await.unwrap().first, Lsn(2));
        assert_eq!(ids(&log).await, [record(1).op_id, record(2).op_id]);
    });
}

#[test]
fn opening_for_reading_writes_nothing_and_a_log_may_come_later() {
    run(async {
        let slots = Arc::new(Scripted::new(0));
        let reader = SlotLog::open_read_only(Arc::clone(&slots) as Arc<_>, options(60)).await.unwrap();
        assert_eq!(reader.head().await.unwrap().lsn, Lsn::ZERO);
        assert!(matches!(reader.append(&[record(1)], None).await, Err(WalError::ReadOnly)));
        assert!(slots.creations.lock().unwrap().is_empty());
        let (writer, _) = SlotLog::open(Arc::clone(&slots) as Arc<_>, options(60)).await.unwrap();
        writer.append(&[record(1)], None).await.unwrap();
        assert_eq!(ids(&reader).await, [record(1).op_id]);
    });
}

#[test]
fn a_log_that_lost_its_first_slot_is_damaged_and_not_made_anew() {
    run(async {
        let slots = MemorySlots::new();
        let (log, _) = SlotLog::open(Arc::new(slots.clone()), options(60)).await.unwrap();
        log.append(&[record(1)], None).await.unwrap();
        slots.damage(0, None);
        let opened = SlotLog::open(Arc::new(slots.clone()), options(60)).await;
        assert!(matches!(opened, Err(WalError::Corrupt { class: Damage::MissingSegment, .. })), "{opened:?}");
    });
}

#[test]
fn a_hold_that_its_holder_has_fenced_off_is_not_given_back() {
    run(async {
        let (_, log) = scripted(&[], 60, 5).await;
        log.claim("a", Duration::from_secs(30), Duration::ZERO).await.unwrap();
        // The release finds the hold, and then waits behind the fence that ends the hold.
        let (fenced, released) = futures::future::join(log.fence(), log.release()).await;
        fenced.unwrap();
        released.unwrap();
        log.append(&[record(1)], None).await.unwrap();
        assert_eq!(ids(&log).await, [record(1).op_id]);
    });
}
