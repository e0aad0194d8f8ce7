//! The moment by which a call has to be over, and how it reaches the calls inside.
//!
//! A deadline reaches the retried calls inside an attempt by itself, in the same task or thread: while an
//! attempt is polled, its scope is in a thread-local. An inner policy takes the earlier of both deadlines,
//! and makes only one attempt, so that nested retries do not multiply (R83). A deadline for a spawned task,
//! another thread or another process has to be handed over: [`Deadline::remaining`] goes into a header, and
//! [`Deadline::after`] makes a deadline of it there.

use std::cell::Cell;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::clock::Clock;
use crate::nanos;

/// A moment on the monotonic time of one [`Clock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(
    /// Its nanoseconds plus one: a word in which 0 stays free, since every call carries a deadline that may
    /// be missing.
    NonZeroU64,
);

impl Deadline {
    /// Returns the deadline `time` after now.
    pub fn after(clock: &dyn Clock, time: Duration) -> Self {
        Self::at(clock.monotonic().saturating_add(time))
    }

    /// Returns the deadline at the moment `monotonic` of a clock.
    pub const fn at(monotonic: Duration) -> Self {
        Self::at_ns(nanos(monotonic))
    }

    const fn at_ns(ns: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(ns))
    }

    /// Returns the deadline of the attempt that this code runs in, if it runs in one on the same clock.
    pub fn inherited(clock: &dyn Clock) -> Option<Self> {
        Scope::current().ends_ns(clock).map(Self::at_ns)
    }

    /// Returns the time that is left; zero once it has passed.
    pub fn remaining(self, clock: &dyn Clock) -> Duration {
        Duration::from_nanos(self.nanos()).saturating_sub(clock.monotonic())
    }

    pub(crate) const fn nanos(self) -> u64 {
        self.0.get() - 1
    }
}

/// The attempt that the running code is part of: none, or one with a limit.
///
/// It is one word, since every poll of every attempt swaps it. 0 means no attempt; the highest bit tells a
/// length in milliseconds from a moment in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scope(u64);

/// How long an attempt may take.
///
/// An attempt that has not waited for anything yet has a length and no end, so that a healthy call that is
/// ready at once never reads a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// For this time, from this poll on.
    Lasts { ms: u32 },
    /// Until this moment; 292 years count as for ever.
    Ends { at_ns: u64 },
}

thread_local! {
    static CURRENT: Cell<Scope> = const { Cell::new(Scope::OUTSIDE) };
}

impl Scope {
    pub(crate) const OUTSIDE: Self = Self(0);
    const LASTS: u64 = 1 << 63;

    /// Makes the scope of an attempt with a limit.
    #[inline]
    pub(crate) fn of(limit: Limit) -> Self {
        match limit {
            Limit::Lasts { ms } => Self(u64::from(ms) | Self::LASTS),
            Limit::Ends { at_ns } => Self(at_ns.clamp(1, Self::LASTS - 1)),
        }
    }

    /// Returns the moment at which the attempt ends, if there is an attempt.
    pub(crate) fn ends_ns(self, clock: &dyn Clock) -> Option<u64> {
        match self.0 {
            0 => None,
            at_ns if at_ns & Self::LASTS == 0 => Some(at_ns),
            ms => Some(nanos(clock.monotonic()).saturating_add((ms & !Self::LASTS) * 1_000_000)),
        }
    }

    /// Returns the scope of the running code.
    #[inline]
    pub(crate) fn current() -> Self {
        CURRENT.with(Cell::get)
    }

    /// Tells whether the code runs in no attempt.
    #[inline]
    pub(crate) fn is_outside(self) -> bool {
        self == Self::OUTSIDE
    }

    /// Makes this the scope of the running code until the returned value is dropped, also by a panic.
    #[inline]
    pub(crate) fn enter(self) -> Entered {
        self.enter_from(Self::current())
    }

    /// As `enter`, where the outer scope is known already: a value that is not read need not be waited for.
    #[inline]
    pub(crate) fn enter_from(self, outer: Self) -> Entered {
        CURRENT.with(|current| current.set(self));
        Entered { outer }
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
