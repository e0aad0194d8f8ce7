//! A window that threads share, and the mark that keeps healthy calls away from its lock.
//!
//! `testing/loom/tests/loom_breaker.rs` compiles this file against loom, with [`word`](super::word) beside it.

use std::sync::PoisonError;

use super::atomic::{AtomicU64, Mutex, Ordering};
use super::policy::Opens;
use super::window::{Ended, Window};
use super::word::{Ticket, Word};

/// The calls from which the rate is computed.
///
/// The lock is held for one record: an addition to a ring, or to a sum. A thread that holds it does not wait,
/// does not call other code and allocates no more than the ring.
#[derive(Debug)]
pub(crate) struct Windowed {
    window: Mutex<Window>,
    // The generation, plus one, in which one more healthy call would change nothing, so that it need not take
    // the lock.
    full_of_healthy: AtomicU64,
}

impl Windowed {
    /// Starts with what the caller gives: an empty window, and 0.
    pub(crate) const fn over(window: Mutex<Window>, full_of_healthy: AtomicU64) -> Self {
        Self { window, full_of_healthy }
    }

    /// Records how the call with `ticket` ended; returns the time if the share of bad calls is too high now.
    pub(crate) fn record(
        &self,
        opens: &Opens,
        word: &Word,
        ticket: Ticket,
        ended: Ended,
        now_ms: impl FnOnce() -> u64,
    ) -> Option<u64> {
        let mark = u64::from(ticket.generation()) + 1;
        if !ended.failed && !ended.slow && self.full_of_healthy.load(Ordering::Acquire) == mark {
            return None;
        }
        let now_ms = now_ms();
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        // Checked under the lock: a stale call must not start a window for a generation that is over.
        if !word.is_current(ticket) {
            return None;
        }
        let recorded = window.record(opens, ticket.generation(), ended, now_ms);
        self.full_of_healthy.store(if recorded.full_of_healthy { mark } else { 0 }, Ordering::Release);
        recorded.trips.then_some(now_ms)
    }
}
