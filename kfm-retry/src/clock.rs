//! Time as a parameter: the only place through which this workspace reads clocks and waits.
//!
//! Everything that needs to know the time, or to let some pass, takes a [`Clock`]. In production that is
//! [`SystemClock`]; in tests and in the simulator it is a clock that moves when it is told to, so that a
//! test of a five-minute cool-down takes microseconds and a simulation replays exactly from its seed.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime};

/// A future that ends when a [`Clock`] says that the time has passed.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells the time and waits.
///
/// # Laws
/// - **Monotonic**: [`monotonic`](Clock::monotonic) never goes back, whatever happens to the wall clock.
/// - **Not early**: a [`sleep`](Clock::sleep) of `d` does not end before `monotonic` has grown by `d`.
///
/// # Cancel safety
/// Dropping a [`Sleep`] ends the wait and leaves nothing behind.
pub trait Clock: Debug + Send + Sync {
    /// Returns the time since an origin that is fixed for the life of this clock.
    fn monotonic(&self) -> Duration;

    /// Returns the civil time, which may jump. Use it only to show and to record a time, never to order
    /// (R20).
    fn wall(&self) -> SystemTime;

    /// Waits for `duration`, without holding the thread.
    fn sleep(&self, duration: Duration) -> Sleep;

    /// Ends after `duration`, as the time-out of something else that is running.
    ///
    /// For a real clock this is a sleep. A clock whose sleeps move the time must not move it here: otherwise
    /// it would cut off at once any work that waits for a disk or a thread in a test.
    fn alarm(&self, duration: Duration) -> Sleep {
        self.sleep(duration)
    }
}

const _OBJECT_SAFE: Option<&dyn Clock> = None;

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn monotonic(&self) -> Duration {
        (**self).monotonic()
    }

    fn wall(&self) -> SystemTime {
        (**self).wall()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        (**self).sleep(duration)
    }

    fn alarm(&self, duration: Duration) -> Sleep {
        (**self).alarm(duration)
    }
}

/// Waits by holding the thread, for code that is not async.
///
/// # Laws
/// - **Not early**: a [`pause`](Pause::pause) of `d` does not end before the clock has grown by `d`.
pub trait Pause: Clock {
    /// Holds the thread for `duration`.
    fn pause(&self, duration: Duration);
}

const _PAUSE_OBJECT_SAFE: Option<&dyn Pause> = None;

/// The machine's own clocks, with tokio's timer for waiting.
///
/// It shows the time of tokio, so that a test with `tokio::time::pause` stops this clock too.
#[cfg(feature = "tokio")]
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[cfg(feature = "tokio")]
#[allow(clippy::disallowed_methods, reason = "the one place that reads the real clocks")]
impl Clock for SystemClock {
    fn monotonic(&self) -> Duration {
        const HOUR: Duration = Duration::from_secs(3600);
        static ORIGIN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        // An hour ago, because a paused runtime may have begun before this first call.
        let origin = ORIGIN.get_or_init(|| {
            let now = std::time::Instant::now();
            now.checked_sub(HOUR).unwrap_or(now)
        });
        tokio::time::Instant::now().into_std().saturating_duration_since(*origin)
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}

#[cfg(feature = "tokio")]
#[allow(clippy::disallowed_methods, reason = "the one place that waits in earnest")]
impl Pause for SystemClock {
    fn pause(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// A clock that stands still until [`advance`](ManualClock::advance) moves it; a sleep on it advances it.
///
/// Since a sleep moves the time at once, code under test runs through its waits without waiting. An alarm
/// does not move the time: work under a time-out is cut off only when other code moves the time.
#[derive(Debug)]
pub struct ManualClock {
    state: std::sync::Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    elapsed: Duration,
    wall: SystemTime,
    /// The tasks whose alarms have not ended yet.
    alarmed: Vec<Waker>,
}

impl ManualClock {
    /// Makes a clock that shows `wall` as the civil time and zero as the monotonic one.
    pub fn new(wall: SystemTime) -> Self {
        Self {
            state: std::sync::Arc::new(Mutex::new(State {
                elapsed: Duration::ZERO,
                wall,
                alarmed: Vec::new(),
            })),
        }
    }

    /// Moves the monotonic and the civil time forward.
    pub fn advance(&self, by: Duration) {
        advance(&self.state, by);
    }

    /// Sets the civil time, also backwards, as an operator or NTP does; the monotonic time stays.
    pub fn set_wall(&self, wall: SystemTime) {
        lock(&self.state).wall = wall;
    }
}

impl Clock for ManualClock {
    fn monotonic(&self) -> Duration {
        lock(&self.state).elapsed
    }

    fn wall(&self) -> SystemTime {
        lock(&self.state).wall
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let state = std::sync::Arc::clone(&self.state);
        Box::pin(async move { advance(&state, duration) })
    }

    fn alarm(&self, duration: Duration) -> Sleep {
        let state = std::sync::Arc::clone(&self.state);
        let ends = self.monotonic().saturating_add(duration);
        Box::pin(std::future::poll_fn(move |cx| {
            let mut state = lock(&state);
            if state.elapsed >= ends {
                return Poll::Ready(());
            }
            state.alarmed.retain(|waker| !waker.will_wake(cx.waker()));
            state.alarmed.push(cx.waker().clone());
            Poll::Pending
        }))
    }
}

impl Pause for ManualClock {
    fn pause(&self, duration: Duration) {
        self.advance(duration);
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn advance(state: &Mutex<State>, by: Duration) {
    let alarmed = {
        let mut state = lock(state);
        state.elapsed += by;
        state.wall += by;
        std::mem::take(&mut state.alarmed)
    };
    alarmed.into_iter().for_each(Waker::wake);
}
