//! A limit on calls in time, by the `governor` crate (GCRA), on this crate's clock.

use std::future::Future;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock as _;
use governor::{Quota, RateLimiter, middleware::NoOpMiddleware, state::InMemoryState, state::NotKeyed};

use crate::bulkhead::Limited;
use crate::clock::Clock;

/// Lets a limited number of calls through each second.
///
/// Put it inside a retried operation, around each attempt: `|| limit.run(fetch())`. A call that it refuses is
/// tried again after the backoff; [`until_free`](Self::until_free) waits instead.
#[derive(Debug)]
pub struct RateLimit {
    limiter: RateLimiter<NotKeyed, InMemoryState, OnClock, NoOpMiddleware<Duration>>,
    clock: Arc<dyn Clock>,
}

/// This crate's clock in the form of governor's.
#[derive(Debug, Clone)]
struct OnClock(Arc<dyn Clock>);

impl governor::clock::Clock for OnClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

impl RateLimit {
    /// Lets `calls` through each second, and as many at the same time.
    pub fn per_second(calls: NonZeroU32, clock: Arc<dyn Clock>) -> Self {
        let on_clock = OnClock(Arc::clone(&clock));
        Self { limiter: RateLimiter::direct_with_clock(Quota::per_second(calls), on_clock), clock }
    }

    /// Runs `call` if the limit allows it now.
    ///
    /// # Errors
    /// [`Limited::Refused`]: nothing was done, try again later. [`Limited::Error`]: the call's own error.
    pub async fn run<T, E>(&self, call: impl Future<Output = Result<T, E>>) -> Result<T, Limited<E>> {
        self.limiter.check().map_err(|_not_until| Limited::Refused)?;
        call.await.map_err(Limited::Error)
    }

    /// Waits until the limit allows a call, and takes that call's place.
    ///
    /// # Cancel safety
    /// When the caller drops the future, no place is taken.
    pub async fn until_free(&self) {
        while let Err(not_until) = self.limiter.check() {
            let wait = not_until.wait_time_from(OnClock(Arc::clone(&self.clock)).now());
            self.clock.sleep(wait).await;
        }
    }
}
