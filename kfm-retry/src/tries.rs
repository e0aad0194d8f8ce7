//! The loop form: the caller's own loop makes the attempts, so that `?`, `break` and `&mut` work as ever.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use crate::classify::{Classify, Verdict};
use crate::course::Course;
use crate::deadline::Deadline;
use crate::failed::{Failed, Report};
use crate::operation::Attempt;
use crate::retry::Retry;
use crate::witness::{Key, Witness};

/// How an attempt ended that did not succeed.
#[derive(Debug)]
pub enum Fault<E> {
    /// The attempt returned an error.
    Error(E),
    /// The attempt's own time-out cut it off.
    TimedOut,
    /// The call was given up before this attempt could begin.
    Refused(Failed<E>),
}

/// The attempts of one call, in a loop that the caller writes; made by [`Retry::tries`].
///
/// ```
/// # #[cfg(feature = "tokio")] {
/// use kfm_retry::{Policy, Retry, idempotent};
///
/// struct Cursor(u32);
/// impl Cursor {
///     async fn next_row(&mut self) -> Result<u32, std::io::Error> { self.0 += 1; Ok(self.0) }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let retry = Retry::new(Policy::kfm());
/// let mut cursor = Cursor(0);
/// let mut tries = retry.tries(idempotent("rows"));
/// let row = loop {
///     match tries.attempt(cursor.next_row()).await {
///         Ok(row) => break row,
///         Err(fault) => tries.wait(fault).await?,
///     }
/// };
/// assert_eq!(row, 1);
/// # Ok::<(), kfm_retry::Failed<std::io::Error>>(()) }).unwrap(); }
/// ```
#[derive(Debug)]
pub struct Tries<'s, 'a> {
    retry: &'s Retry<'a>,
    course: Course<'a>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Begun(Attempt),
    Failed,
    Over,
}

impl<'a> Retry<'a> {
    /// The loop form: the caller's own loop makes the attempts.
    pub fn tries<'s>(&'s self, witness: impl Witness<'a>) -> Tries<'s, 'a> {
        Tries::new(self, witness.key())
    }

    /// Runs `operation`, which borrows `context` anew for each attempt, until it succeeds or is given up.
    ///
    /// For a `&mut` context, which a closure cannot lend to its future: `async |cursor, at| ..` is handed the
    /// context instead. Cancel safety is that of [`run`](Self::run).
    ///
    /// # Errors
    /// [`Failed`]: the error of the last attempt as it was, and why the call is not tried again.
    pub async fn run_with<S: ?Sized, T, E: Classify>(
        &self,
        witness: impl Witness<'a>,
        context: &mut S,
        mut operation: impl AsyncFnMut(&mut S, Attempt) -> Result<T, E>,
    ) -> Result<T, Failed<E>> {
        let mut tries = self.tries(witness);
        loop {
            let attempt = tries.begin()?;
            match tries.attempt(operation(context, attempt)).await {
                Ok(output) => return Ok(output),
                Err(fault) => tries.wait(fault).await?,
            }
        }
    }
}

impl<'s, 'a> Tries<'s, 'a> {
    pub(crate) fn new(retry: &'s Retry<'a>, key: Key<'a>) -> Self {
        Self { retry, course: Course::new(key, None), stage: Stage::New }
    }

    /// Ends the call by `deadline`, if that is earlier than the end that the policy sets.
    #[must_use]
    pub fn deadline(mut self, deadline: Deadline) -> Self {
        self.course.set_deadline(deadline);
        self
    }

    /// Begins the next attempt, for a caller that wants to know its number or limit before it makes the
    /// attempt; otherwise [`attempt`](Self::attempt) does this.
    ///
    /// # Errors
    /// [`Failed`]: the call was given up before the attempt: its deadline has passed, or the breaker refused.
    pub fn begin<E>(&mut self) -> Result<Attempt, Failed<E>> {
        match self.stage {
            Stage::Begun(attempt) => return Ok(attempt),
            Stage::New => self.enter(Course::begin),
            Stage::Failed | Stage::Over => self.enter(Course::next),
        }
        .map_err(Failed::without_error)
    }

    fn enter(
        &mut self,
        begin: impl FnOnce(&mut Course<'a>, &Retry<'a>) -> Result<Attempt, Box<Report>>,
    ) -> Result<Attempt, Box<Report>> {
        let begun = begin(&mut self.course, self.retry);
        self.stage = begun.as_ref().map_or(Stage::Over, |attempt| Stage::Begun(*attempt));
        begun
    }

    /// Makes an attempt, and cuts it off when its time is over.
    ///
    /// # Errors
    /// [`Fault`]: hand it to [`wait`](Self::wait).
    pub async fn attempt<T, E>(
        &mut self,
        running: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Fault<E>> {
        self.begin().map_err(Fault::Refused)?;
        let (mut running, mut timer) = (pin!(running), None);
        let (retry, course) = (self.retry, &mut self.course);
        let result = std::future::poll_fn(|cx| {
            let polled = {
                let _scope = course.scope(retry).enter();
                running.as_mut().poll(cx)
            };
            match polled {
                Poll::Ready(result) => Poll::Ready(result.map_err(Fault::Error)),
                Poll::Pending => timer
                    .get_or_insert_with(|| retry.clock.alarm(course.attempt_remaining(retry)))
                    .as_mut()
                    .poll(cx)
                    .map(|()| Err(Fault::TimedOut)),
            }
        })
        .await;
        self.stage = Stage::Failed;
        if result.is_ok() {
            self.course.succeeded(self.retry);
            self.stage = Stage::Over;
        }
        result
    }

    /// Waits as the policy says after an attempt that failed.
    ///
    /// # Errors
    /// [`Failed`]: the call is given up; leave the loop with it.
    pub async fn wait<E: Classify>(&mut self, fault: Fault<E>) -> Result<(), Failed<E>> {
        let (verdict, error): (Verdict, _) = match fault {
            Fault::Error(error) => (error.classify(), Some(error)),
            Fault::TimedOut => (self.retry.policy.timeouts_are.into(), None),
            Fault::Refused(failed) => return Err(failed),
        };
        match self.course.failed(self.retry, verdict, None) {
            Ok(delay) => {
                self.retry.clock.sleep(delay).await;
                // Here, while the error is at hand, and not when the attempt begins.
                self.enter(Course::next).map(drop).map_err(|report| Failed { error, report })
            }
            Err(report) => {
                self.stage = Stage::Over;
                Err(Failed { error, report })
            }
        }
    }
}

impl Drop for Tries<'_, '_> {
    fn drop(&mut self) {
        self.course.dropped(self.retry, self.stage == Stage::Failed);
    }
}
