//! Both ways between `kfm-retry` and the `backoff` crate, for code that moves one call at a time.
//!
//! `backoff` has not been maintained since 2021: **RUSTSEC-2025-0012**; its dependency `instant` neither:
//! RUSTSEC-2024-0384. Code that names this crate takes both on until its last call has moved; `kfm-retry` itself
//! never brings them. Two habits of `backoff` do not come along: `retry_after` does not pass the deadline here, and
//! an operation is started after the wait and not before it.
//!
//! ```
//! use kfm_retry::{Retry, idempotent};
//! use kfm_retry_backoff::{policy, verdict};
//! use std::num::NonZeroU8;
//!
//! async fn fetch_as_before() -> Result<u32, backoff::Error<std::io::Error>> {
//!     Ok(7)
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let settings = backoff::ExponentialBackoff::default();
//! let attempts = NonZeroU8::new(5).expect("5 is not 0");
//! let retry = Retry::new(policy(&settings, attempts));
//! let page = retry.run(idempotent("page/7"), fetch_as_before).classify(verdict).await;
//! assert_eq!(page.unwrap(), 7);
//! # });
//! ```

use std::num::NonZeroU8;
use std::time::Duration;

use kfm_retry::{Backoff, Classify, ErrorClass, Machine, Policy, RetryAfter, Seed, Step, Verdict, Witness};

/// Returns what an error of `backoff` says of trying again: transient and permanent are so here too.
///
/// It is a classifier: `.classify(verdict)` on a call.
pub fn verdict<E>(error: &backoff::Error<E>) -> Verdict {
    match error {
        backoff::Error::Permanent(_) => ErrorClass::Rejected.into(),
        backoff::Error::Transient { retry_after, .. } => {
            Verdict::from(ErrorClass::Transient).after(retry_after.map(RetryAfter::Delay))
        }
    }
}

/// Returns an error as the variant of `backoff` that its class says.
///
/// A hint that is a date is left out: `backoff` has delays only.
pub fn to_backoff_error<E: Classify>(error: E) -> backoff::Error<E> {
    let verdict = error.classify();
    if !verdict.is_retryable() {
        return backoff::Error::permanent(error);
    }
    match verdict.retry_after {
        Some(RetryAfter::Delay(delay)) => backoff::Error::retry_after(error, delay),
        Some(RetryAfter::Date(_)) | None => backoff::Error::transient(error),
    }
}

/// Returns settings of `backoff` as a policy, with what they lack: full jitter, and a bound on attempts.
///
/// The multiplier is always 2 here, and `max_elapsed_time` becomes the total.
pub fn policy(settings: &backoff::ExponentialBackoff, attempts: NonZeroU8) -> Policy {
    let backoff = Backoff::exponential(settings.initial_interval).cap(settings.max_interval);
    let policy = Policy::kfm().attempts(attempts.get()).backoff(backoff);
    match settings.max_elapsed_time {
        Some(total) => policy.total(total),
        None => Policy { total_ms: None, ..policy },
    }
}

/// The delays of a policy, for `backoff::future::retry` and its kin.
///
/// ```
/// use backoff::backoff::Backoff;
/// use kfm_retry::{Policy, idempotent};
/// use kfm_retry_backoff::Schedule;
///
/// let mut schedule = Schedule::new(Policy::kfm(), idempotent("key"));
/// let delays: Vec<_> = std::iter::from_fn(|| schedule.next_backoff()).collect();
/// assert_eq!(delays.len(), 4);
/// ```
#[derive(Debug, Clone)]
pub struct Schedule {
    policy: Policy,
    seed: Seed,
    machine: Machine,
}

impl Schedule {
    /// Makes the schedule of one call.
    pub fn new<'a>(policy: Policy, witness: impl Witness<'a>) -> Self {
        Self { policy, seed: witness.key().seed(), machine: Machine::default() }
    }
}

impl backoff::backoff::Backoff for Schedule {
    fn next_backoff(&mut self) -> Option<Duration> {
        let remaining = self.policy.total_of().map(|total| total.saturating_sub(self.machine.waited()));
        match self.machine.on_failure(&self.policy, ErrorClass::Transient.into(), remaining, self.seed) {
            Step::Wait(delay) => Some(delay),
            Step::GiveUp(_) => None,
        }
    }

    fn reset(&mut self) {
        self.machine = Machine::default();
    }
}
