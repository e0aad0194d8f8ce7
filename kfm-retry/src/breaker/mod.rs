//! The circuit breaker: stops calling a dependency that keeps failing (R81).
//!
//! A breaker has no clock: the time comes in as an argument, and only when it is needed. It makes three
//! promises, which loom checks over all interleavings (`testing/loom/tests/loom_breaker.rs`):
//!
//! - **One probe**: after the cool-down one trial call goes through, and no second one until that has ended
//!   or its lease is over.
//! - **Stale results change nothing**: the result of a call that began before the last change of state is
//!   ignored.
//! - **One event a change**: of all threads that could change the state, one does, and only that one is told.

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

/// The types that threads share in [`word`] and [`windowed`]; the loom test replaces them with loom's.
mod atomic {
    pub(super) use std::sync::Mutex;
    pub(super) use std::sync::atomic::{AtomicU64, Ordering};
}

/// Refuses calls to a dependency that keeps failing.
///
/// All calls to that dependency share it: as a `static`, in an `Arc`, or by name through [`Breakers`].
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
    // Both follow from the policy; they are stored because each healthy call asks for them.
    counts_in_a_row: bool,
    times_calls: bool,
    word: Word,
    window: Windowed,
}

/// A call that a breaker refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// In how much time a trial call, or its replacement, may go through; `None` while an operator isolates
    /// the breaker.
    pub retry_in: Option<Duration>,
}

impl Breaker {
    /// Makes a closed breaker; `name` is its name in telemetry.
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

    /// Returns the breaker's name in telemetry.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the breaker's policy.
    pub fn policy(&self) -> &BreakerPolicy {
        &self.policy
    }

    /// Returns what the breaker does with calls. An open breaker whose cool-down is over stays open until a
    /// call comes.
    pub fn state(&self) -> State {
        self.word.state()
    }

    /// Tells whether a call with `ticket` may make another attempt: no other call has opened the breaker
    /// since.
    #[inline]
    pub fn allows(&self, ticket: Ticket) -> bool {
        self.word.allows(ticket)
    }

    /// Lets a call through or refuses it; reads the time only if the breaker is not closed.
    ///
    /// The caller must give the ticket back, by [`succeeded`](Self::succeeded), [`failed`](Self::failed) or
    /// [`cancelled`](Self::cancelled). A probe that is not given back blocks other calls until its lease is
    /// over.
    ///
    /// # Errors
    /// [`Refused`]: do not make the call; try again later.
    #[inline]
    pub fn admit(&self, now: impl FnOnce() -> Duration) -> Result<Ticket, Refused> {
        self.word
            .admit(|| self.policy.rules(), || ms(now()))
            .map_err(|refused| Refused { retry_in: refused.retry_in_ms.map(Duration::from_millis) })
    }

    /// Lets a call through without reading the time, if the breaker is closed and need not time the call.
    #[inline]
    pub(crate) fn quick_leave(&self) -> Option<Ticket> {
        self.word.closed_ticket().filter(|_| !self.times_calls())
    }

    /// Tells whether a success with `ticket` would change nothing, because the breaker remembers no failure.
    #[inline]
    pub(crate) fn stays_healthy(&self, ticket: Ticket) -> bool {
        self.counts_in_a_row && self.word.is_healthy_for(ticket)
    }

    /// Records that the call with `ticket` succeeded, and returns the change of state that this made, if any.
    /// `ran` is how long the call ran, if [`times_calls`](Self::times_calls) asks for it.
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

    /// Records that the call with `ticket` failed, and returns the change of state that this made, if any.
    /// `ran` is how long the call ran, if [`times_calls`](Self::times_calls) asks for it.
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

    /// Records that the call with `ticket` was dropped after it had run for `ran`.
    ///
    /// A call that ran long enough to be judged counts as failed. A probe that did not run long enough is
    /// given back, so that the next call is the trial.
    #[cold]
    pub fn cancelled(&self, ticket: Ticket, ran: Duration, now: impl FnOnce() -> Duration) -> Option<Change> {
        if ran >= Duration::from_millis(u64::from(self.policy.cancelled_after_ms)) {
            self.failed(ticket, Some(ran), now)
        } else {
            self.word.give_back(ticket)
        }
    }

    /// Refuses every call from now on, until an operator's program calls [`reset`](Self::reset).
    pub fn isolate(&self) -> Option<Change> {
        self.word.isolate()
    }

    /// Closes the breaker and forgets the calls that it has seen.
    pub fn reset(&self) -> Option<Change> {
        self.word.reset()
    }

    /// Tells whether the breaker needs to know how long calls took.
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
