//! What a breaker remembers of the last calls: a number of calls, or a span of time.

use std::collections::VecDeque;

use super::policy::{Opens, Rate};

const TENTHS: usize = 10;

/// How one call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) failed: bool,
    pub(super) slow: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    calls: u32,
    failed: u32,
    slow: u32,
}

impl Tally {
    fn add(&mut self, ended: Ended) {
        self.calls += 1;
        self.failed += u32::from(ended.failed);
        self.slow += u32::from(ended.slow);
    }

    fn remove(&mut self, ended: Ended) {
        self.calls -= 1;
        self.failed -= u32::from(ended.failed);
        self.slow -= u32::from(ended.slow);
    }

    fn is_too_high(&self, rate: &Rate) -> bool {
        let reaches = |count: u32, percent: u8| {
            count > 0 && u64::from(count) * 100 >= u64::from(self.calls) * u64::from(percent)
        };
        self.calls >= u32::from(rate.calls_min.max(1))
            && (reaches(self.failed, rate.failed_percent)
                || rate.slow.is_some_and(|slow| reaches(self.slow, slow.slow_percent)))
    }
}

/// The calls of one generation of a closed breaker.
#[derive(Debug)]
pub(super) struct Window {
    generation: u16,
    /// The sums over all calls in the window.
    tally: Tally,
    /// For a window by number: every call, the oldest first; never longer than the policy says.
    calls: VecDeque<Ended>,
    /// For a window by time: the tenths of the window, each with its number since the clock's origin.
    tenths: [(u64, Tally); TENTHS],
}

/// What a record did to a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Recorded {
    /// Whether the share of bad calls is too high.
    pub(super) trips: bool,
    /// Whether one more healthy call would change nothing.
    pub(super) full_of_healthy: bool,
}

impl Window {
    pub(super) const fn new() -> Self {
        const EMPTY: Tally = Tally { calls: 0, failed: 0, slow: 0 };
        Self { generation: 0, tally: EMPTY, calls: VecDeque::new(), tenths: [(0, EMPTY); TENTHS] }
    }

    /// Adds a call of `generation`. A call of another generation than the last ones starts an empty window.
    pub(super) fn record(&mut self, opens: &Opens, generation: u16, ended: Ended, now_ms: u64) -> Recorded {
        if self.generation != generation {
            *self = Self { generation, ..Self::new() };
        }
        match *opens {
            Opens::Consecutive { .. } => Recorded { trips: false, full_of_healthy: false },
            Opens::CountWindow { calls, rate } => {
                self.record_by_number(usize::from(calls.max(1)), &rate, ended)
            }
            Opens::TimeWindow { window_ms, rate } => self.record_by_time(window_ms, &rate, ended, now_ms),
        }
    }

    fn record_by_number(&mut self, capacity: usize, rate: &Rate, ended: Ended) -> Recorded {
        if self.calls.len() == capacity
            && let Some(oldest) = self.calls.pop_front()
        {
            self.tally.remove(oldest);
        }
        self.calls.push_back(ended);
        self.tally.add(ended);
        Recorded {
            trips: self.tally.is_too_high(rate),
            full_of_healthy: self.calls.len() == capacity && self.tally.failed + self.tally.slow == 0,
        }
    }

    fn record_by_time(&mut self, window_ms: u32, rate: &Rate, ended: Ended, now_ms: u64) -> Recorded {
        let tenth = now_ms / (u64::from(window_ms) / TENTHS as u64).max(1);
        let slot = &mut self.tenths[(tenth % TENTHS as u64) as usize];
        if slot.0 != tenth {
            *slot = (tenth, Tally::default());
        }
        slot.1.add(ended);
        let mut sum = Tally::default();
        for (_, tally) in self.tenths.iter().filter(|(number, _)| tenth - number.min(&tenth) < TENTHS as u64)
        {
            sum.calls += tally.calls;
            sum.failed += tally.failed;
            sum.slow += tally.slow;
        }
        Recorded { trips: sum.is_too_high(rate), full_of_healthy: false }
    }
}
