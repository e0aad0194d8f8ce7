//! The breaker's windows, generations, probe and manual switches, without any clock.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what failed by panicking")]

use std::time::Duration;

use kfm_retry::breaker::{Breaker, BreakerPolicy, Opens, Rate, SlowCalls, State, Ticket};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> impl Fn() -> Duration {
    move || Duration::from_secs(seconds)
}

fn succeed(breaker: &Breaker, seconds: u64) {
    let ticket = breaker.admit(at(seconds)).unwrap();
    breaker.succeeded(ticket, Some(Duration::ZERO), at(seconds));
}

fn fail(breaker: &Breaker, seconds: u64) {
    let ticket = breaker.admit(at(seconds)).unwrap();
    breaker.failed(ticket, Some(Duration::ZERO), at(seconds));
}

fn opened(policy: BreakerPolicy, seconds: u64) -> Breaker {
    let breaker = Breaker::new("peer", policy);
    (0..3).for_each(|_| fail(&breaker, seconds));
    assert_eq!(breaker.state(), State::Open);
    breaker
}

#[test]
fn only_failures_in_a_row_open_it() {
    let breaker = Breaker::new("peer", BreakerPolicy::kfm());
    for _ in 0..10 {
        fail(&breaker, 0);
        fail(&breaker, 0);
        succeed(&breaker, 0);
    }
    assert_eq!(breaker.state(), State::Closed);
    (0..3).for_each(|_| fail(&breaker, 0));
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn of_a_hundred_callers_after_the_cooldown_one_is_let_through() {
    let breaker = opened(BreakerPolicy::kfm(), 0);
    let admitted = (0..100).filter(|_| breaker.admit(at(300)).is_ok()).count();
    assert_eq!(admitted, 1);
}

#[test]
fn a_success_from_before_the_opening_does_not_close_it() {
    let breaker = Breaker::new("peer", BreakerPolicy::kfm());
    let early = breaker.admit(at(0)).unwrap();
    (0..3).for_each(|_| fail(&breaker, 0));
    let probe = breaker.admit(at(300)).unwrap();
    assert!(probe.is_probe());

    assert_eq!(breaker.succeeded(early, None, at(300)), None);
    assert_eq!(breaker.state(), State::HalfOpen);
    assert!(breaker.failed(probe, None, at(300)).is_some());
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_failure_from_before_the_opening_does_not_open_it_again() {
    let breaker = Breaker::new("peer", BreakerPolicy::kfm());
    let stale: Vec<Ticket> = (0..5).map(|_| breaker.admit(at(0)).unwrap()).collect();
    (0..3).for_each(|_| fail(&breaker, 0));
    let probe = breaker.admit(at(300)).unwrap();
    breaker.succeeded(probe, None, at(300));
    for ticket in stale {
        assert_eq!(breaker.failed(ticket, None, at(301)), None);
    }
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_hung_probe_loses_its_lease_to_the_next_caller() {
    let breaker = opened(BreakerPolicy::kfm().probe_lease(10 * SECOND), 0);
    let hung = breaker.admit(at(300)).unwrap();
    assert_eq!(breaker.admit(at(309)).unwrap_err().retry_in, Some(SECOND));

    let second = breaker.admit(at(310)).unwrap();

    assert_eq!(breaker.failed(hung, None, at(311)), None, "the hung probe has no say any more");
    breaker.succeeded(second, None, at(311));
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_cancelled_probe_is_given_back_at_once() {
    let breaker = opened(BreakerPolicy::kfm(), 0);
    let probe = breaker.admit(at(300)).unwrap();
    breaker.cancelled(probe, Duration::from_millis(10), at(300));
    assert_eq!(breaker.state(), State::Open, "it does not count as a success");
    assert!(breaker.admit(at(300)).unwrap().is_probe());
}

#[test]
fn calls_that_hang_and_are_dropped_open_it() {
    let breaker = Breaker::new("peer", BreakerPolicy::kfm());
    for _ in 0..3 {
        let ticket = breaker.admit(at(0)).unwrap();
        breaker.cancelled(ticket, 5 * SECOND, at(5));
    }
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn the_open_time_grows_to_its_maximum_and_starts_anew_after_a_success() {
    let breaker = opened(BreakerPolicy::kfm().cooldown(10 * SECOND).growing(2, 30 * SECOND), 0);
    let mut now = 10;
    for open_s in [20, 30, 30] {
        let probe = breaker.admit(at(now)).unwrap();
        breaker.failed(probe, None, at(now));
        assert_eq!(breaker.admit(at(now)).unwrap_err().retry_in, Some(open_s * SECOND));
        now += u64::from(open_s);
    }
    let probe = breaker.admit(at(now)).unwrap();
    breaker.succeeded(probe, None, at(now));
    (0..3).for_each(|_| fail(&breaker, now));
    assert_eq!(breaker.admit(at(now)).unwrap_err().retry_in, Some(10 * SECOND));
}

#[test]
fn an_isolated_breaker_stays_open_until_it_is_reset() {
    let breaker = Breaker::new("peer", BreakerPolicy::kfm());
    let running = breaker.admit(at(0)).unwrap();
    assert!(breaker.isolate().is_some());
    assert_eq!(breaker.admit(at(1_000_000)).unwrap_err().retry_in, None);
    breaker.succeeded(running, None, at(1));
    assert_eq!(breaker.state(), State::Isolated);
    assert!(breaker.reset().is_some());
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_count_window_slides_after_any_number_of_successes() {
    let rate = Rate { calls_min: 10, failed_percent: 50, slow: None };
    for successes in [0, 100, 100_000] {
        let breaker =
            Breaker::new("peer", BreakerPolicy::kfm().opens(Opens::CountWindow { calls: 100, rate }));
        (0..successes).for_each(|_| succeed(&breaker, 0));
        let failures = (1..=100).find(|_| {
            fail(&breaker, 0);
            breaker.state() == State::Open
        });
        assert_eq!(failures, Some(if successes == 0 { 10 } else { 50 }), "after {successes} successes");
    }
}

#[test]
fn a_time_window_forgets_what_is_older() {
    let rate = Rate { calls_min: 4, failed_percent: 50, slow: None };
    let breaker =
        Breaker::new("peer", BreakerPolicy::kfm().opens(Opens::TimeWindow { window_ms: 10_000, rate }));
    (0..3).for_each(|_| fail(&breaker, 0));
    (0..3).for_each(|_| fail(&breaker, 11));
    assert_eq!(breaker.state(), State::Closed, "three and three, but never four within ten seconds");
    fail(&breaker, 12);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn too_many_slow_calls_open_it() {
    let slow = Some(SlowCalls { slower_than_ms: 1_000, slow_percent: 50 });
    let rate = Rate { calls_min: 4, failed_percent: 100, slow };
    let breaker = Breaker::new("peer", BreakerPolicy::kfm().opens(Opens::CountWindow { calls: 10, rate }));
    for ran in [0, 2, 0, 2] {
        let ticket = breaker.admit(at(0)).unwrap();
        breaker.succeeded(ticket, Some(ran * SECOND), at(0));
    }
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_window_that_was_reset_by_hand_is_empty() {
    let rate = Rate { calls_min: 10, failed_percent: 50, slow: None };
    let breaker = Breaker::new("peer", BreakerPolicy::kfm().opens(Opens::CountWindow { calls: 10, rate }));
    (0..50).for_each(|_| succeed(&breaker, 0));
    breaker.reset();
    (0..10).for_each(|_| fail(&breaker, 0));
    assert_eq!(breaker.state(), State::Open);
}

/// What a caller does with a breaker at one moment.
#[derive(Debug, Clone, Copy)]
enum Act {
    Admit,
    Succeed,
    Fail,
    Cancel,
    Wait(u16),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => Just(Act::Admit),
        2 => Just(Act::Succeed),
        2 => Just(Act::Fail),
        1 => Just(Act::Cancel),
        1 => (1_u16..400).prop_map(Act::Wait),
    ];
    proptest::collection::vec(act, 1..200)
}

proptest! {
    /// Whatever callers do, at most one probe of a half-open breaker is running within a lease.
    #[test]
    fn there_is_never_a_second_probe_within_a_lease(acts in acts()) {
        let breaker = Breaker::new("peer", BreakerPolicy::kfm().probe_lease(60 * SECOND));
        let (mut now, mut out) = (0, Vec::new());
        let mut probe: Option<(Ticket, u64)> = None;
        for act in acts {
            match act {
                Act::Wait(seconds) => now += u64::from(seconds),
                Act::Admit => if let Ok(ticket) = breaker.admit(at(now)) {
                    if ticket.is_probe() {
                        prop_assert!(probe.is_none_or(|(_, since)| now >= since + 60), "two probes at {now}");
                        probe = Some((ticket, now));
                    }
                    out.push(ticket);
                },
                Act::Succeed | Act::Fail | Act::Cancel => if let Some(ticket) = out.pop() {
                    match act {
                        Act::Succeed => breaker.succeeded(ticket, None, at(now)),
                        Act::Fail => breaker.failed(ticket, None, at(now)),
                        _ => breaker.cancelled(ticket, Duration::ZERO, at(now)),
                    };
                    probe = probe.filter(|(out, _)| *out != ticket);
                },
            }
        }
    }
}
