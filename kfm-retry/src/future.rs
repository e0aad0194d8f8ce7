//! The async form: one future that runs attempts, cuts them off and waits in between.

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
use crate::course::{Course, OnlyOnce};
use crate::deadline::{Deadline, Entered, Scope};
use crate::failed::{Failed, Report};
use crate::operation::Operation;
use crate::quick;
use crate::retry::Retry;
use crate::terms::Terms;
use crate::witness::Key;

pin_project! {
    /// A call that is being tried: the future of a [`Call`].
    ///
    /// If its first attempt is ready at once, it reads no clock and allocates nothing, unless it has a
    /// deadline of its own or runs inside another attempt. Everything else is made when it is needed.
    #[must_use = "futures do nothing unless awaited"]
    pub struct Run<'a, F, Args, R, K>
    where
        F: Operation<Args>,
        R: Terms<'a>,
    {
        operation: F,
        terms: R,
        first_limit_ms: u32,
        classifier: K,
        key: Key<'a>,
        deadline: Option<Deadline>,
        reveal: Option<fn(&F::Error) -> String>,
        only_once: Option<OnlyOnce>,
        stage: Stage<'a, F::Output, F::Error>,
        #[pin]
        running: Option<F::Future>,
        args: PhantomData<fn(Args)>,
    }

    impl<'a, F, Args, R, K> PinnedDrop for Run<'a, F, Args, R, K>
    where
        F: Operation<Args>,
        R: Terms<'a>,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if this.stage.is_midway() {
                drop_midway(this.stage, this.terms, this.running.is_none());
            }
        }
    }
}

/// How far a call has come.
enum Stage<'a, T, E> {
    /// The call was made and not polled yet.
    New,
    /// The call has given its answer.
    Over,
    /// The first attempt is being polled for the first time, by this permission.
    First(Ticket),
    /// The call takes longer: its state is in a box.
    Slow(Box<Slow<'a, T, E>>),
}

impl<T, E> Stage<'_, T, E> {
    #[inline]
    fn is_midway(&self) -> bool {
        matches!(self, Self::First(_) | Self::Slow(_))
    }

    /// Goes on to another stage from one that owns nothing, so that a healthy call need not check what it
    /// drops.
    #[inline]
    fn pass_to(&mut self, next: Self) {
        debug_assert!(!matches!(self, Self::Slow(_)));
        std::mem::forget(std::mem::replace(self, next));
    }
}

/// Takes note that a call is dropped after it was begun and before it was over.
#[cold]
fn drop_midway<'a, T, E>(stage: &mut Stage<'a, T, E>, terms: &mut impl Terms<'a>, waiting: bool) {
    match stage {
        Stage::New | Stage::Over => {}
        Stage::First(ticket) => quick::dropped(terms, *ticket),
        Stage::Slow(slow) => slow.course.dropped(whole(terms, &slow.made), waiting),
    }
}

/// Returns the [`Retry`] value: the shared one, or the one that was made from the call's own description.
fn whole<'s, 'a>(terms: &'s impl Terms<'a>, made: &'s Option<Retry<'a>>) -> &'s Retry<'a> {
    terms.made().or(made.as_ref()).expect("what was not made beforehand is made with the box")
}

/// The state of a call that is not over at once.
struct Slow<'a, T, E> {
    course: Course<'a>,
    // The value that was made from the description of the call, if it was described.
    made: Option<Retry<'a>>,
    // The time-out of the running attempt, or the wait while no attempt runs.
    timer: Option<Sleep>,
    // The error of the last attempt, while the call waits for the next.
    error: Option<E>,
    // The answer of the call, until `poll` hands it over.
    answer: Option<Result<T, Failed<E>>>,
}

impl<'a, F, Args, R, S, K> IntoFuture for Call<'a, F, Args, R, S, K>
where
    F: Operation<Args>,
    R: Terms<'a>,
    K: Classifier<F::Error>,
{
    type Output = Result<F::Output, Failed<F::Error>>;
    type IntoFuture = Run<'a, F, Args, R, K>;

    #[inline]
    fn into_future(self) -> Self::IntoFuture {
        Run {
            operation: self.operation,
            first_limit_ms: self.terms.first_limit_ms(),
            terms: self.terms,
            classifier: self.classifier,
            key: self.key,
            deadline: self.deadline,
            reveal: self.reveal,
            only_once: None,
            stage: Stage::New,
            running: None,
            args: PhantomData,
        }
    }
}

impl<'a, F, Args, R, K> Run<'a, F, Args, R, K>
where
    F: Operation<Args>,
    R: Terms<'a>,
{
    #[cfg(feature = "tower")]
    pub(crate) fn only_once(&mut self, because: OnlyOnce) {
        self.only_once = Some(because);
    }
}

impl<'a, F, Args, R, K> Future for Run<'a, F, Args, R, K>
where
    F: Operation<Args>,
    R: Terms<'a>,
    K: Classifier<F::Error>,
{
    type Output = Result<F::Output, Failed<F::Error>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.as_mut().project();
        let mut polled = None;
        if matches!(this.stage, Stage::New)
            && let Some(ticket) = quick::leave(this.terms, *this.deadline)
        {
            this.stage.pass_to(Stage::First(ticket));
            let (attempt, scope) = quick::attempt(*this.first_limit_ms);
            this.running.set(Some(this.operation.start(attempt)));
            match poll_attempt(scope.enter_from(Scope::OUTSIDE), this.running, cx) {
                Poll::Ready(Ok(output)) => {
                    this.stage.pass_to(Stage::Over);
                    quick::succeeded(this.terms, ticket);
                    return Poll::Ready(Ok(output));
                }
                other => polled = Some(other),
            }
        }
        ready!(self.as_mut().go_on(cx, polled));
        match std::mem::replace(self.project().stage, Stage::Over) {
            Stage::Slow(slow) => Poll::Ready(slow.answer.expect("`go_on` is ready once the answer is there")),
            Stage::New | Stage::First(_) | Stage::Over => unreachable!("`go_on` has made the box"),
        }
    }
}

impl<'a, F, Args, R, K> Run<'a, F, Args, R, K>
where
    F: Operation<Args>,
    R: Terms<'a>,
    K: Classifier<F::Error>,
{
    /// Does everything but this: a first attempt that is ready at once and succeeds. `poll` does that alone,
    /// so that it stays small enough to be inlined. `polled` is what the running attempt has just answered.
    ///
    /// The answer is left in the box. Handed back through a pointer, it would keep `poll` from having its own
    /// answer in a register, which costs more than all the rest of a healthy call.
    #[inline(never)]
    fn go_on(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut polled: Option<Poll<Result<F::Output, F::Error>>>,
    ) -> Poll<()> {
        let mut this = self.project();
        assert!(!matches!(this.stage, Stage::Over), "a call is polled again after its answer");
        let is_new = !matches!(this.stage, Stage::Slow(_));
        // From here on the state of the call is in a box; the quick way of `poll` has kept it in the stage.
        if is_new {
            let ticket = if let Stage::First(ticket) = this.stage { *ticket } else { Ticket::NONE };
            let mut course = Course::taken_up(*this.key, *this.deadline, ticket);
            if let Some(because) = *this.only_once {
                course.only_once(because);
            }
            let made = this.terms.make();
            *this.stage =
                Stage::Slow(Box::new(Slow { course, made, timer: None, error: None, answer: None }));
        }
        let Stage::Slow(slow) = this.stage else { unreachable!("it was made above") };
        let Slow { course, made, timer, error: last_error, answer } = &mut **slow;
        let retry = whole(this.terms, made);
        // The quick way could not begin this call: it begins here.
        if is_new && this.running.is_none() {
            match course.begin(retry) {
                Ok(attempt) => this.running.set(Some(this.operation.start(attempt))),
                Err(report) => {
                    *answer = Some(Err(Failed::without_error(report)));
                    return Poll::Ready(());
                }
            }
        }
        loop {
            if this.running.is_none() {
                if let Some(wait) = timer {
                    ready!(wait.as_mut().poll(cx));
                    *timer = None;
                }
                match course.next(retry) {
                    Ok(attempt) => this.running.set(Some(this.operation.start(attempt))),
                    Err(report) => {
                        *answer = Some(Err(Failed { error: last_error.take(), report }));
                        return Poll::Ready(());
                    }
                }
                *last_error = None;
            }
            // `poll` may have polled the attempt already, and its answer comes only once.
            let outcome = match polled.take() {
                Some(polled) => polled,
                None => poll_attempt(course.scope(retry).enter(), this.running.as_mut(), cx),
            };
            let error = match outcome {
                Poll::Ready(Ok(output)) => {
                    course.succeeded(retry);
                    *answer = Some(Ok(output));
                    return Poll::Ready(());
                }
                Poll::Ready(Err(error)) => Some(error),
                Poll::Pending => {
                    ready!(
                        timer
                            .get_or_insert_with(|| retry.clock.alarm(course.attempt_remaining(retry)))
                            .as_mut()
                            .poll(cx)
                    );
                    None
                }
            };
            // The attempt failed or was cut off: it is dropped now, with all it holds, not after the wait.
            *timer = None;
            this.running.set(None);
            match settle(course, retry, this.classifier, error.as_ref(), *this.reveal) {
                Ok(delay) => *timer = Some(retry.clock.sleep(delay)),
                Err(report) => {
                    *answer = Some(Err(Failed { error, report }));
                    return Poll::Ready(());
                }
            }
            *last_error = error;
        }
    }
}

/// Polls the running attempt, in the scope that inner calls see.
#[inline]
fn poll_attempt<Fut: Future>(
    _scope: Entered,
    running: Pin<&mut Option<Fut>>,
    cx: &mut Context<'_>,
) -> Poll<Fut::Output> {
    running.as_pin_mut().expect("an attempt is running").poll(cx)
}

/// Decides after a failed attempt: how long to wait, or that it was the last.
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
