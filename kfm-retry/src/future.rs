//! The async form: one future that runs attempts, cuts them off and waits in between.

use std::borrow::Borrow;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::call::Call;
use crate::classify::Classifier;
use crate::clock::Sleep;
use crate::course::Course;
use crate::failed::{Failed, Report};
use crate::operation::{Attempt, Operation};
use crate::retry::Retry;

pin_project! {
    /// A call that is being tried: what awaiting a [`Call`] makes of it.
    ///
    /// Timers are armed when an attempt is pending for the first time: a call that is ready at once reads no
    /// clock and allocates nothing.
    #[must_use = "futures do nothing unless awaited"]
    pub struct Run<'a, F, Args, R, K>
    where
        F: Operation<Args>,
        R: Borrow<Retry<'a>>,
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

    impl<'a, F, Args, R, K> PinnedDrop for Run<'a, F, Args, R, K>
    where
        F: Operation<Args>,
        R: Borrow<Retry<'a>>,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let waiting = this.running.is_none();
            this.course.dropped((*this.retry).borrow(), waiting);
        }
    }
}

impl<'a, F, Args, R, S, K> IntoFuture for Call<'a, F, Args, R, S, K>
where
    F: Operation<Args>,
    R: Borrow<Retry<'a>>,
    K: Classifier<F::Error>,
{
    type Output = Result<F::Output, Failed<F::Error>>;
    type IntoFuture = Run<'a, F, Args, R, K>;

    #[inline]
    fn into_future(self) -> Self::IntoFuture {
        Run {
            operation: self.operation,
            retry: self.retry,
            classifier: self.classifier,
            course: Course::new(self.key, self.deadline),
            begun: false,
            timer: None,
            running: None,
            reveal: self.reveal,
            args: PhantomData,
        }
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
