//! Histories of the log: appenders, fencers, verifiers, readers and rivals; with faults, kills and power
//! cuts.

pub mod actors;
pub mod crowd;
pub mod damage;
pub mod local;
pub mod reasons;
pub mod slots;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::oracle::Oracle;
use crate::trace::Trace;

/// The result of one history.
#[derive(Debug)]
pub struct History {
    /// The seed of the history.
    pub seed: u64,
    /// How many times each kind of thing happened.
    pub counts: crate::counts::Counts,
    /// The digest of all events.
    pub digest: [u8; 32],
    /// The events as lines; empty if they were not kept.
    pub lines: Vec<String>,
    /// The first promise that was broken; none if all were kept.
    pub violation: Option<String>,
}

/// The oracle and the trace, as every actor of a history has them.
#[derive(Debug, Clone)]
pub struct Witness {
    oracle: Arc<Mutex<Oracle>>,
    /// The events, in order.
    pub trace: Trace,
    counts: Arc<Mutex<crate::counts::Counts>>,
}

impl Witness {
    /// Makes a witness that has seen nothing.
    pub fn new(readable: bool) -> Self {
        Self { oracle: Arc::default(), trace: Trace::new(readable), counts: Arc::default() }
    }

    /// Locks the oracle. Release it before calling the log.
    pub fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.oracle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one event of a kind.
    pub fn count(&self, kind: &'static str) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).add(kind, 1);
    }

    /// Adds the counts of another counter.
    pub fn count_all(&self, others: &crate::counts::Counts) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).merge(others);
    }

    /// Notes that a promise was broken.
    pub fn violate(&self, violation: String) {
        self.trace.note(format_args!("violation: {violation}"));
        self.oracle().violate(violation);
    }

    /// Says whether a promise was broken.
    pub fn is_broken(&self) -> bool {
        self.oracle().violation().is_some()
    }

    /// Ends the history and returns its result.
    pub fn history(self, seed: u64) -> History {
        let violation = self.oracle().violation().cloned();
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        History { seed, counts, digest: self.trace.digest(), lines: self.trace.lines(), violation }
    }
}
