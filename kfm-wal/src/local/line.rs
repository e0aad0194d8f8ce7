//! Who writes: requests stand in line, and one of those who wait serves all.
//!
//! Whoever comes lets every other task run once, so that they can join, and then, if nobody serves, serves all
//! who stand there, and a few times more who came meanwhile. The others wait; when the service ends, all who are left
//! are woken. So a group forms without a timer and without a thread, and a request that is alone pays for neither.
//!
//! Nobody is ever appointed: who runs while nobody serves does it, so that a future that is not polled holds up
//! only itself. To wake the first alone would appoint it: a future that was polled once and is then held, in an arm of
//! a `select!`, would keep those behind it waiting until somebody else came. A service ends when it is done, also by a
//! panic. `loom_line` checks every interleaving with up to two or three switches in unlucky places.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use super::sync::{Arc, Mutex, guard};
use crate::planted::{Bug, planted};

/// How often whoever serves goes on with those who came meanwhile, before it leaves that to one of them.
///
/// Of 64 threads that are all woken after every group one serves and the others wait again: a quarter of the appends a
/// second is lost. After every sixteenth nothing is. Whoever serves waits for its own answer meanwhile, hence the bound.
/// A model checker sees them woken after each group.
const MORE_GROUPS: u32 = if cfg!(loom) { 0 } else { 15 };

/// An answer that can be given for somebody who never gave one.
pub(crate) trait Answer {
    /// Returns the answer to a request that was taken and not served.
    fn abandoned() -> Self;
}

/// Requests that wait to be served together.
#[derive(Debug)]
pub(crate) struct Line<R, A: Answer> {
    queue: Mutex<Queue<R, A>>,
}

#[derive(Debug)]
struct Queue<R, A: Answer> {
    waiting: VecDeque<Waiting<R, A>>,
    serving: bool,
}

/// A request in line; dropping it answers it as abandoned.
#[derive(Debug)]
pub(crate) struct Waiting<R, A: Answer> {
    pub(crate) request: R,
    slot: Arc<Slot<A>>,
}

/// Where a request finds its answer.
#[derive(Debug)]
struct Slot<A>(Mutex<State<A>>);

#[derive(Debug)]
enum State<A> {
    Open(Option<Waker>),
    Answered(A),
    Over,
}

impl<A> Slot<A> {
    fn answer(&self, answer: A) {
        let mut state = guard(&self.0);
        if let State::Open(waker) = &mut *state {
            let waker = waker.take();
            *state = State::Answered(answer);
            drop(state);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    fn is_open(&self) -> bool {
        matches!(&*guard(&self.0), State::Open(_))
    }

    /// Takes the answer, or leaves word whom to wake.
    fn poll(&self, context: &Context<'_>) -> Poll<A> {
        let mut state = guard(&self.0);
        match std::mem::replace(&mut *state, State::Over) {
            State::Answered(answer) => Poll::Ready(answer),
            State::Open(_) | State::Over => {
                *state = State::Open(Some(context.waker().clone()));
                Poll::Pending
            }
        }
    }

    fn take_waker(&self) -> Option<Waker> {
        match &mut *guard(&self.0) {
            State::Open(waker) => waker.take(),
            State::Answered(_) | State::Over => None,
        }
    }
}

impl<R, A: Answer> Waiting<R, A> {
    pub(crate) fn answer(self, answer: A) {
        self.slot.answer(answer);
    }
}

impl<R, A: Answer> Drop for Waiting<R, A> {
    fn drop(&mut self) {
        if self.slot.is_open() {
            self.slot.answer(A::abandoned());
        }
    }
}

/// A request's place in line; leaving it takes the request back, unless it is being served.
struct Place<'a, R, A: Answer> {
    line: &'a Line<R, A>,
    slot: Arc<Slot<A>>,
    answered: bool,
}

impl<R, A: Answer> Drop for Place<'_, R, A> {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        let mut queue = guard(&self.line.queue);
        let mine = queue.waiting.iter().position(|waiting| Arc::ptr_eq(&waiting.slot, &self.slot));
        // If it was woken to serve, so was everybody else who stood there.
        let withdrawn = mine.and_then(|at| queue.waiting.remove(at));
        drop(queue);
        drop(withdrawn);
    }
}

/// The service; ended by dropping it, also when it panics.
struct Service<'a, R, A: Answer>(&'a Line<R, A>);

impl<R, A: Answer> Drop for Service<'_, R, A> {
    fn drop(&mut self) {
        let mut queue = guard(&self.0.queue);
        queue.serving = false;
        // INVARIANT: while nobody serves, whoever stands in line is about to run, as far as it is driven at all.
        let woken: Vec<Waker> =
            queue.waiting.iter().filter_map(|waiting| waiting.slot.take_waker()).collect();
        drop(queue);
        woken.into_iter().for_each(Waker::wake);
    }
}

impl<R, A: Answer> Default for Line<R, A> {
    fn default() -> Self {
        Self { queue: Mutex::new(Queue { waiting: VecDeque::new(), serving: false }) }
    }
}

impl<R, A: Answer> Line<R, A> {
    /// Stands in line until the request is answered; `serve` is called whenever it falls to this one.
    ///
    /// # Cancel safety
    /// A dropped call was served or not, and leaves the line either way.
    pub(crate) async fn wait(&self, request: R, mut serve: impl FnMut()) -> A {
        let mut place = self.join(request);
        self.yield_once().await;
        let answer = poll_fn(|context| {
            loop {
                // In this order: who ends a service wakes all whom it finds registered.
                if let Poll::Ready(answer) = place.slot.poll(context) {
                    return Poll::Ready(answer);
                }
                let Some(service) = self.begin() else { return Poll::Pending };
                serve();
                (0..MORE_GROUPS).take_while(|_| !self.is_empty()).for_each(|_| serve());
                drop(service);
            }
        })
        .await;
        place.answered = true;
        answer
    }

    fn join(&self, request: R) -> Place<'_, R, A> {
        let slot = Arc::new(Slot(Mutex::new(State::Open(None))));
        let place = Place { line: self, slot: Arc::clone(&slot), answered: false };
        guard(&self.queue).waiting.push_back(Waiting { request, slot });
        place
    }

    /// Lets every other task run once.
    async fn yield_once(&self) {
        let mut yielded = false;
        poll_fn(|context| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            if !planted(Bug::WakeLost) || guard(&self.queue).waiting.len() < 2 {
                context.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await;
    }

    /// Begins to serve, unless somebody does.
    fn begin(&self) -> Option<Service<'_, R, A>> {
        let mut queue = guard(&self.queue);
        if queue.serving || planted(Bug::LoneAppendWaits) && queue.waiting.len() < 2 {
            return None;
        }
        queue.serving = true;
        Some(Service(self))
    }

    /// Takes requests off the front while `fits` says so.
    pub(crate) fn take(&self, mut fits: impl FnMut(&R) -> bool) -> Vec<Waiting<R, A>> {
        let mut queue = guard(&self.queue);
        let count = queue.waiting.iter().take_while(|waiting| fits(&waiting.request)).count();
        queue.waiting.drain(..count).collect()
    }

    /// Says whether nobody stands in line.
    pub(crate) fn is_empty(&self) -> bool {
        guard(&self.queue).waiting.is_empty()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::pin::{Pin, pin};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Wake;

    use super::*;

    impl Answer for bool {
        fn abandoned() -> Self {
            false
        }
    }

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    /// Answers those in line with true.
    fn serve(line: &Line<(), bool>) {
        line.take(|()| true).into_iter().for_each(|waiting| waiting.answer(true));
    }

    /// Polls a request of which another one was being served all the time: once to join, then until it waits.
    fn wait_in_line(mut request: Pin<&mut impl Future<Output = bool>>, polls: u32, waker: &Waker) {
        for _ in 0..polls {
            assert!(request.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
        }
    }

    #[test]
    fn a_future_that_is_held_while_another_serves_keeps_nobody_behind_it_waiting() {
        // Held after it joined; held where it waits to be woken.
        for polls in [1, 2] {
            let line = Line::<(), bool>::default();
            let woken = Arc::new(Woken::default());
            let waker = Waker::from(Arc::clone(&woken));
            let mut held = pin!(line.wait((), || serve(&line)));
            let mut behind = pin!(line.wait((), || serve(&line)));
            let mut calls = 0;
            let mut serves = Box::pin(line.wait((), || {
                calls += 1;
                if calls > 1 {
                    // As if others had taken all the room.
                    return;
                }
                serve(&line);
                wait_in_line(held.as_mut(), polls, Waker::noop());
                wait_in_line(behind.as_mut(), 2, &waker);
                woken.0.store(false, Ordering::SeqCst);
            }));
            let mut context = Context::from_waker(Waker::noop());
            assert!(serves.as_mut().poll(&mut context).is_pending(), "others may join");
            assert_eq!(serves.as_mut().poll(&mut context), Poll::Ready(true));
            drop(serves);
            assert_eq!(calls, 1 + MORE_GROUPS, "who serves goes on with others, and not for ever");
            assert!(woken.0.load(Ordering::SeqCst), "polls={polls}: nobody told who stood behind");
            assert_eq!(behind.as_mut().poll(&mut context), Poll::Ready(true), "polls={polls}");
        }
    }
}
