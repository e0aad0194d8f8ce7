//! What can be tried: a closure, a function or a method path that starts a new future for each attempt.

use std::future::Future;
use std::time::Duration;

use crate::clock::Clock;
use crate::deadline::Deadline;

/// One attempt of a call, as its operation sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The number of the attempt, from 0.
    pub number: u8,
    pub(crate) limit_ns: u64,
}

impl Attempt {
    /// Returns how long this attempt may take, from its start.
    pub fn limit(&self) -> Duration {
        Duration::from_nanos(self.limit_ns)
    }

    /// Returns the moment at which this attempt is cut off, for work that leaves the task.
    ///
    /// Call this first, since the limit counts from now. Calls that stay in the task need not ask: see
    /// [`Deadline::inherited`].
    pub fn deadline(&self, clock: &dyn Clock) -> Deadline {
        Deadline::after(clock, self.limit())
    }
}

/// Starts the attempts of a call.
///
/// Closures and functions without an argument, or with the [`Attempt`] as argument, are operations if they
/// return a future of a `Result`. `Args` tells the two apart and is always inferred.
///
/// # Implementing
/// `start` must only make the future: it is called when the attempt begins, not before.
pub trait Operation<Args> {
    /// The value of a successful attempt.
    type Output;
    /// The error of a failed attempt.
    type Error;
    /// The future of one attempt.
    type Future: Future<Output = Result<Self::Output, Self::Error>>;

    /// Starts an attempt: makes its future, and does nothing else.
    fn start(&mut self, attempt: Attempt) -> Self::Future;
}

impl<F, Fut, T, E> Operation<()> for F
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    type Output = T;
    type Error = E;
    type Future = Fut;

    #[inline]
    fn start(&mut self, _attempt: Attempt) -> Fut {
        self()
    }
}

impl<F, Fut, T, E> Operation<(Attempt,)> for F
where
    F: FnMut(Attempt) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    type Output = T;
    type Error = E;
    type Future = Fut;

    #[inline]
    fn start(&mut self, attempt: Attempt) -> Fut {
        self(attempt)
    }
}
