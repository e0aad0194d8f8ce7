//! The form for code that is not async: the same decisions; its waits hold the thread.

use crate::classify::{BySelf, Classifier};
use crate::clock::Pause;
use crate::course::Course;
use crate::deadline::Deadline;
use crate::failed::Failed;
use crate::operation::Attempt;
use crate::retry::Retry;
use crate::witness::Witness;

/// Retries operations that hold their thread; made by [`Retry::blocking`].
///
/// An attempt cannot be cut off from outside. The operation is told the attempt's [`limit`](Attempt::limit),
/// for the time-out of its socket; an attempt that succeeds too late has succeeded.
///
/// ```
/// use kfm_retry::{ErrorClass, ManualClock, Policy, Retry, idempotent};
/// use std::time::SystemTime;
///
/// let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
/// let retry = Retry::with_clock(Policy::kfm(), &clock);
/// let mut busy = 2;
/// let tile = retry.blocking(&clock).run(idempotent("tile/7/29/48"), |_at| {
///     if busy > 0 { busy -= 1; Err(ErrorClass::Server) } else { Ok("tile") }
/// });
/// assert_eq!(tile.unwrap(), "tile");
/// ```
#[derive(Clone, Copy)]
pub struct Blocking<'s, 'a> {
    retry: &'s Retry<'a>,
    pause: &'s dyn Pause,
    deadline: Option<Deadline>,
}

impl<'a> Retry<'a> {
    /// The form for code that is not async: it waits by holding the thread, through `pause`.
    pub fn blocking<'s>(&'s self, pause: &'s dyn Pause) -> Blocking<'s, 'a> {
        Blocking::new(self, pause)
    }
}

impl<'s, 'a> Blocking<'s, 'a> {
    pub(crate) fn new(retry: &'s Retry<'a>, pause: &'s dyn Pause) -> Self {
        Self { retry, pause, deadline: None }
    }

    /// Ends the call by `deadline`, if that is earlier than the end that the policy sets.
    #[must_use]
    pub fn deadline(self, deadline: Deadline) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// Runs `operation` until it succeeds or is given up.
    ///
    /// # Errors
    /// [`Failed`]: the error of the last attempt as it was, and why the call is not tried again.
    pub fn run<T, E>(
        &self,
        witness: impl Witness<'a>,
        operation: impl FnMut(Attempt) -> Result<T, E>,
    ) -> Result<T, Failed<E>>
    where
        BySelf: Classifier<E>,
    {
        self.run_classified(witness, BySelf, operation)
    }

    /// Runs `operation` until it succeeds or is given up; `classifier` judges its errors.
    ///
    /// # Errors
    /// [`Failed`]: the error of the last attempt as it was, and why the call is not tried again.
    pub fn run_classified<T, E>(
        &self,
        witness: impl Witness<'a>,
        classifier: impl Classifier<E>,
        mut operation: impl FnMut(Attempt) -> Result<T, E>,
    ) -> Result<T, Failed<E>> {
        let mut call = Guarded { course: Course::new(witness.key(), self.deadline), retry: self.retry };
        let mut attempt = call.course.begin(self.retry).map_err(Failed::without_error)?;
        loop {
            let result = {
                let _scope = call.course.scope(self.retry).enter();
                operation(attempt)
            };
            let error = match result {
                Ok(output) => {
                    call.course.succeeded(self.retry);
                    return Ok(output);
                }
                Err(error) => error,
            };
            match call.course.failed(self.retry, classifier.verdict(&error), None) {
                Ok(delay) => self.pause.pause(delay),
                Err(report) => return Err(Failed { error: Some(error), report }),
            }
            attempt = match call.course.next(self.retry) {
                Ok(attempt) => attempt,
                Err(report) => return Err(Failed { error: Some(error), report }),
            };
        }
    }
}

impl std::fmt::Debug for Blocking<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blocking").field("retry", self.retry).finish_non_exhaustive()
    }
}

/// Gives the breaker's permission back if the operation panics.
struct Guarded<'s, 'a> {
    course: Course<'a>,
    retry: &'s Retry<'a>,
}

impl Drop for Guarded<'_, '_> {
    fn drop(&mut self) {
        self.course.dropped(self.retry, false);
    }
}
