//! A bulkhead: how many calls to one dependency may run at once.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering::AcqRel, Ordering::Acquire};

use crate::classify::{Classify, ErrorClass, Verdict};

/// Refuses a call while too many are running; it never queues calls.
///
/// Put it inside a retried operation, around each attempt, so that a call holds no place while it waits
/// between attempts: `|| bulkhead.run(fetch())`.
#[derive(Debug)]
pub struct Bulkhead {
    running: AtomicU32,
    running_max: u32,
}

/// The place of one running call; given back when dropped.
#[derive(Debug)]
#[must_use = "the place is given back when this is dropped"]
pub struct Place<'b>(&'b Bulkhead);

/// Why a limited call did not succeed: this process refused it, or it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited<E> {
    /// There was no place for the call, so it was not made.
    Refused,
    /// The call was made and returned this error.
    Error(E),
}

impl Bulkhead {
    /// Lets at most `running_max` calls run at once.
    pub const fn new(running_max: u32) -> Self {
        Self { running: AtomicU32::new(0), running_max }
    }

    /// Takes a place; `None` if all are taken.
    pub fn enter(&self) -> Option<Place<'_>> {
        let one_more = |running: u32| (running < self.running_max).then_some(running + 1);
        self.running.fetch_update(AcqRel, Acquire, one_more).ok().map(|_| Place(self))
    }

    /// Runs `call` if there is a place for it.
    ///
    /// # Errors
    /// [`Limited::Refused`]: nothing was done, try again later. [`Limited::Error`]: the call's own error.
    pub async fn run<T, E>(&self, call: impl Future<Output = Result<T, E>>) -> Result<T, Limited<E>> {
        let _place = self.enter().ok_or(Limited::Refused)?;
        call.await.map_err(Limited::Error)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, AcqRel);
    }
}

impl<E: Classify> Classify for Limited<E> {
    fn classify(&self) -> Verdict {
        match self {
            Self::Refused => ErrorClass::Overloaded.into(),
            Self::Error(error) => error.classify(),
        }
    }
}

impl<E> fmt::Display for Limited<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "no place for another call",
            Self::Error(_) => "the call failed",
        })
    }
}

impl<E: std::error::Error + 'static> std::error::Error for Limited<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused => None,
            Self::Error(error) => Some(error),
        }
    }
}
