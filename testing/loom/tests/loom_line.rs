//! Interleavings of two and three appenders in the line of the committer: with two appenders all that have up
//! to three switches of threads, with three appenders up to two, at places where neither waits.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test -p kfm-loom --release --target-dir target/loom --test loom_line
//! ```
#![cfg(loom)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what failed by panicking")]

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::thread;

mod sync {
    pub(crate) use loom::sync::{Arc, Mutex};

    pub(crate) fn guard<T>(mutex: &Mutex<T>) -> loom::sync::MutexGuard<'_, T> {
        mutex.lock().unwrap()
    }
}

#[path = "../../../kfm-wal/src/local/line.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the file stands here by itself, without the crate that uses it"
)]
mod line;

use line::{Answer, Line};
use sync::{Arc, Mutex, guard};

#[derive(Debug, PartialEq)]
enum Reply {
    Served(u32),
    Abandoned,
}

impl Answer for Reply {
    fn abandoned() -> Self {
        Self::Abandoned
    }
}

/// A line, and the requests that were served, in their order.
#[derive(Default)]
struct Counter {
    line: Line<u32, Reply>,
    served: Mutex<Vec<u32>>,
}

impl Counter {
    async fn ask(&self, n: u32) -> Reply {
        self.line.wait(n, || self.serve()).await
    }

    /// Serves one request at a time, so that some are left for the next service.
    fn serve(&self) {
        let mut taken = 0;
        let group = self.line.take(|_| std::mem::replace(&mut taken, 1) == 0);
        for waiting in group {
            let n = waiting.request;
            guard(&self.served).push(n);
            waiting.answer(Reply::Served(n));
        }
    }
}

/// Interleavings with more than three switches at unlucky places show nothing new and take hours.
fn model(check: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(check);
}

#[test]
fn whoever_stands_in_line_is_served_once() {
    model(|| {
        let counter = Arc::new(Counter::default());
        let there = Arc::clone(&counter);
        let other = thread::spawn(move || block_on(there.ask(2)));
        assert_eq!(block_on(counter.ask(1)), Reply::Served(1));
        assert_eq!(other.join().unwrap(), Reply::Served(2));
        let mut served = guard(&counter.served).clone();
        served.sort_unstable();
        assert_eq!(served, [1, 2]);
    });
}

#[test]
fn nobody_of_three_waits_for_ever() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let counter = Arc::new(Counter::default());
        let others = [2, 3].map(|n| {
            let there = Arc::clone(&counter);
            thread::spawn(move || block_on(there.ask(n)))
        });
        assert_eq!(block_on(counter.ask(1)), Reply::Served(1));
        others.into_iter().for_each(|other| drop(other.join().unwrap()));
        assert_eq!(guard(&counter.served).len(), 3);
    });
}

#[test]
fn who_leaves_the_line_takes_nobody_with_him() {
    model(|| {
        let counter = Arc::new(Counter::default());
        let there = Arc::clone(&counter);
        let fickle = thread::spawn(move || {
            let mut asked = pin!(there.ask(2));
            let mut context = Context::from_waker(Waker::noop());
            // Twice: once to join the line, once to serve or to register its waker.
            let first = asked.as_mut().poll(&mut context);
            first.is_pending() && asked.as_mut().poll(&mut context).is_pending()
        });
        assert_eq!(block_on(counter.ask(1)), Reply::Served(1));
        let left = fickle.join().unwrap();
        let served = guard(&counter.served).clone();
        assert!(served.contains(&1) && (left || served.contains(&2)), "{served:?}");
    });
}

#[test]
fn a_future_that_is_held_after_a_poll_holds_up_nobody_else() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let counter = Arc::new(Counter::default());
        // It has registered its waker while another one serves, or has not; then it is never polled again and
        // not dropped.
        let mut held = Box::pin({
            let counter = Arc::clone(&counter);
            async move { counter.ask(1).await }
        });
        let others = [2, 3].map(|n| {
            let there = Arc::clone(&counter);
            thread::spawn(move || block_on(there.ask(n)))
        });
        let mut context = Context::from_waker(Waker::noop());
        let joined = held.as_mut().poll(&mut context);
        let registered = joined.is_pending() && held.as_mut().poll(&mut context).is_pending();
        others.into_iter().for_each(|other| drop(other.join().unwrap()));
        let served = guard(&counter.served).clone();
        assert!(served.contains(&2) && served.contains(&3), "registered={registered} {served:?}");
        drop(held);
    });
}

#[test]
fn a_request_that_is_dropped_unanswered_is_abandoned() {
    model(|| {
        let line: Arc<Line<u32, Reply>> = Arc::new(Line::default());
        let there = Arc::clone(&line);
        let dropping = |line: &Line<u32, Reply>| drop(line.take(|_| true));
        let other = thread::spawn(move || block_on(there.wait(2, || dropping(&there))));
        assert_eq!(block_on(line.wait(1, || dropping(&line))), Reply::Abandoned);
        assert_eq!(other.join().unwrap(), Reply::Abandoned);
        let alone = pin!(line.wait(3, || ())).poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(alone, Poll::Pending);
        assert!(line.is_empty());
    });
}
