//! All interleavings of up to three threads on the word of the breaker, and on its window.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test -p kfm-loom --release --target-dir target/loom --test loom_breaker
//! ```
#![cfg(loom)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what failed by panicking")]
#![allow(unexpected_cfgs, reason = "features of the crate that the files belong to")]

use loom::sync::Arc;
use loom::thread;

mod atomic {
    pub(super) use loom::sync::Mutex;
    pub(super) use loom::sync::atomic::{AtomicU64, Ordering};
}

mod backoff {
    /// No policy in this test is made with a `Duration`.
    pub(super) const fn millis(_: std::time::Duration) -> u32 {
        0
    }
}

#[path = "../../../kfm-retry/src/breaker/policy.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "these files stand here by themselves, without the crate that uses them"
)]
mod policy;

#[path = "../../../kfm-retry/src/breaker/word.rs"]
#[allow(dead_code, unreachable_pub, reason = "as above")]
mod word;

#[path = "../../../kfm-retry/src/breaker/window.rs"]
#[allow(dead_code, reason = "as above")]
mod window;

#[path = "../../../kfm-retry/src/breaker/windowed.rs"]
#[allow(dead_code, reason = "as above")]
mod windowed;

use policy::{Opens, Rate};
use window::{Ended, Window};
use windowed::Windowed;
use word::{Rules, State, Ticket, Word};

const RULES: Rules =
    Rules { history: 2, failures: 2, cooldown_ms: 100, cooldown_max_ms: 100, growth: 1, lease_ms: 50 };

fn rules() -> Rules {
    RULES
}

fn open_breaker() -> Arc<Word> {
    let word = Word::over(atomic::AtomicU64::new(0));
    for _ in 0..2 {
        let ticket = word.admit(rules, || 0).expect("closed");
        word.failed(&RULES, ticket, 0);
    }
    assert_eq!(word.state(), State::Open);
    Arc::new(word)
}

#[test]
fn one_of_three_callers_is_the_probe() {
    loom::model(|| {
        let word = open_breaker();
        let others: Vec<_> = (0..2)
            .map(|_| {
                let word = Arc::clone(&word);
                thread::spawn(move || usize::from(word.admit(rules, || 100).is_ok()))
            })
            .collect();
        let mut admitted = usize::from(word.admit(rules, || 100).is_ok());
        admitted += others.into_iter().map(|other| other.join().expect("no panic")).sum::<usize>();
        assert_eq!(admitted, 1);
    });
}

#[test]
fn one_of_three_failures_opens_and_hears_of_it() {
    loom::model(|| {
        let word = Arc::new(Word::over(atomic::AtomicU64::new(0)));
        let tickets: Vec<_> = (0..3).map(|_| word.admit(rules, || 0).expect("closed")).collect();
        let threads: Vec<_> = tickets
            .into_iter()
            .map(|ticket| {
                let word = Arc::clone(&word);
                move || usize::from(word.failed(&RULES, ticket, 0).is_some())
            })
            .collect();
        let mut threads = threads.into_iter();
        let here = threads.next().expect("three");
        let there: Vec<_> = threads.map(thread::spawn).collect();
        let mut events = here();
        events += there.into_iter().map(|other| other.join().expect("no panic")).sum::<usize>();
        assert_eq!(events, 1);
        assert_eq!(word.state(), State::Open);
    });
}

#[test]
fn a_stale_success_never_decides_over_a_failing_probe() {
    loom::model(|| {
        let word = Arc::new(Word::over(atomic::AtomicU64::new(0)));
        let stale = word.admit(rules, || 0).expect("closed");
        for _ in 0..2 {
            let ticket = word.admit(rules, || 0).expect("closed");
            word.failed(&RULES, ticket, 0);
        }
        let other = {
            let word = Arc::clone(&word);
            thread::spawn(move || word.succeeded(rules, stale))
        };
        let probe = word.admit(rules, || 100).expect("the cool-down is over");
        let change = word.failed(&RULES, probe, 100);
        assert_eq!(other.join().expect("no panic"), None);
        assert!(change.is_some_and(|change| change.to == State::Open));
        assert_eq!(word.state(), State::Open);
    });
}

#[test]
fn a_cancelled_probe_and_its_successor_do_not_both_run_in_one_generation() {
    loom::model(|| {
        let word = open_breaker();
        let probe = word.admit(rules, || 100).expect("the cool-down is over");
        let canceller = {
            let word = Arc::clone(&word);
            thread::spawn(move || word.give_back(probe).is_some())
        };
        let second = word.admit(rules, || 100).ok();
        let given_back = canceller.join().expect("no panic");
        assert!(given_back);
        if let Some(second) = second {
            assert_ne!(second, probe);
            assert!(word.succeeded(rules, probe).is_none(), "the cancelled probe has no say");
            assert!(word.succeeded(rules, second).is_some());
        }
    });
}

#[test]
fn the_lease_of_a_hung_probe_goes_to_one() {
    loom::model(|| {
        let word = open_breaker();
        let hung = word.admit(rules, || 100).expect("the cool-down is over");
        let other = {
            let word = Arc::clone(&word);
            thread::spawn(move || word.admit(rules, || 150).is_ok())
        };
        let here = word.admit(rules, || 150).is_ok();
        let there = other.join().expect("no panic");
        assert!(here ^ there);
        assert!(word.failed(&RULES, hung, 150).is_none());
        assert_eq!(word.state(), State::HalfOpen);
    });
}

#[test]
fn isolating_wins_over_every_result() {
    loom::model(|| {
        let word = open_breaker();
        let probe = word.admit(rules, || 100).expect("the cool-down is over");
        let other = {
            let word = Arc::clone(&word);
            thread::spawn(move || word.succeeded(rules, probe))
        };
        assert!(word.isolate().is_some());
        other.join().expect("no panic");
        assert_eq!(word.state(), State::Isolated);
        assert!(word.admit(rules, || u64::MAX).is_err());
    });
}

/// A closed breaker over a window of two calls.
struct Pair {
    opens: Opens,
    word: Word,
    window: Windowed,
}

const BOTH: Opens = of_two(100);
const ONE: Opens = of_two(50);

const fn of_two(failed_percent: u8) -> Opens {
    Opens::CountWindow { calls: 2, rate: Rate { calls_min: 2, failed_percent, slow: None } }
}

impl Pair {
    /// Makes a pair that has seen this many healthy calls; after two the mark is set.
    fn after(healthy: usize, opens: Opens) -> Arc<Self> {
        let window = atomic::Mutex::new(Window::new());
        let pair = Arc::new(Self {
            opens,
            word: Word::over(atomic::AtomicU64::new(0)),
            window: Windowed::over(window, atomic::AtomicU64::new(0)),
        });
        (0..healthy).for_each(|_| assert!(!pair.end(pair.ticket(), false)));
        pair
    }

    fn ticket(&self) -> Ticket {
        self.word.admit(rules, || 0).expect("closed")
    }

    /// Ends a call as the breaker does; returns whether this opened the breaker.
    fn end(&self, ticket: Ticket, failed: bool) -> bool {
        let ended = Ended { failed, slow: false };
        let trips = self.window.record(&self.opens, &self.word, ticket, ended, || 0);
        trips.is_some_and(|at_ms| self.word.trip(&RULES, ticket, at_ms).is_some())
    }
}

#[test]
fn two_failures_at_once_fill_a_window_of_two_and_one_opens() {
    loom::model(|| {
        let pair = Pair::after(2, BOTH);
        let tickets = [pair.ticket(), pair.ticket()];
        let other = {
            let pair = Arc::clone(&pair);
            thread::spawn(move || usize::from(pair.end(tickets[0], true)))
        };
        let opened = usize::from(pair.end(tickets[1], true));
        assert_eq!(opened + other.join().expect("no panic"), 1);
        assert_eq!(pair.word.state(), State::Open);
    });
}

#[test]
fn a_healthy_call_never_hides_a_failure_from_the_next() {
    loom::model(|| {
        let pair = Pair::after(2, BOTH);
        let tickets = [pair.ticket(), pair.ticket()];
        let healthy = {
            let pair = Arc::clone(&pair);
            thread::spawn(move || pair.end(tickets[0], false))
        };
        assert!(!pair.end(tickets[1], true), "one of two is not all");
        assert!(!healthy.join().expect("no panic"));
        // Whichever thread was first, the failure is in the window, or the healthy call after it pushed it
        // out: two more failures open the breaker in any case, and one more opens it if the failure was the
        // last call that it saw.
        let first = pair.end(pair.ticket(), true);
        assert!(first || pair.end(pair.ticket(), true));
        assert_eq!(pair.word.state(), State::Open);
    });
}

#[test]
fn a_failure_is_pushed_out_by_the_healthy_calls_after_it() {
    loom::model(|| {
        let pair = Pair::after(1, BOTH);
        let tickets = [pair.ticket(), pair.ticket()];
        let healthy = {
            let pair = Arc::clone(&pair);
            thread::spawn(move || pair.end(tickets[0], false))
        };
        assert!(!pair.end(tickets[1], true));
        assert!(!healthy.join().expect("no panic"));
        (0..2).for_each(|_| assert!(!pair.end(pair.ticket(), false)));
        assert!(!pair.end(pair.ticket(), true), "the last two were healthy");
    });
}

#[test]
fn a_window_that_is_reset_by_hand_counts_every_call_that_follows() {
    loom::model(|| {
        let pair = Pair::after(2, ONE);
        let stale = pair.ticket();
        let other = {
            let pair = Arc::clone(&pair);
            thread::spawn(move || pair.end(stale, true))
        };
        pair.word.reset();
        // The mark from before the reset belongs to a generation that is over, and so does the failure.
        assert!(!pair.end(pair.ticket(), false));
        assert!(pair.end(pair.ticket(), true), "one of two has failed");
        other.join().expect("no panic");
    });
}
