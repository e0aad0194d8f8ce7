//! From this crate to the `backoff` crate and back, for code that is moved one call at a time.
//!
//! `backoff` has not been maintained since 2021: **RUSTSEC-2025-0012**; nor has its dependency `instant`:
//! RUSTSEC-2024-0384. Nothing here uses it unless this feature is on; ADR 0007 says why the feature exists.
//! Two habits of `backoff` are not kept: here `retry_after` does not pass the deadline, and an operation is
//! started after the wait and not before it.

use std::num::NonZeroU8;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::classify::{Classify, ErrorClass, RetryAfter, Verdict};
use crate::machine::{Machine, Step};
use crate::policy::Policy;
use crate::seed::Seed;
use crate::witness::{Key, Witness};

/// From `backoff`: an error that says transient or permanent is classified so here.
impl<E> Classify for ::backoff::Error<E> {
    fn classify(&self) -> Verdict {
        match self {
            ::backoff::Error::Permanent(_) => ErrorClass::Rejected.into(),
            ::backoff::Error::Transient { retry_after, .. } => {
                Verdict::from(ErrorClass::Transient).after(retry_after.map(RetryAfter::Delay))
            }
        }
    }
}

/// To `backoff`: an error becomes the variant that its class says.
pub fn to_backoff_error<E: Classify>(error: E) -> ::backoff::Error<E> {
    let verdict = error.classify();
    if !verdict.is_retryable() {
        return ::backoff::Error::permanent(error);
    }
    match verdict.retry_after {
        Some(RetryAfter::Delay(delay)) => ::backoff::Error::retry_after(error, delay),
        Some(RetryAfter::Date(_)) | None => ::backoff::Error::transient(error),
    }
}

/// From `backoff`: its settings become a policy, with full jitter and with a bound on attempts, which
/// `backoff` has not.
///
/// The multiplier is always 2 here, and `max_elapsed_time` becomes the total.
pub fn policy_from_backoff(settings: &::backoff::ExponentialBackoff, attempts: NonZeroU8) -> Policy {
    let backoff = Backoff::exponential(settings.initial_interval).cap(settings.max_interval);
    let policy = Policy::kfm().attempts(attempts.get()).backoff(backoff);
    match settings.max_elapsed_time {
        Some(total) => policy.total(total),
        None => Policy { total_ms: None, ..policy },
    }
}

/// To `backoff`: the delays of a policy, for `backoff::future::retry` and its kin.
///
/// ```
/// use backoff::backoff::Backoff;
/// use kfm_retry::{Policy, backoff_interop::Schedule, idempotent};
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
        let key: Key<'_> = witness.key();
        Self { policy, seed: key.seed(), machine: Machine::default() }
    }
}

impl ::backoff::backoff::Backoff for Schedule {
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
