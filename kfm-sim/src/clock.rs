//! A virtual clock, which no real time passes for: it moves to the next alarm when all tasks sleep.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use kfm_retry::Clock;
use kfm_retry::clock::Sleep;

/// Virtual time; clones share it.
#[derive(Debug, Clone)]
pub struct VirtualClock(Arc<Mutex<Time>>);

#[derive(Debug)]
struct Time {
    elapsed: Duration,
    wall: SystemTime,
    /// The sleepers by the time at which they wake; the number keeps sleepers of the same time in the order
    /// in which they came.
    sleepers: BTreeMap<(Duration, u64), Option<Waker>>,
    slept: u64,
}

impl VirtualClock {
    /// Makes a clock that shows `wall` as the civil time and zero as the monotonic one.
    pub fn new(wall: SystemTime) -> Self {
        let time = Time { elapsed: Duration::ZERO, wall, sleepers: BTreeMap::new(), slept: 0 };
        Self(Arc::new(Mutex::new(time)))
    }

    /// Moves to the time of the next sleeper and wakes it; false if no task sleeps.
    pub fn advance(&self) -> bool {
        let waker = {
            let mut time = self.time();
            let Some(((until, _), waker)) = time.sleepers.pop_first() else { return false };
            let passed = until.saturating_sub(time.elapsed);
            time.elapsed += passed;
            time.wall += passed;
            waker
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// Sets the civil time, also backwards; the monotonic time stays.
    pub fn set_wall(&self, wall: SystemTime) {
        self.time().wall = wall;
    }

    fn time(&self) -> MutexGuard<'_, Time> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for VirtualClock {
    fn monotonic(&self) -> Duration {
        self.time().elapsed
    }

    fn wall(&self) -> SystemTime {
        self.time().wall
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let mut time = self.time();
        time.slept += 1;
        let key = (time.elapsed + duration, time.slept);
        time.sleepers.insert(key, None);
        Box::pin(Sleeper { clock: self.clone(), key })
    }
}

struct Sleeper {
    clock: VirtualClock,
    key: (Duration, u64),
}

impl Future for Sleeper {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match self.clock.time().sleepers.get_mut(&self.key) {
            Some(waker) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.clock.time().sleepers.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleepers_wake_in_the_order_of_their_moments_and_a_dropped_one_holds_nobody_up() {
        let clock = VirtualClock::new(SystemTime::UNIX_EPOCH);
        let long = clock.sleep(Duration::from_secs(9));
        let short = clock.sleep(Duration::from_secs(2));
        drop(clock.sleep(Duration::from_secs(1)));
        let mut context = Context::from_waker(Waker::noop());
        let (mut long, mut short) = (long, short);
        assert!(short.as_mut().poll(&mut context).is_pending());
        assert!(clock.advance());
        assert_eq!(clock.monotonic(), Duration::from_secs(2));
        assert!(
            short.as_mut().poll(&mut context).is_ready() && long.as_mut().poll(&mut context).is_pending()
        );
        assert!(clock.advance() && !clock.advance());
        assert!(long.as_mut().poll(&mut context).is_ready());
    }

    #[test]
    fn a_jump_of_the_civil_time_moves_no_sleeper() {
        let clock = VirtualClock::new(SystemTime::UNIX_EPOCH);
        let _sleep = clock.sleep(Duration::from_secs(3));
        clock.set_wall(SystemTime::UNIX_EPOCH + Duration::from_secs(500));
        assert!(clock.advance());
        assert_eq!(clock.monotonic(), Duration::from_secs(3));
        assert_eq!(clock.wall(), SystemTime::UNIX_EPOCH + Duration::from_secs(503));
    }
}
