//! The async form: one future that runs attempts, cuts them off and waits in between.

use std::borrow::Borrow;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;

use crate::call::Call;
use crate::classify::Classifier;
use crate::clock::Sleep;
use crate::course::Course;
#[cfg(feature = "tower")]
use crate::course::OnlyOnce;
use crate::failed::{Failed, Report};
use crate::operation::Operation;
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
        // Of the last attempt, while the next is waited for.
        error: Option<F::Error>,
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
            error: None,
            reveal: self.reveal,
            args: PhantomData,
        }
    }
}

impl<'a, F, Args, R, K> Run<'a, F, Args, R, K>
where
    F: Operation<Args>,
    R: Borrow<Retry<'a>>,
{
    #[cfg(feature = "tower")]
    pub(crate) fn only_once(&mut self, because: OnlyOnce) {
        self.course.only_once(because);
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
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.as_mut().project();
        if *this.begun {
            return self.go_on(cx, None);
        }
        *this.begun = true;
        let retry: &Retry<'a> = (*this.retry).borrow();
        let attempt = match this.course.begin(retry) {
            Ok(attempt) => attempt,
            Err(report) => return Poll::Ready(Err(Failed::without_error(report))),
        };
        this.running.set(Some(this.operation.start(attempt)));
        match poll_attempt(this.course, retry, this.running, cx) {
            Poll::Ready(Ok(output)) => {
                this.course.succeeded(retry);
                Poll::Ready(Ok(output))
            }
            polled => self.go_on(cx, Some(polled)),
        }
    }
}

impl<'a, F, Args, R, K> Run<'a, F, Args, R, K>
where
    F: Operation<Args>,
    R: Borrow<Retry<'a>>,
    K: Classifier<F::Error>,
{
    /// Everything but a first attempt that is ready at once and succeeds, which `poll` does alone so that it
    /// stays small enough to be inlined; `polled` is what the running attempt has just answered.
    #[inline(never)]
    fn go_on(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut polled: Option<Poll<Result<F::Output, F::Error>>>,
    ) -> Poll<Result<F::Output, Failed<F::Error>>> {
        let mut this = self.project();
        let retry: &Retry<'a> = (*this.retry).borrow();
        loop {
            if this.running.is_none() {
                if let Some(wait) = this.timer {
                    ready!(wait.as_mut().poll(cx));
                    *this.timer = None;
                }
                let error = this.error.take();
                let attempt = this.course.next(retry).map_err(|report| Failed { error, report })?;
                this.running.set(Some(this.operation.start(attempt)));
            }
            let answer = match polled.take() {
                Some(polled) => polled,
                None => poll_attempt(this.course, retry, this.running.as_mut(), cx),
            };
            let error = match answer {
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
            match settle(this.course, retry, this.classifier, error.as_ref(), *this.reveal) {
                Ok(delay) => *this.timer = Some(retry.clock.sleep(delay)),
                Err(report) => return Poll::Ready(Err(Failed { error, report })),
            }
            *this.error = error;
        }
    }
}

/// Polls the running attempt, in its scope.
#[inline]
fn poll_attempt<Fut: Future>(
    course: &Course<'_>,
    retry: &Retry<'_>,
    running: Pin<&mut Option<Fut>>,
    cx: &mut Context<'_>,
) -> Poll<Fut::Output> {
    let _scope = course.scope(retry).enter();
    running.as_pin_mut().expect("an attempt is running").poll(cx)
}

/// Waits for the end of the running attempt's time; arms the timer the first time.
#[cold]
fn poll_time_out(
    course: &mut Course<'_>,
    retry: &Retry<'_>,
    timer: &mut Option<Sleep>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    timer.get_or_insert_with(|| retry.clock.alarm(course.attempt_remaining(retry))).as_mut().poll(cx)
}

/// Settles a failed attempt; says how long to wait, or that it was the last.
#[cold]
fn settle<E, K: Classifier<E>>(
    course: &mut Course<'_>,
    retry: &Retry<'_>,
    classifier: &K,
    error: Option<&E>,
    reveal: Option<fn(&E) -> String>,
) -> Result<Duration, Box<Report>> {
    let verdict = match error {
        Some(error) => classifier.verdict(error),
        None => retry.policy.timeouts_are.into(),
    };
    let text = error.zip(reveal).map(|(error, reveal)| reveal(error));
    course.failed(retry, verdict, text.as_deref())
}
