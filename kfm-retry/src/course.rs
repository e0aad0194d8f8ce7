//! The course of one call: what every driver does between two attempts.
//!
//! Drivers (async, blocking, loop) run attempts and let time pass; all that is decided, counted and told is
//! here, once. A call that succeeds at once passes through [`Course::begin`] and [`Course::succeeded`]
//! without reading a clock, allocating or writing to shared memory.

use std::time::Duration;

use crate::classify::{ErrorClass, Verdict};
use crate::deadline::{Deadline, Scope};
use crate::event::{AttemptFailed, Event};
use crate::failed::{Reason, Report};
use crate::machine::{Failure, Machine, Step};
use crate::nanos;
use crate::operation::Attempt;
use crate::retry::Retry;
use crate::witness::Key;

/// A moment that has not been read off the clock yet, or a limit that is not there.
const NEVER: u64 = u64::MAX;

/// Where one call stands; all times in nanoseconds on the clock's monotonic time.
#[derive(Debug)]
pub(crate) struct Course<'a> {
    key: Key<'a>,
    /// The deadline that the caller gave, or one that was inherited.
    deadline: u64,
    /// How long the call may take from its start, if it has not been read off the clock.
    limit: u64,
    /// How long the running attempt may take.
    attempt_limit: u64,
    /// When the running attempt is cut off; [`NEVER`] until a clock was read.
    attempt_ends: u64,
    nested: bool,
    machine: Option<Box<Machine>>,
}

impl<'a> Course<'a> {
    #[inline]
    pub(crate) fn new(key: Key<'a>) -> Self {
        Self {
            key,
            deadline: NEVER,
            limit: NEVER,
            attempt_limit: NEVER,
            attempt_ends: NEVER,
            nested: false,
            machine: None,
        }
    }

    pub(crate) fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = self.deadline.min(deadline.nanos());
    }

    /// Begins the first attempt.
    #[inline]
    pub(crate) fn begin(&mut self, retry: &Retry<'_>) -> Result<Attempt, Box<Report>> {
        self.limit = retry.policy.total_of().map_or(NEVER, nanos);
        match Scope::current() {
            Scope::Outside => {}
            Scope::Starting { limit_ns } => {
                self.nested = true;
                self.limit = self.limit.min(limit_ns);
            }
            Scope::Started { ends_ns } => {
                self.nested = true;
                self.deadline = self.deadline.min(ends_ns);
            }
        }
        self.attempt_limit = nanos(retry.policy.attempt_timeout_of()).min(self.limit);
        if self.deadline != NEVER {
            self.begin_before_deadline(retry)?;
        }
        Ok(self.attempt())
    }

    #[cold]
    fn begin_before_deadline(&mut self, retry: &Retry<'_>) -> Result<(), Box<Report>> {
        let now = self.read_clock(retry);
        if now >= self.deadline {
            return Err(self.give_up(retry, Reason::DeadlinePassed, ErrorClass::Timeout, None));
        }
        Ok(())
    }

    /// The scope in which the running attempt is polled.
    #[inline]
    pub(crate) fn scope(&self) -> Scope {
        if self.attempt_ends == NEVER {
            Scope::Starting { limit_ns: self.attempt_limit }
        } else {
            Scope::Started { ends_ns: self.attempt_ends }
        }
    }

    /// How long the running attempt still has; reads the clock for the first time if it has to.
    pub(crate) fn attempt_remaining(&mut self, retry: &Retry<'_>) -> Duration {
        let now = self.read_clock(retry);
        Duration::from_nanos(self.attempt_ends.saturating_sub(now))
    }

    /// Takes note that the running attempt succeeded.
    #[inline]
    pub(crate) fn succeeded(&mut self, retry: &Retry<'_>) {
        if let Some(machine) = &self.machine {
            recovered(retry, machine);
        }
    }

    /// Takes note that the running attempt failed; says how long to wait before the next.
    #[cold]
    pub(crate) fn failed(
        &mut self,
        retry: &Retry<'_>,
        verdict: Verdict,
        text: Option<&str>,
    ) -> Result<Duration, Box<Report>> {
        let now = self.read_clock(retry);
        let failure = Failure {
            class: verdict.class,
            retry_after: verdict.retry_after.map(|hint| hint.from_now(retry.clock.wall())),
            spent: verdict.spent,
        };
        if self.nested && verdict.is_retryable() {
            return Err(self.give_up(retry, Reason::NestedInner, verdict.class, text));
        }
        let remaining =
            (self.deadline != NEVER).then(|| Duration::from_nanos(self.deadline.saturating_sub(now)));
        let seed = self.key.seed();
        let machine = self.machine.get_or_insert_default();
        let number = machine.failures();
        match machine.on_failure(&retry.policy, failure, remaining, seed) {
            Step::Wait(delay) => {
                tell(retry, number, delay, verdict.class, None, text);
                Ok(delay)
            }
            Step::GiveUp(reason) => {
                tell(retry, number, Duration::ZERO, verdict.class, Some(reason), text);
                Err(self.report(reason, verdict.class))
            }
        }
    }

    /// Begins the next attempt, after the wait.
    #[cold]
    pub(crate) fn next(&mut self, retry: &Retry<'_>) -> Result<Attempt, Box<Report>> {
        let now = nanos(retry.clock.monotonic());
        let last = self.machine.as_ref().and_then(|machine| machine.history().last());
        let class = last.map_or(ErrorClass::Unknown, |record| record.class);
        if now >= self.deadline {
            return Err(self.give_up(retry, Reason::DeadlinePassed, class, None));
        }
        self.attempt_limit = nanos(retry.policy.attempt_timeout_of()).min(self.deadline - now);
        self.attempt_ends = now.saturating_add(self.attempt_limit);
        Ok(self.attempt())
    }

    fn attempt(&self) -> Attempt {
        let number = self.machine.as_ref().map_or(0, |machine| machine.failures());
        Attempt { number, limit: Duration::from_nanos(self.attempt_limit) }
    }

    /// Reads the clock; the first time, it turns the limits into moments.
    fn read_clock(&mut self, retry: &Retry<'_>) -> u64 {
        let now = nanos(retry.clock.monotonic());
        if self.attempt_ends == NEVER {
            self.deadline = self.deadline.min(now.saturating_add(self.limit));
            self.attempt_limit = self.attempt_limit.min(self.deadline.saturating_sub(now));
            self.attempt_ends = now.saturating_add(self.attempt_limit);
        }
        now
    }

    #[cold]
    fn give_up(
        &mut self,
        retry: &Retry<'_>,
        reason: Reason,
        class: ErrorClass,
        text: Option<&str>,
    ) -> Box<Report> {
        let number = self.machine.as_ref().map_or(0, |machine| machine.failures());
        tell(retry, number, Duration::ZERO, class, Some(reason), text);
        self.report(reason, class)
    }

    fn report(&mut self, reason: Reason, class: ErrorClass) -> Box<Report> {
        let (history, waited) = self.machine.take().map(|machine| machine.into_parts()).unwrap_or_default();
        let attempts = u8::try_from(history.len()).unwrap_or(u8::MAX);
        Box::new(Report { reason, class, attempts, waited, history })
    }
}

#[cold]
fn recovered(retry: &Retry<'_>, machine: &Machine) {
    if let Some(observer) = &retry.observer {
        observer.observe(&Event::Recovered { call: retry.name, retry_attempt: machine.failures() });
    }
}

fn tell(
    retry: &Retry<'_>,
    number: u8,
    delay: Duration,
    class: ErrorClass,
    gave_up: Option<Reason>,
    text: Option<&str>,
) {
    let Some(observer) = &retry.observer else { return };
    observer.observe(&Event::Attempt(AttemptFailed {
        call: retry.name,
        retry_attempt: number,
        retry_delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
        circuit_open: matches!(gave_up, Some(Reason::CircuitOpen { .. })),
        error_class: class,
        retryable: class.is_retryable(),
        gave_up,
        error_text: text,
    }));
}
