//! Counts of what happened, for a dashboard: an observer that only adds.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::breaker::State;
use crate::classify::ErrorClass;
use crate::event::{Event, Observer};

/// Counts events; give the same one to all calls that are counted together.
#[derive(Debug, Default)]
pub struct Metrics {
    failed_by_class: [AtomicU64; ErrorClass::ALL.len()],
    retried: AtomicU64,
    retry_delay_ms: AtomicU64,
    gave_up: AtomicU64,
    refused: AtomicU64,
    recovered: AtomicU64,
    breaker_opened: AtomicU64,
}

/// The counts at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Counted {
    /// Attempts that failed, by class, in the order of the classes; a class without a failure is left out.
    pub failed: Vec<(ErrorClass, u64)>,
    /// Attempts that were followed by another one.
    pub retried: u64,
    /// The sum of the waits between attempts, in milliseconds.
    pub retry_delay_ms: u64,
    /// Calls that were given up, refused calls included.
    pub gave_up: u64,
    /// Calls and attempts that an open breaker refused.
    pub refused: u64,
    /// Calls that succeeded after a failure.
    pub recovered: u64,
    /// How many times a breaker opened.
    pub breaker_opened: u64,
}

impl Metrics {
    /// Makes a counter at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the counts. Each is exact; they may be from slightly different moments.
    pub fn counted(&self) -> Counted {
        let of_class = |class: ErrorClass| (class, self.failed_by_class[class.index()].load(Relaxed));
        Counted {
            failed: ErrorClass::ALL.into_iter().map(of_class).filter(|(_, count)| *count > 0).collect(),
            retried: self.retried.load(Relaxed),
            retry_delay_ms: self.retry_delay_ms.load(Relaxed),
            gave_up: self.gave_up.load(Relaxed),
            refused: self.refused.load(Relaxed),
            recovered: self.recovered.load(Relaxed),
            breaker_opened: self.breaker_opened.load(Relaxed),
        }
    }
}

impl Observer for Metrics {
    fn observe(&self, event: &Event<'_>) {
        let one_more = |count: &AtomicU64| count.fetch_add(1, Relaxed);
        match event {
            Event::Attempt(failed) => {
                if failed.circuit_open {
                    one_more(&self.refused);
                } else {
                    one_more(&self.failed_by_class[failed.error_class.index()]);
                }
                if failed.gave_up.is_some() {
                    one_more(&self.gave_up);
                } else {
                    one_more(&self.retried);
                    self.retry_delay_ms.fetch_add(failed.retry_delay_ms, Relaxed);
                }
            }
            Event::Recovered { .. } => {
                one_more(&self.recovered);
            }
            Event::Breaker { change, .. } if change.to == State::Open => {
                one_more(&self.breaker_opened);
            }
            Event::Breaker { .. } => {}
        }
    }
}
