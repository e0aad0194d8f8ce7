//! A replica that does not answer, and a service that counts calls: a second attempt beside a slow first one, and a
//! limit on calls in time around each attempt.
//!
//! `cargo run -p kfm-examples --example hedge_and_rate_limit`

use std::error::Error;
use std::io;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, UNIX_EPOCH};

use kfm_retry::hedge::hedge;
use kfm_retry::rate_limit::RateLimit;
use kfm_retry::{Clock, Limited, ManualClock, Policy, Retry, SystemClock, idempotent};

/// A read of data that two replicas hold; the first one hangs.
async fn read(replica: u8) -> io::Result<String> {
    if replica == 0 {
        std::future::pending::<()>().await;
    }
    Ok(format!("a tile of replica {replica}"))
}

/// A service that bans whoever calls it more than four times a second.
#[derive(Default)]
struct Search {
    calls: AtomicU32,
}

impl Search {
    async fn index(&self, _id: &str) -> io::Result<()> {
        self.calls.fetch_add(1, Relaxed);
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // The delay is near the 95th percentile of the reads. The first success wins; the other attempt is dropped.
    let tile = hedge(idempotent("tile/7"), &SystemClock, Duration::from_millis(20), read).await?;
    assert_eq!(tile, "a tile of replica 1");

    // On a clock on which waiting takes no time. In a program it is the system's, and the rest is the same.
    let clock = Arc::new(ManualClock::new(UNIX_EPOCH));
    let limit = RateLimit::per_second(NonZeroU32::new(4).ok_or("4 is not 0")?, clock.clone());
    let search = Search::default();
    for n in 0..4 {
        limit.run(search.index(&format!("item-{n}"))).await?;
    }
    // The fifth within a second is refused, and not made.
    let refused = limit.run(search.index("item-4")).await;
    assert!(matches!(refused, Err(Limited::Refused)));
    assert_eq!(search.calls.load(Relaxed), 4);

    // Inside a policy a refusal is an attempt that failed: it is tried again after the backoff.
    let retry = Retry::with_clock(Policy::kfm(), &*clock);
    retry.run(idempotent("item-4"), || limit.run(search.index("item-4"))).await?;
    assert_eq!(search.calls.load(Relaxed), 5);

    // Or a job that has the time waits for its place.
    let begun = clock.monotonic();
    for n in 5..25 {
        limit.until_free().await;
        search.index(&format!("item-{n}")).await?;
    }
    assert_eq!(search.calls.load(Relaxed), 25);
    assert!(
        clock.monotonic() - begun >= Duration::from_secs(4),
        "twenty calls, four of which may be at once"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_runs() {
        super::main().expect("it runs");
    }
}
