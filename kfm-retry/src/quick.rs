//! The quick way: a first attempt that only the policy bounds, and that succeeds at once.
//!
//! It reads no clock, allocates nothing and writes to no shared memory. A call that cannot go on this way is
//! continued by a [`Course`](crate::course::Course).

use std::time::Duration;

use crate::breaker::Ticket;
use crate::course::tell_breaker_of_success;
use crate::deadline::{Deadline, Limit, Scope};
use crate::operation::Attempt;
use crate::retry::Retry;
use crate::terms::Terms;

/// Returns the permission for a first attempt that only the policy bounds, if the breaker remembers no
/// failure; `None` if the call has to begin with [`Course::begin`](crate::course::Course::begin).
#[inline(always)]
pub(crate) fn leave<'a>(terms: &impl Terms<'a>, deadline: Option<Deadline>) -> Option<Ticket> {
    if deadline.is_some() || !Scope::current().is_outside() {
        return None;
    }
    terms.breaker().map_or(Some(Ticket::NONE), |breaker| breaker.quick_leave())
}

/// Returns the attempt that [`leave`] allows, and its scope.
#[inline(always)]
pub(crate) fn attempt(ms: u32) -> (Attempt, Scope) {
    (Attempt { number: 0, limit_ns: u64::from(ms) * 1_000_000 }, Scope::of(Limit::Lasts { ms }))
}

/// Takes note that an attempt that [`leave`] allowed succeeded at once.
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

/// Takes back the permission of an attempt that panicked.
#[cold]
pub(crate) fn dropped<'a>(terms: &mut impl Terms<'a>, ticket: Ticket) {
    with_retry(terms, |retry| {
        let Some(breaker) = &retry.breaker else { return };
        breaker.cancelled(ticket, Duration::ZERO, || retry.clock.monotonic());
    });
}

/// Does what needs the whole [`Retry`], for a call that is over.
fn with_retry<'a>(terms: &mut impl Terms<'a>, act: impl FnOnce(&Retry<'a>)) {
    let made = terms.make();
    if let Some(retry) = terms.made().or(made.as_ref()) {
        act(retry);
    }
}
