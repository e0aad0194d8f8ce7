//! The circuit breaker: stops calling a dependency that keeps failing (R81).
//!
//! A breaker is a machine without a clock: the time comes in as an argument, and only when it is needed.
//! Three promises distinguish it; loom checks them over all interleavings (`tests/loom_breaker.rs`):
//!
//! - **One probe**: after the cool-down one trial call goes through, and no second until it has ended or its
//!   lease is over.
//! - **Stale results change nothing**: a call that began before the last change of state has no say.
//! - **One event a change**: of all threads that would change the state, one does and hears of it.

mod policy;
mod registry;
mod window;
mod windowed;
mod word;

use std::borrow::Cow;
use std::time::Duration;

pub use policy::{BreakerPolicy, Opens, Rate, SlowCalls};
pub use registry::Breakers;
pub use word::{Change, State, Ticket};

use window::{Ended, Window};
use windowed::Windowed;
use word::Word;

/// What threads share in [`word`] and [`windowed`]; the loom test puts loom's in their place.
mod atomic {
    pub(super) use std::sync::Mutex;
    pub(super) use std::sync::atomic::{AtomicU64, Ordering};
}

/// Refuses calls to a dependency that keeps failing.
///
/// Shared by all calls to that dependency: as a `static`, in an `Arc`, or by name through [`Breakers`].
///
/// ```
/// use kfm_retry::breaker::{Breaker, BreakerPolicy, State};
/// use std::time::Duration;
///
/// static GRAPH: Breaker = Breaker::new("neo4j", BreakerPolicy::kfm());
///
/// let now = || Duration::from_secs(1);
/// for _ in 0..3 {
///     let ticket = GRAPH.admit(now).expect("it is closed");
///     GRAPH.failed(ticket, None, now);
/// }
/// assert_eq!(GRAPH.state(), State::Open);
/// assert_eq!(GRAPH.admit(now).unwrap_err().retry_in, Some(Duration::from_secs(300)));
/// assert!(GRAPH.admit(|| Duration::from_secs(301)).expect("the trial call").is_probe());
/// ```
#[derive(Debug)]
pub struct Breaker {
    name: Cow<'static, str>,
    policy: BreakerPolicy,
    // Both follow from the policy; each healthy call asks.
    counts_in_a_row: bool,
    times_calls: bool,
    word: Word,
    window: Windowed,
}

/// A call that a breaker refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// When a trial call, or its replacement, may go through; `None` while an operator isolates it.
    pub retry_in: Option<Duration>,
}

impl Breaker {
    /// Makes a closed breaker.
    pub const fn new(name: &'static str, policy: BreakerPolicy) -> Self {
        Self::with_name(Cow::Borrowed(name), policy)
    }

    const fn with_name(name: Cow<'static, str>, policy: BreakerPolicy) -> Self {
        Self {
            name,
            counts_in_a_row: matches!(policy.opens, Opens::Consecutive { .. }),
            times_calls: policy.opens.slower_than_ms().is_some(),
            policy,
            word: Word::over(atomic::AtomicU64::new(0)),
            window: Windowed::over(atomic::Mutex::new(Window::new()), atomic::AtomicU64::new(0)),
        }
    }

    /// Makes a closed breaker with a name that is only known at run time.
    pub fn named(name: impl Into<String>, policy: BreakerPolicy) -> Self {
        Self::with_name(Cow::Owned(name.into()), policy)
    }

    /// Returns its name in telemetry.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its policy.
    pub fn policy(&self) -> &BreakerPolicy {
        &self.policy
    }

    /// Returns what it does with calls; an open one whose time is up is still open until a call comes.
    pub fn state(&self) -> State {
        self.word.state()
    }

    /// Tells whether a call with `ticket` may make another attempt: no other call has opened it since.
    #[inline]
    pub fn allows(&self, ticket: Ticket) -> bool {
        self.word.allows(ticket)
    }

    /// Lets a call through or refuses it; asks for the time only if it is not closed.
    ///
    /// A ticket must come back, by [`succeeded`](Self::succeeded), [`failed`](Self::failed) or
    /// [`cancelled`](Self::cancelled); a lost probe blocks the others until its lease is over.
    ///
    /// # Errors
    /// [`Refused`]: do not call; come back later.
    #[inline]
    pub fn admit(&self, now: impl FnOnce() -> Duration) -> Result<Ticket, Refused> {
        self.word
            .admit(|| self.policy.rules(), || ms(now()))
            .map_err(|refused| Refused { retry_in: refused.retry_in_ms.map(Duration::from_millis) })
    }

    /// Lets a call through without looking at the time, if it is closed and need not time the call.
    #[inline]
    pub(crate) fn quick_leave(&self) -> Option<Ticket> {
        self.word.closed_ticket().filter(|_| !self.times_calls())
    }

    /// Tells whether a success with `ticket` would change nothing, because no failure is remembered.
    #[inline]
    pub(crate) fn stays_healthy(&self, ticket: Ticket) -> bool {
        self.counts_in_a_row && self.word.is_healthy_for(ticket)
    }

    /// Records that the call with `ticket` succeeded, after `ran` if [`times_calls`](Self::times_calls).
    #[inline]
    pub fn succeeded(
        &self,
        ticket: Ticket,
        ran: Option<Duration>,
        now: impl FnOnce() -> Duration,
    ) -> Option<Change> {
        if self.counts_in_a_row || ticket.is_probe() {
            self.word.succeeded(|| self.policy.rules(), ticket)
        } else {
            self.ended_in_window(ticket, false, ran, now)
        }
    }

    /// Records that the call with `ticket` failed, after `ran` if [`times_calls`](Self::times_calls).
    #[cold]
    pub fn failed(
        &self,
        ticket: Ticket,
        ran: Option<Duration>,
        now: impl FnOnce() -> Duration,
    ) -> Option<Change> {
        if self.counts_in_a_row || ticket.is_probe() {
            self.word.failed(&self.policy.rules(), ticket, ms(now()))
        } else {
            self.ended_in_window(ticket, true, ran, now)
        }
    }

    /// Records that the call with `ticket` was dropped after it `ran` so long.
    ///
    /// A call that ran long enough to be judged counts as failed; a probe that did not is given back, so that
    /// the next call is the trial.
    #[cold]
    pub fn cancelled(&self, ticket: Ticket, ran: Duration, now: impl FnOnce() -> Duration) -> Option<Change> {
        if ran >= Duration::from_millis(u64::from(self.policy.cancelled_after_ms)) {
            self.failed(ticket, Some(ran), now)
        } else {
            self.word.give_back(ticket)
        }
    }

    /// Refuses calls from now on, until [`reset`](Self::reset): an operator's hand on the switch.
    pub fn isolate(&self) -> Option<Change> {
        self.word.isolate()
    }

    /// Closes it and forgets what it has seen.
    pub fn reset(&self) -> Option<Change> {
        self.word.reset()
    }

    /// Tells whether it needs to know how long calls took.
    #[inline]
    pub fn times_calls(&self) -> bool {
        self.times_calls
    }

    fn slower_than(&self) -> Option<Duration> {
        self.policy.opens.slower_than_ms().map(|limit_ms| Duration::from_millis(u64::from(limit_ms)))
    }

    fn ended_in_window(
        &self,
        ticket: Ticket,
        failed: bool,
        ran: Option<Duration>,
        now: impl FnOnce() -> Duration,
    ) -> Option<Change> {
        let slow = ran.zip(self.slower_than()).is_some_and(|(ran, limit)| ran >= limit);
        let ended = Ended { failed, slow };
        let at_ms = self.window.record(&self.policy.opens, &self.word, ticket, ended, || ms(now()))?;
        self.word.trip(&self.policy.rules(), ticket, at_ms)
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
