//! The async form: one future that runs attempts, cuts them off and waits in between.

use std::borrow::Borrow;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;

use crate::breaker::Ticket;
use crate::call::Call;
use crate::classify::Classifier;
use crate::clock::Sleep;
use crate::course::{Course, OnlyOnce, quick_attempt, quick_drop, quick_leave, quick_success};
use crate::deadline::{Deadline, Scope};
use crate::failed::{Failed, Report};
use crate::operation::Operation;
use crate::retry::Retry;
use crate::witness::Key;

pin_project! {
    /// A call that is being tried: what awaiting a [`Call`] makes of it.
    ///
    /// A first attempt that is ready at once reads no clock and allocates nothing, unless it has a deadline of
    /// its own or runs inside another attempt. Everything else is made when it is needed.
    #[must_use = "futures do nothing unless awaited"]
    pub struct Run<'a, F, Args, R, K>
    where
        F: Operation<Args>,
        R: Borrow<Retry<'a>>,
    {
        operation: F,
        retry: R,
        classifier: K,
        key: Key<'a>,
        deadline: Option<Deadline>,
        reveal: Option<fn(&F::Error) -> String>,
        only_once: Option<OnlyOnce>,
        begun: bool,
        // Of a first attempt, until it ends or is pending.
        ticket: Ticket,
        #[pin]
        running: Option<F::Future>,
        slow: Option<Box<Slow<'a, F::Error>>>,
        args: PhantomData<fn(Args)>,
    }

    impl<'a, F, Args, R, K> PinnedDrop for Run<'a, F, Args, R, K>
    where
        F: Operation<Args>,
        R: Borrow<Retry<'a>>,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if *this.ticket != Ticket::NONE {
                quick_drop((*this.retry).borrow(), *this.ticket);
            } else if let Some(slow) = this.slow {
                slow.course.dropped((*this.retry).borrow(), this.running.is_none());
            }
        }
    }
}

/// What a call needs that is not over at once.
struct Slow<'a, E> {
    course: Course<'a>,
    // Of the running attempt; or, while none runs, of the wait.
    timer: Option<Sleep>,
    // Of the last attempt, while the next is waited for.
    error: Option<E>,
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
            key: self.key,
            deadline: self.deadline,
            reveal: self.reveal,
            only_once: None,
            begun: false,
            ticket: Ticket::NONE,
            running: None,
            slow: None,
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
        self.only_once = Some(because);
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
        let Some(ticket) = quick_leave(retry, *this.deadline) else { return self.go_on(cx, None) };
        *this.ticket = ticket;
        let (attempt, scope) = quick_attempt(retry);
        this.running.set(Some(this.operation.start(attempt)));
        match poll_attempt(scope, this.running, cx) {
            Poll::Ready(Ok(output)) => {
                *this.ticket = Ticket::NONE;
                quick_success(retry, ticket);
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
        let is_new = this.slow.is_none();
        let slow = this.slow.get_or_insert_with(|| {
            let ticket = std::mem::replace(this.ticket, Ticket::NONE);
            let mut course = Course::taken_up(*this.key, *this.deadline, ticket);
            if let Some(because) = *this.only_once {
                course.only_once(because);
            }
            Box::new(Slow { course, timer: None, error: None })
        });
        if is_new && this.running.is_none() {
            let attempt = slow.course.begin(retry).map_err(Failed::without_error)?;
            this.running.set(Some(this.operation.start(attempt)));
        }
        loop {
            if this.running.is_none() {
                if let Some(wait) = &mut slow.timer {
                    ready!(wait.as_mut().poll(cx));
                    slow.timer = None;
                }
                let error = slow.error.take();
                let attempt = slow.course.next(retry).map_err(|report| Failed { error, report })?;
                this.running.set(Some(this.operation.start(attempt)));
            }
            let answer = match polled.take() {
                Some(polled) => polled,
                None => poll_attempt(slow.course.scope(retry), this.running.as_mut(), cx),
            };
            let error = match answer {
                Poll::Ready(Ok(output)) => {
                    slow.course.succeeded(retry);
                    return Poll::Ready(Ok(output));
                }
                Poll::Ready(Err(error)) => Some(error),
                Poll::Pending => {
                    let (course, timer) = (&mut slow.course, &mut slow.timer);
                    ready!(
                        timer
                            .get_or_insert_with(|| retry.clock.alarm(course.attempt_remaining(retry)))
                            .as_mut()
                            .poll(cx)
                    );
                    None
                }
            };
            slow.timer = None;
            this.running.set(None);
            match settle(&mut slow.course, retry, this.classifier, error.as_ref(), *this.reveal) {
                Ok(delay) => slow.timer = Some(retry.clock.sleep(delay)),
                Err(report) => return Poll::Ready(Err(Failed { error, report })),
            }
            slow.error = error;
        }
    }
}

/// Polls the running attempt, in its scope.
#[inline]
fn poll_attempt<Fut: Future>(
    scope: Scope,
    running: Pin<&mut Option<Fut>>,
    cx: &mut Context<'_>,
) -> Poll<Fut::Output> {
    let _scope = scope.enter();
    running.as_pin_mut().expect("an attempt is running").poll(cx)
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
