//! The async form: one future that runs attempts, cuts them off and waits in between.

use std::borrow::Borrow;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::classify::Classifier;
use crate::clock::Sleep;
use crate::course::Course;
use crate::deadline::Deadline;
use crate::failed::{Failed, Report};
use crate::operation::{Attempt, Operation};
use crate::retry::Retry;
use crate::witness::Key;

pin_project! {
    /// A call that is being tried; does nothing until it is polled.
    ///
    /// Timers are armed when an attempt is pending for the first time: a call that is ready at once reads no
    /// clock and allocates nothing.
    #[must_use = "futures do nothing unless awaited"]
    pub struct Run<'a, F, Args, R, K>
    where
        F: Operation<Args>,
    {
        operation: F,
        retry: R,
        classifier: K,
        course: Course<'a>,
        begun: bool,
        // Of the running attempt; or, while none runs, of the wait.
        timer: Option<Sleep>,
        #[pin]
        running: Option<F::Future>,
        reveal: Option<fn(&F::Error) -> String>,
        args: PhantomData<fn(Args)>,
    }
}

impl<'a, F, Args, R, K> Run<'a, F, Args, R, K>
where
    F: Operation<Args>,
    R: Borrow<Retry<'a>>,
{
    #[inline]
    pub(crate) fn new(retry: R, key: Key<'a>, operation: F, classifier: K) -> Self {
        Self {
            operation,
            retry,
            classifier,
            course: Course::new(key),
            begun: false,
            timer: None,
            running: None,
            reveal: None,
            args: PhantomData,
        }
    }

    /// Is over by `deadline`, if that is earlier than the policy's total.
    pub fn deadline(mut self, deadline: Deadline) -> Self {
        self.course.set_deadline(deadline);
        self
    }

    /// Judges errors with `classifier` instead of their own [`Classify`](crate::Classify).
    pub fn classify<C: Classifier<F::Error>>(self, classifier: C) -> Run<'a, F, Args, R, C> {
        Run {
            operation: self.operation,
            retry: self.retry,
            classifier,
            course: self.course,
            begun: self.begun,
            timer: self.timer,
            running: self.running,
            reveal: self.reveal,
            args: PhantomData,
        }
    }

    /// Shows the text of errors in events, which otherwise carry their class only.
    pub fn reveal_errors(mut self) -> Self
    where
        F::Error: std::fmt::Display,
    {
        self.reveal = Some(ToString::to_string);
        self
    }
}

impl<'a, F, Args, R, K> Future for Run<'a, F, Args, R, K>
where
    F: Operation<Args>,
    R: Borrow<Retry<'a>>,
    K: Classifier<F::Error>,
{
    type Output = Result<F::Output, Failed<F::Error>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let retry: &Retry<'a> = (*this.retry).borrow();
        if !*this.begun {
            *this.begun = true;
            let attempt = this.course.begin(retry).map_err(without_error)?;
            this.running.set(Some(this.operation.start(attempt)));
        }
        loop {
            if let Some(running) = this.running.as_mut().as_pin_mut() {
                let polled = {
                    let _scope = this.course.scope().enter();
                    running.poll(cx)
                };
                let error = match polled {
                    Poll::Ready(Ok(output)) => {
                        this.course.succeeded(retry);
                        return Poll::Ready(Ok(output));
                    }
                    Poll::Ready(Err(error)) => Some(error),
                    Poll::Pending => {
                        ready!(poll_time_out(this.course, retry, this.timer, cx));
                        None
                    }
                };
                *this.timer = None;
                this.running.set(None);
                let delay = settle(this.course, retry, this.classifier, error, *this.reveal)?;
                *this.timer = Some(retry.clock.sleep(delay));
            } else {
                if let Some(wait) = this.timer {
                    ready!(wait.as_mut().poll(cx));
                    *this.timer = None;
                }
                let attempt: Attempt = this.course.next(retry).map_err(without_error)?;
                this.running.set(Some(this.operation.start(attempt)));
            }
        }
    }
}

/// Waits for the end of the running attempt's time; arms the timer the first time.
#[cold]
fn poll_time_out(
    course: &mut Course<'_>,
    retry: &Retry<'_>,
    timer: &mut Option<Sleep>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    timer.get_or_insert_with(|| retry.clock.sleep(course.attempt_remaining(retry))).as_mut().poll(cx)
}

/// Settles a failed attempt; says how long to wait, or gives the error back.
#[cold]
fn settle<E, K: Classifier<E>>(
    course: &mut Course<'_>,
    retry: &Retry<'_>,
    classifier: &K,
    error: Option<E>,
    reveal: Option<fn(&E) -> String>,
) -> Result<std::time::Duration, Failed<E>> {
    let verdict = match &error {
        Some(error) => classifier.verdict(error),
        None => retry.policy.timeouts_are.into(),
    };
    let text = error.as_ref().zip(reveal).map(|(error, reveal)| reveal(error));
    course.failed(retry, verdict, text.as_deref()).map_err(|report| Failed { error, report })
}

fn without_error<E>(report: Box<Report>) -> Failed<E> {
    Failed { error: None, report }
}
