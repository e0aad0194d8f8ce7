//! Histories of the log: appenders, fencers, verifiers, readers, rivals; faults, kills, power cuts.

pub mod actors;
pub mod crowd;
pub mod damage;
pub mod local;
pub mod reasons;
pub mod slots;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::oracle::Oracle;
use crate::trace::Trace;

/// What happened in one history.
#[derive(Debug)]
pub struct History {
    /// The seed that it follows from.
    pub seed: u64,
    /// What was counted.
    pub counts: crate::counts::Counts,
    /// The digest of all that happened.
    pub digest: [u8; 32],
    /// What happened, if it was to be read.
    pub lines: Vec<String>,
    /// The first promise that was broken.
    pub violation: Option<String>,
}

/// The oracle and the trace, as every actor of a history has them.
#[derive(Debug, Clone)]
pub struct Witness {
    oracle: Arc<Mutex<Oracle>>,
    /// What happens, in order.
    pub trace: Trace,
    counts: Arc<Mutex<crate::counts::Counts>>,
}

impl Witness {
    /// Makes a witness who has seen nothing.
    pub fn new(readable: bool) -> Self {
        Self { oracle: Arc::default(), trace: Trace::new(readable), counts: Arc::default() }
    }

    /// Returns the oracle; never to be held while the log is called.
    pub fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.oracle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts something of a kind.
    pub fn count(&self, kind: &'static str) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).add(kind, 1);
    }

    /// Counts what somebody else has counted.
    pub fn count_all(&self, others: &crate::counts::Counts) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).merge(others);
    }

    /// Notes a broken promise.
    pub fn violate(&self, violation: String) {
        self.trace.note(format_args!("violation: {violation}"));
        self.oracle().violate(violation);
    }

    /// Says whether a promise was broken.
    pub fn is_broken(&self) -> bool {
        self.oracle().violation().is_some()
    }

    /// Ends the history.
    pub fn history(self, seed: u64) -> History {
        let violation = self.oracle().violation().cloned();
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        History { seed, counts, digest: self.trace.digest(), lines: self.trace.lines(), violation }
    }
}
