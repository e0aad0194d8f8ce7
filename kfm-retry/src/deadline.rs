//! The moment by which a call has to be over, and how it reaches the calls inside.
//!
//! A deadline travels by itself to the retried calls that run inside an attempt, in the same task or thread:
//! while an attempt is polled, its [`Scope`] stands in a thread-local. Inner policies take the earlier of
//! both deadlines, and make one attempt only, so that nested retries do not multiply (R83). Into a spawned
//! task, another thread or another process a deadline has to be handed over: [`Deadline::remaining`] is what
//! goes into a header, [`Deadline::after`] what comes out of it.

use std::cell::Cell;
use std::time::Duration;

use crate::clock::Clock;
use crate::nanos;

/// A moment on the monotonic time of one [`Clock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Duration);

impl Deadline {
    /// Returns the moment `time` after now.
    pub fn after(clock: &dyn Clock, time: Duration) -> Self {
        Self(clock.monotonic().saturating_add(time))
    }

    /// Returns the moment at `monotonic` on the clock.
    pub const fn at(monotonic: Duration) -> Self {
        Self(monotonic)
    }

    /// Returns the deadline of the attempt that this code runs in, if it runs in one on the same clock.
    pub fn inherited(clock: &dyn Clock) -> Option<Self> {
        match Scope::current() {
            Scope::Outside
            | Scope::Started { ends_ns: u64::MAX }
            | Scope::Starting { limit_ns: u64::MAX } => None,
            Scope::Started { ends_ns } => Some(Self(Duration::from_nanos(ends_ns))),
            Scope::Starting { limit_ns } => Some(Self::after(clock, Duration::from_nanos(limit_ns))),
        }
    }

    /// Returns the time that is left; zero once it has passed.
    pub fn remaining(self, clock: &dyn Clock) -> Duration {
        self.0.saturating_sub(clock.monotonic())
    }

    pub(crate) fn nanos(self) -> u64 {
        nanos(self.0)
    }
}

/// Which attempt the running code is part of.
///
/// An attempt that has not waited for anything yet has no end, only a limit: a healthy call that is ready at
/// once never reads a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Of none.
    Outside,
    /// Of one that began in this very poll and may take so long.
    Starting { limit_ns: u64 },
    /// Of one that ends at this moment.
    Started { ends_ns: u64 },
}

thread_local! {
    static CURRENT: Cell<Scope> = const { Cell::new(Scope::Outside) };
}

impl Scope {
    /// Returns the scope of the running code.
    #[inline]
    pub(crate) fn current() -> Self {
        CURRENT.with(Cell::get)
    }

    /// Makes this the scope of the running code until the answer is dropped, also by a panic.
    #[inline]
    pub(crate) fn enter(self) -> Entered {
        Entered { outer: CURRENT.with(|current| current.replace(self)) }
    }
}

/// Restores the outer scope when dropped.
#[derive(Debug)]
pub(crate) struct Entered {
    outer: Scope,
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        CURRENT.with(|current| current.set(self.outer));
    }
}
