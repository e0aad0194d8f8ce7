//! Streams that resume where they broke off, instead of from the beginning.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::classify::Classify;
use crate::clock::Sleep;
use crate::course::Course;
use crate::failed::{Failed, Report};
use crate::operation::Attempt;
use crate::retry::Retry;
use crate::witness::{Key, Witness};

impl<'a> Retry<'a> {
    /// Reads a stream of pages, rows or chunks; when the stream breaks off, opens it again at the last
    /// cursor.
    ///
    /// `open` starts a stream at a cursor. Each item comes with a cursor, at which to resume *after* the
    /// item. Every item is progress: it ends one call of the policy and begins the next, so that attempts,
    /// time-outs and totals count from the last item on.
    ///
    /// The stream ends after its first error, which is a [`Failed`].
    ///
    /// # Cancel safety
    /// When the caller drops the stream, the open one is dropped. Items that were yielded are not yielded
    /// again.
    pub fn resume_stream<'s, C, T, E, S, F>(
        &'s self,
        witness: impl Witness<'a>,
        cursor: C,
        open: F,
    ) -> Resumed<'s, 'a, C, S, F>
    where
        C: Clone,
        S: Stream<Item = Result<(C, T), E>>,
        F: FnMut(C, Attempt) -> S,
    {
        let key = witness.key();
        Resumed {
            retry: self,
            key,
            course: Course::new(key, None),
            stage: Stage::New,
            cursor,
            open,
            timer: None,
            running: None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Reading,
    Waiting,
    Over,
}

pin_project! {
    /// A stream that resumes; made by [`Retry::resume_stream`].
    #[must_use = "streams do nothing unless polled"]
    pub struct Resumed<'s, 'a, C, S, F> {
        retry: &'s Retry<'a>,
        key: Key<'a>,
        course: Course<'a>,
        stage: Stage,
        cursor: C,
        open: F,
        timer: Option<Sleep>,
        #[pin]
        running: Option<S>,
    }

    impl<C, S, F> PinnedDrop for Resumed<'_, '_, C, S, F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.course.dropped(this.retry, *this.stage == Stage::Waiting);
        }
    }
}

impl<C, T, E, S, F> Stream for Resumed<'_, '_, C, S, F>
where
    C: Clone,
    E: Classify,
    S: Stream<Item = Result<(C, T), E>>,
    F: FnMut(C, Attempt) -> S,
{
    type Item = Result<T, Failed<E>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        loop {
            let begun: Result<Attempt, Box<Report>> = match *this.stage {
                Stage::Over => return Poll::Ready(None),
                Stage::New => this.course.begin(this.retry),
                Stage::Waiting => {
                    if let Some(wait) = this.timer {
                        ready!(wait.as_mut().poll(cx));
                        *this.timer = None;
                    }
                    this.course.next(this.retry)
                }
                Stage::Reading => {
                    let polled = {
                        let _scope = this.course.scope(this.retry).enter();
                        this.running
                            .as_mut()
                            .as_pin_mut()
                            .map_or(Poll::Ready(None), |running| running.poll_next(cx))
                    };
                    let error = match polled {
                        Poll::Ready(Some(Ok((cursor, item)))) => {
                            // An item is progress: its call is over, and the next item has a call of its own.
                            *this.timer = None;
                            this.course.succeeded(this.retry);
                            *this.course = Course::new(*this.key, None);
                            *this.cursor = cursor;
                            if let Err(report) = this.course.begin(this.retry) {
                                // The caller gets its item now; the next poll says that no more may be read.
                                *this.stage = Stage::New;
                                drop(report);
                            }
                            return Poll::Ready(Some(Ok(item)));
                        }
                        Poll::Ready(None) => {
                            this.course.succeeded(this.retry);
                            *this.stage = Stage::Over;
                            this.running.set(None);
                            return Poll::Ready(None);
                        }
                        Poll::Ready(Some(Err(error))) => Some(error),
                        Poll::Pending => {
                            let (course, retry) = (&mut *this.course, *this.retry);
                            let timer = this
                                .timer
                                .get_or_insert_with(|| retry.clock.alarm(course.attempt_remaining(retry)));
                            ready!(timer.as_mut().poll(cx));
                            None
                        }
                    };
                    // The stream broke off or was cut off: it is dropped now, with its connection, not after the wait.
                    this.running.set(None);
                    let verdict = match &error {
                        Some(error) => error.classify(),
                        None => this.retry.policy.timeouts_are.into(),
                    };
                    match this.course.failed(this.retry, verdict, None) {
                        Ok(delay) => {
                            *this.timer = Some(this.retry.clock.sleep(delay));
                            *this.stage = Stage::Waiting;
                            continue;
                        }
                        Err(report) => {
                            *this.timer = None;
                            *this.stage = Stage::Over;
                            return Poll::Ready(Some(Err(Failed { error, report })));
                        }
                    }
                }
            };
            match begun {
                Ok(attempt) => {
                    this.running.set(Some((this.open)(this.cursor.clone(), attempt)));
                    *this.stage = Stage::Reading;
                }
                Err(report) => {
                    *this.stage = Stage::Over;
                    return Poll::Ready(Some(Err(Failed::without_error(report))));
                }
            }
        }
    }
}
