//! Calls to a store that may be slow, busy or silent: each has a time-out, and is tried again within a bound.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use kfm_retry::{Backoff, Clock, Seed};

use super::{Created, SlotError, Slots};
use crate::error::WalError;

/// How many slots are read at the same time.
pub(crate) const READS_MAX: usize = 16;

/// How long the log waits for its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// After how long a call counts as unanswered. Default 10 s.
    pub call: Duration,
    /// For how long a read, or a frame of appends, is tried again before the log gives up. Default 30 s.
    pub total: Duration,
    /// The pauses between two tries. Default 25 ms, doubled up to 2 s, with full jitter.
    pub backoff: Backoff,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(10),
            total: Duration::from_secs(30),
            backoff: Backoff::exponential(Duration::from_millis(25)).cap(Duration::from_secs(2)),
        }
    }
}

/// A store, with the time limits and the pauses of calls to it.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    pub(crate) slots: Arc<dyn Slots>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) patience: Patience,
    pub(crate) seed: Seed,
}

/// The tries of one call: when they began and how many have failed.
#[derive(Debug)]
pub(crate) struct Tries {
    begun: Duration,
    failures: u32,
}

/// A call that was not answered in time.
#[derive(Debug)]
struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("no answer in time")
    }
}

impl std::error::Error for TimedOut {}

impl Calls {
    pub(crate) fn tries(&self) -> Tries {
        Tries { begun: self.clock.monotonic(), failures: 0 }
    }

    /// Says whether there is time for another try.
    pub(crate) fn has_time(&self, tries: &Tries) -> bool {
        self.clock.monotonic().saturating_sub(tries.begun) < self.patience.total
    }

    /// Pauses before the next try; false if the time for this call is over.
    pub(crate) async fn pause(&self, tries: &mut Tries) -> bool {
        let waited = self.clock.monotonic().saturating_sub(tries.begun);
        let Some(left) = self.patience.total.checked_sub(waited).filter(|left| !left.is_zero()) else {
            return false;
        };
        let backoff = self.patience.backoff;
        let delay = backoff.delay(tries.failures, Duration::ZERO, self.seed.unit(tries.failures));
        tries.failures = tries.failures.saturating_add(1);
        self.clock.sleep(delay.clamp(Duration::from_millis(1), left.max(Duration::from_millis(1)))).await;
        true
    }

    /// Creates a slot, with one try.
    pub(crate) async fn create(&self, n: u64, frame: Bytes) -> Result<Created, SlotError> {
        self.timed(self.slots.create(n, frame)).await
    }

    /// Reads a slot, with one try.
    pub(crate) async fn look(&self, n: u64) -> Result<Option<Bytes>, SlotError> {
        self.timed(self.slots.read(n)).await
    }

    /// Reads a slot, and tries again while there is time.
    pub(crate) async fn read(&self, n: u64) -> Result<Option<Bytes>, WalError> {
        self.patiently("read", n, || self.slots.read(n)).await
    }

    /// Returns the highest slot from `from` on, and tries again while there is time.
    pub(crate) async fn last(&self, from: u64) -> Result<Option<u64>, WalError> {
        self.patiently("list from", from, || self.slots.last(from)).await
    }

    async fn patiently<T, F>(&self, action: &'static str, n: u64, call: impl Fn() -> F) -> Result<T, WalError>
    where
        F: Future<Output = Result<T, SlotError>> + Send,
    {
        let mut tries = self.tries();
        loop {
            match self.timed(call()).await {
                Ok(answer) => return Ok(answer),
                Err(error @ SlotError::Refused { .. }) => return Err(self.io(action, n, error)),
                Err(error) => {
                    if !self.pause(&mut tries).await {
                        return Err(self.io(action, n, error));
                    }
                }
            }
        }
    }

    async fn timed<T>(
        &self,
        call: impl Future<Output = Result<T, SlotError>> + Send,
    ) -> Result<T, SlotError> {
        let call = std::pin::pin!(call);
        match select(call, self.clock.alarm(self.patience.call)).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err(SlotError::Unknown { source: Box::new(TimedOut) }),
        }
    }

    /// Makes the error of a call that changed nothing.
    pub(crate) fn io(&self, action: &'static str, n: u64, error: SlotError) -> WalError {
        WalError::Io { action, path: self.path(n), source: Box::new(error) }
    }

    /// Returns where a slot is, for messages.
    pub(crate) fn path(&self, n: u64) -> String {
        format!("{}/{}", self.slots.place().trim_end_matches('/'), self.slots.name(n))
    }
}
