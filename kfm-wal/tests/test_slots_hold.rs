//! Two hosts and one log: claims, leases, and what each host is told.
#![cfg(feature = "slots")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kfm_retry::ManualClock;
use kfm_wal::conformance::{record, run};
use kfm_wal::slots::{MemorySlots, SlotLog, SlotOptions};
use kfm_wal::{Depth, Lsn, WalError, WalStore};

const LEASE: Duration = Duration::from_secs(30);
const NOW: Duration = Duration::ZERO;

/// Two hosts, each with a clock of its own, at one log.
struct Hosts {
    slots: MemorySlots,
    clock: Arc<ManualClock>,
}

impl Hosts {
    fn new() -> Self {
        Self { slots: MemorySlots::new(), clock: Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH)) }
    }

    async fn open(&self) -> SlotLog {
        let options = SlotOptions::new(Arc::clone(&self.clock) as Arc<_>);
        SlotLog::open(Arc::new(self.slots.clone()), options).await.unwrap().0
    }
}

fn assert_locked(result: Result<u64, WalError>, by: &str) {
    match result {
        Err(WalError::Locked { holder }) => assert_eq!(holder, by),
        other => panic!("expected Locked by {by}, got {other:?}"),
    }
}

#[test]
fn a_second_claim_is_refused_and_told_who_holds_the_log() {
    run(async {
        let hosts = Hosts::new();
        let (one, two) = (hosts.open().await, hosts.open().await);
        one.claim("host=a pid=1", LEASE, NOW).await.unwrap();
        assert_locked(two.claim("host=b pid=2", LEASE, NOW).await, "host=a pid=1");
        let late = hosts.open().await;
        assert_locked(late.append(&[record(1)], None).await.map(|_| 0), "host=a pid=1");
        one.append(&[record(1)], None).await.unwrap();
        assert_eq!(two.holder().await.unwrap().unwrap().holder, "host=a pid=1");
        assert_eq!(two.head().await.unwrap().lsn, Lsn(1));
    });
}

#[test]
fn a_released_log_is_free_at_once() {
    run(async {
        let hosts = Hosts::new();
        let (one, two) = (hosts.open().await, hosts.open().await);
        let first = one.claim("a", LEASE, NOW).await.unwrap();
        one.release().await.unwrap();
        assert_eq!(two.holder().await.unwrap(), None);
        assert!(two.claim("b", LEASE, NOW).await.unwrap() > first);
        one.release().await.unwrap();
        assert_eq!(one.holder().await.unwrap().unwrap().holder, "b", "a host gives back only its own hold");
    });
}

#[test]
fn who_held_the_log_when_a_record_was_appended_is_told_for_ever() {
    run(async {
        let hosts = Hosts::new();
        let one = hosts.open().await;
        one.append(&[record(1)], None).await.unwrap();
        one.claim("one", LEASE, NOW).await.unwrap();
        one.append(&[record(2), record(3)], None).await.unwrap();
        hosts.clock.advance(LEASE / 2);
        one.renew().await.unwrap();
        one.append(&[record(4)], None).await.unwrap();
        one.release().await.unwrap();
        let two = hosts.open().await;
        two.append(&[record(5)], None).await.unwrap();
        two.claim("two", LEASE, NOW).await.unwrap();
        two.append(&[record(6)], None).await.unwrap();
        two.release().await.unwrap();
        // Read through a handle that saw it happen, and through one that is opened later.
        for log in [one, hosts.open().await] {
            log.head().await.unwrap();
            let held = log.held_at((1..=7).map(Lsn)).await.unwrap();
            let told: Vec<(u64, &str)> = held.iter().map(|(lsn, held)| (lsn.0, &held.holder[..])).collect();
            assert_eq!(told, [(2, "one"), (3, "one"), (4, "one"), (6, "two")]);
        }
    });
}

#[test]
fn a_silent_holder_is_followed_after_its_lease_and_writes_nothing_when_it_wakes_up() {
    run(async {
        let hosts = Hosts::new();
        let (paused, heir) = (hosts.open().await, hosts.open().await);
        paused.claim("paused", LEASE, NOW).await.unwrap();
        paused.append(&[record(1)], None).await.unwrap();
        assert_locked(heir.claim("heir", LEASE, LEASE / 2).await, "paused");
        // Half of the lease has passed already without a frame.
        let epoch = heir.claim("heir", LEASE, LEASE).await.unwrap();
        heir.append(&[record(2)], None).await.unwrap();

        match paused.append(&[record(3)], None).await {
            Err(WalError::Fenced { epoch: by }) => assert_eq!(by, epoch),
            other => panic!("expected Fenced, got {other:?}"),
        }
        for told in [paused.still_mine().await, paused.renew().await] {
            assert!(matches!(told, Err(WalError::Fenced { .. })), "{told:?}");
        }
        paused.release().await.unwrap();
        heir.still_mine().await.unwrap();
        let ids: Vec<_> = heir.scan(Lsn(1), 9).await.unwrap().iter().map(|r| r.record.op_id).collect();
        assert_eq!(ids, [record(1).op_id, record(2).op_id]);
        assert!(heir.verify(Depth::Chain).await.unwrap().ok);
    });
}

#[test]
fn a_paused_holder_learns_of_its_heir_before_it_acts() {
    run(async {
        let hosts = Hosts::new();
        let (paused, heir) = (hosts.open().await, hosts.open().await);
        paused.claim("paused", LEASE, NOW).await.unwrap();
        paused.still_mine().await.unwrap();
        heir.claim("heir", LEASE, LEASE * 2).await.unwrap();
        assert!(matches!(paused.still_mine().await, Err(WalError::Fenced { .. })));
    });
}

#[test]
fn a_holder_that_renews_is_not_followed_and_renews_no_more_than_it_must() {
    run(async {
        let hosts = Hosts::new();
        let (one, two) = (hosts.open().await, hosts.open().await);
        one.claim("a", LEASE, NOW).await.unwrap();
        let frames = one.verify(Depth::Crc).await.unwrap().frames;
        for second in 0..120 {
            hosts.clock.advance(Duration::from_secs(1));
            one.renew().await.unwrap();
            if second % 7 == 0 {
                assert_locked(two.claim("b", LEASE, NOW).await, "a");
            }
        }
        let renewed = one.verify(Depth::Crc).await.unwrap().frames - frames;
        assert_eq!(renewed, 12, "one in ten seconds, for a lease of thirty");
        one.append(&[record(1)], None).await.unwrap();
        one.renew().await.unwrap();
        assert_eq!(
            one.verify(Depth::Crc).await.unwrap().frames,
            frames + renewed + 1,
            "an append says it too"
        );
    });
}

#[test]
fn a_holder_that_appends_is_not_followed() {
    run(async {
        let hosts = Hosts::new();
        let (one, two) = (hosts.open().await, hosts.open().await);
        one.claim("a", LEASE, NOW).await.unwrap();
        for n in 1..9 {
            hosts.clock.advance(LEASE / 2);
            one.append(&[record(n)], None).await.unwrap();
            assert_locked(two.claim("b", LEASE, NOW).await, "a");
        }
    });
}

#[test]
fn of_two_heirs_one_claims_and_the_other_is_told() {
    run(async {
        let hosts = Hosts::new();
        let (dead, one, two) = (hosts.open().await, hosts.open().await, hosts.open().await);
        dead.claim("dead", LEASE, NOW).await.unwrap();
        for heir in [&one, &two] {
            assert_locked(heir.claim("early", LEASE, NOW).await, "dead");
        }
        hosts.clock.advance(LEASE);
        one.claim("one", LEASE, NOW).await.unwrap();
        assert_locked(two.claim("two", LEASE, NOW).await, "one");
    });
}

#[test]
fn a_fence_ends_a_claim_by_force() {
    run(async {
        let hosts = Hosts::new();
        let (one, two) = (hosts.open().await, hosts.open().await);
        one.claim("a", LEASE, NOW).await.unwrap();
        two.fence().await.unwrap();
        assert_eq!(two.holder().await.unwrap(), None);
        two.append(&[record(1)], None).await.unwrap();
        assert!(matches!(one.append(&[record(2)], None).await, Err(WalError::Fenced { .. })));
    });
}

#[test]
fn a_claim_outlives_the_handle_and_a_reader_sees_it() {
    run(async {
        let hosts = Hosts::new();
        hosts.open().await.claim("host=a\nevil", LEASE, NOW).await.unwrap();
        let options = SlotOptions::new(Arc::clone(&hosts.clock) as Arc<_>);
        let reader = SlotLog::open_read_only(Arc::new(hosts.slots.clone()), options).await.unwrap();
        let holder = reader.holder().await.unwrap().unwrap();
        assert_eq!((holder.holder.as_str(), holder.lease()), ("host=aevil", LEASE));
        assert!(matches!(reader.claim("b", LEASE, NOW).await, Err(WalError::ReadOnly)));
    });
}
