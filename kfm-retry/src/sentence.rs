//! What the caller has said with combinators after an operation, before a [`Retry`] is made of it.

use std::num::NonZeroU8;

use crate::backoff::{Backoff, Curve, Jitter};
use crate::breaker::Breaker;
use crate::budget::Budget;
use crate::clock::{Clock, SystemClock};
use crate::event::Observer;
use crate::policy::Policy;
use crate::retry::{Counts, Retry, first_limit_ms};
use crate::shared::Shared;
use crate::terms::sealed::Sealed;

/// One attempt, with the toolkit's time-out until the caller sets another.
const ONCE: Policy = Policy { total_ms: None, ..Policy::kfm().attempts(1) };

/// What the combinators after an operation have said so far.
///
/// It holds only what was said, so that a call that succeeds at once neither makes nor drops a whole
/// [`Retry`]: that one is made when an attempt waits, fails or is refused.
#[derive(Debug, Default)]
pub struct Sentence<'a> {
    pub(crate) policy: Option<Policy>,
    /// The parts of a [`Backoff`]: the whole one has padding, which would be copied with every call.
    shape: Option<(Curve, Jitter)>,
    base_ms: u32,
    cap_ms: u32,
    pub(crate) attempts: Option<NonZeroU8>,
    pub(crate) attempt_timeout_ms: Option<u32>,
    pub(crate) total_ms: Option<u32>,
    pub(crate) counts: Counts,
    pub(crate) breaker: Option<Shared<'a, Breaker>>,
    /// One word to write and to read, because most calls set none of this.
    rest: Option<Rest<'a>>,
}

/// What few calls set.
#[derive(Default)]
pub(crate) struct Rest<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) clock: Option<Shared<'a, dyn Clock + 'a>>,
    pub(crate) observer: Option<Shared<'a, dyn Observer + 'a>>,
    pub(crate) budget: Option<Shared<'a, Budget>>,
}

impl std::fmt::Debug for Rest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rest").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<'a> Sentence<'a> {
    #[inline]
    pub(crate) fn set_backoff(&mut self, backoff: Backoff) {
        self.shape = Some((backoff.curve, backoff.jitter));
        (self.base_ms, self.cap_ms) = (backoff.base_ms, backoff.cap_ms);
    }

    pub(crate) fn rest(&mut self) -> &mut Rest<'a> {
        self.rest.get_or_insert_default()
    }
}

impl<'a> Sealed<'a> for Sentence<'a> {
    #[inline]
    fn first_limit_ms(&self) -> u32 {
        let base = self.policy.as_ref().unwrap_or(&ONCE);
        let attempt_ms = self.attempt_timeout_ms.unwrap_or(base.attempt_timeout_ms);
        first_limit_ms(attempt_ms, self.total_ms.or(base.total_ms))
    }

    #[inline]
    fn breaker(&self) -> Option<&Shared<'a, Breaker>> {
        self.breaker.as_ref()
    }

    #[inline]
    fn budget(&self) -> Option<&Shared<'a, Budget>> {
        self.rest.as_ref().and_then(|rest| rest.budget.as_ref())
    }

    #[inline]
    fn made(&self) -> Option<&Retry<'a>> {
        None
    }

    #[cold]
    fn make(&mut self) -> Option<Retry<'a>> {
        let base = self.policy.unwrap_or(ONCE);
        let policy = Policy {
            attempts: self.attempts.unwrap_or(base.attempts),
            backoff: self.shape.map_or(base.backoff, |(curve, jitter)| Backoff {
                curve,
                jitter,
                base_ms: self.base_ms,
                cap_ms: self.cap_ms,
            }),
            attempt_timeout_ms: self.attempt_timeout_ms.unwrap_or(base.attempt_timeout_ms),
            total_ms: self.total_ms.or(base.total_ms),
            ..base
        };
        let rest = self.rest.take().unwrap_or_default();
        let mut retry = Retry::with_clock(policy, rest.clock.unwrap_or(Shared::Ref(&SystemClock)));
        retry.name = rest.name.unwrap_or_default();
        retry.observer = rest.observer;
        retry.budget = rest.budget;
        retry.breaker = self.breaker.take();
        retry.counts = self.counts;
        Some(retry)
    }
}
