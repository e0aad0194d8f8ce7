//! The line: requests wait in it, and the future of one of them serves all.
//!
//! A future that joins the line first lets every other task run once, so that others can join too. Then, if
//! no future serves, it serves all requests in the line, and a few more groups that came meanwhile. The other
//! futures wait; when the service ends, all that are still in the line are woken. So a group forms without a
//! timer and without a thread, and a request that is alone waits for neither.
//!
//! No future is appointed to serve: any future that runs while none serves begins to. So a future that is not
//! polled holds up only itself. Waking only the first future would appoint it: if that one was polled once
//! and is then held back, in an arm of a `select!`, those behind it would wait until another one came. A
//! service ends when it is done, also by a panic. `loom_line` checks every interleaving with up to two or
//! three switches in unlucky places.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use super::sync::{Arc, Mutex, guard};

/// How many more groups a future serves for others before it leaves that to one of them.
///
/// If 64 threads are woken after every group, one serves and the others wait again: that costs a quarter of
/// the appends a second. If they are woken after every sixteenth group it costs nothing. The future that
/// serves returns its own answer only after these groups, hence the bound. Under the model checker they are
/// woken after each group.
const MORE_GROUPS: u32 = if cfg!(loom) { 0 } else { 15 };

/// An answer that can be given in place of one that never came.
pub(crate) trait Answer {
    /// Returns the answer to a request that was taken out of the line and not served.
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

/// A request in the line; dropping it answers it as abandoned.
#[derive(Debug)]
pub(crate) struct Waiting<R, A: Answer> {
    pub(crate) request: R,
    slot: Arc<Slot<A>>,
}

/// The place where a request finds its answer.
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

    /// Takes the answer, or notes the waker to call when it comes.
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

/// A request's place in the line; dropping it takes the request back, unless it is being served.
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
        // If this future was woken in order to serve, so was every other future in the line: another one does
        // it.
        let withdrawn = mine.and_then(|at| queue.waiting.remove(at));
        drop(queue);
        drop(withdrawn);
    }
}

/// The service. It ends when it is dropped, also by a panic.
struct Service<'a, R, A: Answer>(&'a Line<R, A>);

impl<R, A: Answer> Drop for Service<'_, R, A> {
    fn drop(&mut self) {
        let mut queue = guard(&self.0.queue);
        queue.serving = false;
        // INVARIANT: while no future serves, every future in the line is about to run, if its caller polls it
        // at all.
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
    /// Waits in the line until the request is answered. `serve` is called each time this future is the one to
    /// serve.
    ///
    /// # Cancel safety
    /// When the caller drops the future, the request was served or not; it leaves the line either way.
    pub(crate) async fn wait(&self, request: R, mut serve: impl FnMut()) -> A {
        let mut place = self.join(request);
        self.yield_once().await;
        let answer = poll_fn(|context| {
            loop {
                // The waker is registered before the service is tried: a service that ends wakes all wakers
                // that it finds.
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
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// Begins to serve; `None` while another future serves.
    fn begin(&self) -> Option<Service<'_, R, A>> {
        let mut queue = guard(&self.queue);
        if queue.serving {
            return None;
        }
        queue.serving = true;
        Some(Service(self))
    }

    /// Takes requests from the front of the line while `fits` says so.
    pub(crate) fn take(&self, mut fits: impl FnMut(&R) -> bool) -> Vec<Waiting<R, A>> {
        let mut queue = guard(&self.queue);
        let count = queue.waiting.iter().take_while(|waiting| fits(&waiting.request)).count();
        queue.waiting.drain(..count).collect()
    }

    /// Says whether the line is empty.
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

    /// Answers every request in the line with true.
    fn serve(line: &Line<(), bool>) {
        line.take(|()| true).into_iter().for_each(|waiting| waiting.answer(true));
    }

    /// Polls a request while another one is being served: once to join the line, then until it waits.
    fn wait_in_line(mut request: Pin<&mut impl Future<Output = bool>>, polls: u32, waker: &Waker) {
        for _ in 0..polls {
            assert!(request.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
        }
    }

    #[test]
    fn a_future_that_is_held_while_another_serves_keeps_nobody_behind_it_waiting() {
        // It is held back after it has joined, or where it waits to be woken.
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
                    // As if the requests of others had filled the group.
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
            assert_eq!(
                calls,
                1 + MORE_GROUPS,
                "the future that serves goes on with others, and not for ever"
            );
            assert!(woken.0.load(Ordering::SeqCst), "polls={polls}: the future behind was not woken");
            assert_eq!(behind.as_mut().poll(&mut context), Poll::Ready(true), "polls={polls}");
        }
    }
}
