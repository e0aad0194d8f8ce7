//! The quick way: a first attempt that nothing but its policy bounds, and that succeeds at once.
//!
//! It reads no clock, allocates nothing and writes to no shared memory. A call for which it does not go on that way
//! is taken up by a [`Course`](crate::course::Course).

use std::time::Duration;

use crate::breaker::Ticket;
use crate::course::tell_breaker_of_success;
use crate::deadline::{Deadline, Limit, Scope};
use crate::operation::Attempt;
use crate::retry::Retry;
use crate::terms::Terms;

/// Leave for a first attempt that nothing but its policy bounds, and whose breaker is well; `None` if the call
/// has to begin by [`Course::begin`](crate::course::Course::begin).
#[inline(always)]
pub(crate) fn leave<'a>(terms: &impl Terms<'a>, deadline: Option<Deadline>) -> Option<Ticket> {
    if deadline.is_some() || !Scope::current().is_outside() {
        return None;
    }
    terms.breaker().map_or(Some(Ticket::NONE), |breaker| breaker.quick_leave())
}

/// The attempt that begins by [`leave`], and its scope.
#[inline(always)]
pub(crate) fn attempt(ms: u32) -> (Attempt, Scope) {
    (Attempt { number: 0, limit_ns: u64::from(ms) * 1_000_000 }, Scope::of(Limit::Lasts { ms }))
}

/// Takes note that an attempt that began by [`leave`] succeeded at once.
#[inline(always)]
pub(crate) fn succeeded<'a>(terms: &mut impl Terms<'a>, ticket: Ticket) {
    if let Some(budget) = terms.budget() {
        budget.deposit();
    }
    if terms.breaker().is_some_and(|breaker| !breaker.stays_healthy(ticket)) {
        mend(terms, ticket);
    }
}

/// Tells the breaker of a success after failures.
#[cold]
fn mend<'a>(terms: &mut impl Terms<'a>, ticket: Ticket) {
    with_retry(terms, |retry| {
        let Some(breaker) = &retry.breaker else { return };
        tell_breaker_of_success(retry, breaker, ticket, None);
    });
}

/// Takes back what [`leave`] gave to an attempt that panicked.
#[cold]
pub(crate) fn dropped<'a>(terms: &mut impl Terms<'a>, ticket: Ticket) {
    with_retry(terms, |retry| {
        let Some(breaker) = &retry.breaker else { return };
        breaker.cancelled(ticket, Duration::ZERO, || retry.clock.monotonic());
    });
}

/// Does what needs the whole value, for a call that is over.
fn with_retry<'a>(terms: &mut impl Terms<'a>, act: impl FnOnce(&Retry<'a>)) {
    let made = terms.make();
    if let Some(retry) = terms.made().or(made.as_ref()) {
        act(retry);
    }
}
