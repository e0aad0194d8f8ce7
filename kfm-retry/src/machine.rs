//! The decision after a failure: how long to wait, or to give up, and why.
//!
//! Nothing here reads a clock, draws a random number or acts: the time that is left and the seed come in, and
//! a [`Step`] goes out. The async, blocking, tower, stream and loop forms all ask this one machine.

use std::time::Duration;

use crate::backoff::part;
use crate::classify::ErrorClass;
use crate::failed::{AttemptRecord, Reason};
use crate::policy::{Beyond, Policy};
use crate::seed::Seed;

/// What is known about an attempt that failed.
#[derive(Debug, Clone, Copy)]
pub struct Failure {
    /// The kind of failure.
    pub class: ErrorClass,
    /// How long the service asks to be left alone; `None` if it did not say.
    pub retry_after: Option<Duration>,
    /// Whether an inner policy has spent its attempts on the error already.
    pub spent: bool,
}

impl From<ErrorClass> for Failure {
    fn from(class: ErrorClass) -> Self {
        Self { class, retry_after: None, spent: false }
    }
}

/// What to do after an attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Wait for this time, then try again.
    Wait(Duration),
    /// Give the error back to the caller, for this reason.
    GiveUp(Reason),
}

/// Counts the failures of one call, and decides after each.
///
/// ```
/// use kfm_retry::{ErrorClass, Machine, Policy, Reason, Seed, Step};
/// use std::time::Duration;
///
/// let (policy, seed) = (Policy::kfm(), Seed::new(7));
/// let mut machine = Machine::default();
/// for n in 0..4 {
///     let Step::Wait(delay) = machine.on_failure(&policy, ErrorClass::Server.into(), None, seed) else {
///         panic!("four failures are within five attempts");
///     };
///     assert!(delay < policy.backoff.ceiling(n));
/// }
/// let last = machine.on_failure(&policy, ErrorClass::Server.into(), None, seed);
/// assert_eq!(last, Step::GiveUp(Reason::AttemptsExhausted));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Machine {
    history: Vec<AttemptRecord>,
    waited: Duration,
}

impl Machine {
    /// Decides after a failure. `remaining` is the time until the deadline of the call, if it has one.
    pub fn on_failure(
        &mut self,
        policy: &Policy,
        failure: Failure,
        remaining: Option<Duration>,
        seed: Seed,
    ) -> Step {
        let step = self.decide(policy, failure, remaining, seed);
        let delay = match step {
            Step::Wait(delay) => delay,
            Step::GiveUp(_) => Duration::ZERO,
        };
        self.history.push(AttemptRecord { class: failure.class, delay });
        self.waited = self.waited.saturating_add(delay);
        step
    }

    /// Returns how many attempts have failed.
    pub fn failures(&self) -> u8 {
        u8::try_from(self.history.len()).unwrap_or(u8::MAX)
    }

    /// Returns how long the call was told to wait, summed over all its waits.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Returns the failures, oldest first.
    pub fn history(&self) -> &[AttemptRecord] {
        &self.history
    }

    /// Forgets the last wait, because the caller of this machine has forbidden it.
    pub(crate) fn take_back_wait(&mut self) {
        if let Some(last) = self.history.last_mut() {
            self.waited -= std::mem::take(&mut last.delay);
        }
    }

    pub(crate) fn into_parts(self) -> (Vec<AttemptRecord>, Duration) {
        (self.history, self.waited)
    }

    fn decide(&self, policy: &Policy, failure: Failure, remaining: Option<Duration>, seed: Seed) -> Step {
        let class = failure.class;
        if failure.spent {
            return Step::GiveUp(Reason::SpentFurtherIn);
        }
        if !class.is_retryable() {
            return Step::GiveUp(Reason::NotRetryable);
        }
        if remaining == Some(Duration::ZERO) {
            return Step::GiveUp(Reason::DeadlinePassed);
        }
        let failed_before = self.failures();
        if failed_before.saturating_add(1) >= policy.attempts.get() {
            return Step::GiveUp(Reason::AttemptsExhausted);
        }
        let of_this_class = 1 + self.history.iter().filter(|record| record.class == class).count();
        if policy.limits.of(class).is_some_and(|limit| of_this_class >= usize::from(limit)) {
            return Step::GiveUp(Reason::ClassLimit);
        }
        let previous = self.history.last().map_or(Duration::ZERO, |record| record.delay);
        let unit = seed.unit(u32::from(failed_before));
        let planned = policy.backoff.delay(u32::from(failed_before), previous, unit);
        let delay = match failure.retry_after {
            None => planned,
            Some(hint) => match honour(policy, hint, unit) {
                Ok(asked) => asked.max(planned),
                Err(reason) => return Step::GiveUp(reason),
            },
        };
        // An attempt that would start at the deadline cannot succeed, so the call does not wait for it.
        if remaining.is_some_and(|remaining| delay >= remaining) {
            return Step::GiveUp(Reason::DeadlineWouldPass { delay });
        }
        Step::Wait(delay)
    }
}

/// Returns the wait that a service asked for, spread over one base delay, so that the clients that were all
/// given the same moment do not all come at it.
fn honour(policy: &Policy, hint: Duration, unit: u64) -> Result<Duration, Reason> {
    let max = Duration::from_millis(u64::from(policy.retry_after.max_ms));
    let hint = match policy.retry_after.beyond {
        Beyond::GiveUp if hint > max => return Err(Reason::HintTooLong { hint }),
        Beyond::GiveUp | Beyond::Clamp => hint.min(max),
    };
    Ok(hint.saturating_add(Duration::from_nanos(part(policy.backoff.base_ns(), unit))))
}
