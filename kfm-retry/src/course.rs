//! The course of one call: what every driver does between two attempts.
//!
//! Drivers (async, blocking, loop) run attempts and wait; everything that is decided, counted and told to
//! observers is here, once. A call that succeeds at once passes through [`Course::begin`] and
//! [`Course::succeeded`] without reading a clock, allocating or writing to shared memory.

use std::time::Duration;

use crate::breaker::{Breaker, Change, Ticket};
use crate::classify::{ErrorClass, Verdict};
use crate::deadline::{Deadline, Limit, Scope};
use crate::event::{AttemptFailed, Event, Outcome, emit};
use crate::failed::{Reason, Report};
use crate::machine::{Failure, Machine, Step};
use crate::nanos;
use crate::operation::Attempt;
use crate::retry::{Counts, Retry};
use crate::witness::Key;

/// A moment that was not read from the clock yet, or a limit that does not exist.
const NEVER: u64 = u64::MAX;

/// The state of one call; all times are nanoseconds of the clock's monotonic time.
#[derive(Debug)]
pub(crate) struct Course<'a> {
    key: Key<'a>,
    /// The deadline that the caller gave, or the one inherited from an outer attempt.
    deadline: u64,
    /// When the running attempt is cut off; [`NEVER`] until the clock was read.
    attempt_ends: u64,
    /// The breaker's permission for the call, or for the running attempt.
    ticket: Ticket,
    /// When the ticket was used first; [`NEVER`] until the clock was read.
    ticket_used: u64,
    /// Why this call may not be tried again, whatever its policy says.
    only_once: Option<OnlyOnce>,
    machine: Option<Box<Machine>>,
}

/// Why a call has only one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnlyOnce {
    /// An outer policy retries it.
    Nested,
    /// Its request cannot be sent twice.
    #[cfg(feature = "tower")]
    NotReplayable,
}

impl<'a> Course<'a> {
    #[inline]
    pub(crate) fn new(key: Key<'a>, deadline: Option<Deadline>) -> Self {
        Self {
            key,
            deadline: deadline.map_or(NEVER, Deadline::nanos),
            attempt_ends: NEVER,
            ticket: Ticket::NONE,
            ticket_used: NEVER,
            only_once: None,
            machine: None,
        }
    }

    /// Continues a call that began with [`quick::leave`](crate::quick::leave).
    pub(crate) fn taken_up(key: Key<'a>, deadline: Option<Deadline>, ticket: Ticket) -> Self {
        Self { ticket, ..Self::new(key, deadline) }
    }

    pub(crate) fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = self.deadline.min(deadline.nanos());
    }

    pub(crate) fn only_once(&mut self, because: OnlyOnce) {
        self.only_once = Some(because);
    }

    /// Begins the first attempt.
    #[inline(always)]
    pub(crate) fn begin(&mut self, retry: &Retry<'_>) -> Result<Attempt, Box<Report>> {
        let outer = Scope::current();
        let limit_ns = if outer.is_outside() && self.deadline == NEVER {
            u64::from(retry.first_limit_ms) * 1_000_000
        } else {
            self.begin_within(retry, outer)?
        };
        if let Some(breaker) = &retry.breaker {
            self.admit(retry, breaker)?;
        }
        Ok(Attempt { number: 0, limit_ns })
    }

    /// Begins within the attempt of an outer call, or within a deadline; returns how much time there is, in
    /// nanoseconds.
    #[cold]
    fn begin_within(&mut self, retry: &Retry<'_>, outer: Scope) -> Result<u64, Box<Report>> {
        if let Some(ends_ns) = outer.ends_ns(&*retry.clock) {
            self.only_once = Some(OnlyOnce::Nested);
            self.deadline = self.deadline.min(ends_ns);
        }
        let now = self.read_clock(retry);
        if now >= self.deadline {
            return Err(self.give_up(retry, Reason::DeadlinePassed, ErrorClass::Timeout, None));
        }
        Ok(self.attempt_ends.saturating_sub(now))
    }

    /// Returns the scope in which the running attempt is polled.
    #[inline]
    pub(crate) fn scope(&self, retry: &Retry<'_>) -> Scope {
        Scope::of(match self.attempt_ends {
            NEVER => Limit::Lasts { ms: retry.first_limit_ms },
            at_ns => Limit::Ends { at_ns },
        })
    }

    /// Asks the breaker for permission, for the call or for an attempt.
    #[inline]
    fn admit(&mut self, retry: &Retry<'_>, breaker: &Breaker) -> Result<(), Box<Report>> {
        match breaker.admit(|| retry.clock.monotonic()) {
            Ok(ticket) => {
                self.ticket = ticket;
                if ticket.is_probe() || breaker.times_calls() {
                    self.admitted_slowly(retry, breaker);
                }
                Ok(())
            }
            Err(refused) => {
                let reason = Reason::CircuitOpen { retry_in: refused.retry_in };
                Err(self.give_up(retry, reason, self.last_class().unwrap_or(ErrorClass::Overloaded), None))
            }
        }
    }

    #[cold]
    fn admitted_slowly(&mut self, retry: &Retry<'_>, breaker: &Breaker) {
        self.ticket_used = nanos(retry.clock.monotonic());
        if self.ticket.is_probe() {
            tell_change(retry, breaker, self.ticket.as_change());
        }
    }

    /// Returns how much time the running attempt still has; reads the clock if it was not read before.
    pub(crate) fn attempt_remaining(&mut self, retry: &Retry<'_>) -> Duration {
        let now = self.read_clock(retry);
        Duration::from_nanos(self.attempt_ends.saturating_sub(now))
    }

    /// Takes note that the running attempt succeeded.
    #[inline(always)]
    pub(crate) fn succeeded(&mut self, retry: &Retry<'_>) {
        if let Some(breaker) = &retry.breaker {
            if !breaker.stays_healthy(self.ticket) {
                tell_breaker_of_success(retry, breaker, self.ticket, self.ticket_ran(retry, breaker));
            }
            self.ticket = Ticket::NONE;
        }
        if let Some(budget) = &retry.budget {
            budget.deposit();
        }
        if let Some(machine) = &self.machine {
            tell_recovered(retry, machine);
        }
    }

    /// Takes note that the running attempt failed; returns how long to wait before the next, or the report of
    /// the call that is given up.
    #[cold]
    pub(crate) fn failed(
        &mut self,
        retry: &Retry<'_>,
        verdict: Verdict,
        text: Option<&str>,
    ) -> Result<Duration, Box<Report>> {
        let now = self.read_clock(retry);
        // A breaker that counts calls is told at the end of the call, with its last failure.
        if retry.counts == Counts::Attempts {
            self.settle_ticket(retry, verdict.class);
        }
        let class = verdict.class;
        let failure = Failure {
            class,
            retry_after: verdict.retry_after.map(|hint| hint.from_now(retry.clock.wall())),
            spent: verdict.spent,
        };
        let remaining =
            (self.deadline != NEVER).then(|| Duration::from_nanos(self.deadline.saturating_sub(now)));
        let seed = self.key.seed();
        let machine = self.machine.get_or_insert_default();
        let number = machine.failures();
        let mut step = machine.on_failure(&retry.policy, failure, remaining, seed);
        // The policy would try again; the call itself, its breaker or its budget may forbid it. The budget comes
        // last, because asking it spends tokens.
        if let Step::Wait(_) = step {
            let veto = match self.only_once {
                Some(OnlyOnce::Nested) => Some(Reason::NestedInner),
                #[cfg(feature = "tower")]
                Some(OnlyOnce::NotReplayable) => Some(Reason::NotReplayable),
                None => self.broken(retry).or_else(|| {
                    let refuses = retry.budget.as_ref().is_some_and(|budget| !budget.withdraw());
                    refuses.then_some(Reason::BudgetEmpty)
                }),
            };
            if let Some(reason) = veto {
                step = Step::GiveUp(reason);
                self.machine.get_or_insert_default().take_back_wait();
            }
        }
        match step {
            Step::Wait(delay) => {
                tell(retry, number, delay, class, None, text);
                Ok(delay)
            }
            Step::GiveUp(reason) => {
                tell(retry, number, Duration::ZERO, class, Some(reason), text);
                self.settle_ticket(retry, class);
                Err(self.report(reason, class))
            }
        }
    }

    /// Begins the next attempt, after the wait.
    #[cold]
    pub(crate) fn next(&mut self, retry: &Retry<'_>) -> Result<Attempt, Box<Report>> {
        let now = nanos(retry.clock.monotonic());
        let class = self.last_class().unwrap_or(ErrorClass::Unknown);
        let veto = if now >= self.deadline { Some(Reason::DeadlinePassed) } else { self.broken(retry) };
        if let Some(reason) = veto {
            self.give_back_retry(retry);
            self.settle_ticket(retry, class);
            return Err(self.give_up(retry, reason, class, None));
        }
        let limit_ns = nanos(retry.policy.attempt_timeout_of()).min(self.deadline - now);
        self.attempt_ends = now.saturating_add(limit_ns);
        if let (Counts::Attempts, Some(breaker)) = (retry.counts, &retry.breaker) {
            if let Err(report) = self.admit(retry, breaker) {
                self.give_back_retry(retry);
                return Err(report);
            }
            self.ticket_used = now;
        }
        Ok(Attempt { number: self.failures(), limit_ns })
    }

    /// Takes note that the caller has dropped the call; `waiting` if no attempt was running.
    #[inline]
    pub(crate) fn dropped(&mut self, retry: &Retry<'_>, waiting: bool) {
        if self.ticket != Ticket::NONE || self.machine.is_some() {
            self.dropped_midway(retry, waiting);
        }
    }

    #[cold]
    fn dropped_midway(&mut self, retry: &Retry<'_>, waiting: bool) {
        if waiting && self.machine.is_some() {
            self.give_back_retry(retry);
        }
        if self.ticket != Ticket::NONE {
            self.ticket_dropped(retry);
        }
    }

    fn ticket_dropped(&mut self, retry: &Retry<'_>) {
        let Some(breaker) = &retry.breaker else { return };
        let now = nanos(retry.clock.monotonic());
        let ran = Duration::from_nanos(now.saturating_sub(self.ticket_used));
        if let Some(change) = breaker.cancelled(self.ticket, ran, || Duration::from_nanos(now)) {
            tell_change(retry, breaker, change);
        }
        self.ticket = Ticket::NONE;
    }

    /// Returns why the breaker does not let this call go on: other calls have opened it meanwhile.
    fn broken(&self, retry: &Retry<'_>) -> Option<Reason> {
        let breaker = retry.breaker.as_ref()?;
        let goes_on = self.ticket == Ticket::NONE || breaker.allows(self.ticket);
        (!goes_on).then_some(Reason::CircuitOpen { retry_in: None })
    }

    /// Gives the ticket back, with what the failure says about the dependency.
    fn settle_ticket(&mut self, retry: &Retry<'_>, class: ErrorClass) {
        let (Some(breaker), true) = (&retry.breaker, self.ticket != Ticket::NONE) else { return };
        let ran = self.ticket_ran(retry, breaker);
        let now = || retry.clock.monotonic();
        let change = if class.is_failure_of_dependency() {
            breaker.failed(self.ticket, ran, now)
        } else if class == ErrorClass::Overloaded {
            breaker.cancelled(self.ticket, Duration::ZERO, now)
        } else {
            breaker.succeeded(self.ticket, ran, now)
        };
        if let Some(change) = change {
            tell_change(retry, breaker, change);
        }
        self.ticket = Ticket::NONE;
    }

    #[inline]
    fn ticket_ran(&self, retry: &Retry<'_>, breaker: &Breaker) -> Option<Duration> {
        breaker
            .times_calls()
            .then(|| Duration::from_nanos(nanos(retry.clock.monotonic()).saturating_sub(self.ticket_used)))
    }

    fn give_back_retry(&self, retry: &Retry<'_>) {
        if let Some(budget) = &retry.budget {
            budget.give_back();
        }
    }

    fn last_class(&self) -> Option<ErrorClass> {
        Some(self.machine.as_ref()?.history().last()?.class)
    }

    #[inline]
    fn failures(&self) -> u8 {
        self.machine.as_ref().map_or(0, |machine| machine.failures())
    }

    /// Reads the clock; the first time, the limits become moments.
    fn read_clock(&mut self, retry: &Retry<'_>) -> u64 {
        let now = nanos(retry.clock.monotonic());
        if self.attempt_ends == NEVER {
            let total = retry.policy.total_of().map_or(NEVER, nanos);
            self.deadline = self.deadline.min(now.saturating_add(total));
            let limit_ns = u64::from(retry.first_limit_ms) * 1_000_000;
            self.attempt_ends = now.saturating_add(limit_ns).min(self.deadline);
            self.ticket_used = self.ticket_used.min(now);
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
        tell(retry, self.failures(), Duration::ZERO, class, Some(reason), text);
        self.report(reason, class)
    }

    fn report(&mut self, reason: Reason, class: ErrorClass) -> Box<Report> {
        let (history, waited) = self.machine.take().map(|machine| machine.into_parts()).unwrap_or_default();
        let attempts = u8::try_from(history.len()).unwrap_or(u8::MAX);
        Box::new(Report { reason, class, attempts, waited, history })
    }
}

#[cold]
pub(crate) fn tell_breaker_of_success(
    retry: &Retry<'_>,
    breaker: &Breaker,
    ticket: Ticket,
    ran: Option<Duration>,
) {
    if let Some(change) = breaker.succeeded(ticket, ran, || retry.clock.monotonic()) {
        tell_change(retry, breaker, change);
    }
}

#[cold]
fn tell_recovered(retry: &Retry<'_>, machine: &Machine) {
    emit(
        retry.observer.as_deref(),
        &Event::Recovered { call: retry.name, retry_attempt: machine.failures() },
    );
}

#[cold]
fn tell_change(retry: &Retry<'_>, breaker: &Breaker, change: Change) {
    emit(retry.observer.as_deref(), &Event::Breaker { breaker: breaker.name(), change });
}

fn tell(
    retry: &Retry<'_>,
    number: u8,
    delay: Duration,
    class: ErrorClass,
    gave_up: Option<Reason>,
    text: Option<&str>,
) {
    let failed = AttemptFailed {
        call: retry.name,
        retry_attempt: number,
        retry_delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
        circuit_open: matches!(gave_up, Some(Reason::CircuitOpen { .. })),
        error_class: class,
        retryable: class.is_retryable(),
        outcome: if gave_up.is_some() { Outcome::GaveUp } else { Outcome::Retried },
        gave_up,
        error_text: text,
    };
    emit(retry.observer.as_deref(), &Event::Attempt(failed));
}
