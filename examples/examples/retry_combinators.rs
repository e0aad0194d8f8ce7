//! The combinators on a flaky call, and a policy as a value for many: what a pipeline author writes.
//!
//! `cargo run -p kfm-examples --example retry_combinators`

use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use kfm_retry::{
    Backoff, Breaker, BreakerPolicy, Combine, ErrorClass, Event, Policy, Reason, Retry, Verdict, idempotent,
};

/// One breaker for all calls to the service, however they are made.
static STAC: Breaker = Breaker::new("stac", BreakerPolicy::kfm());

/// A service that is in trouble for its first calls.
#[derive(Default)]
struct Stac {
    calls: AtomicU32,
}

impl Stac {
    async fn item(&self, id: &str) -> Result<String, io::Error> {
        if self.calls.fetch_add(1, Relaxed) < 2 {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(format!("item {id}"))
    }

    async fn publish(&self, id: &str) -> Result<(), String> {
        Err(format!("409: {id} is published already"))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // On a closure: outside-in, breaker(retry(timeout(call))).
    let stac = Stac::default();
    let item = (|| stac.item("LC08"))
        .idempotent("landsat-c2l2-sr/LC08")
        .circuit_breaker(&STAC)
        .with_backoff(Backoff::exponential(Duration::from_millis(5)))
        .retry(5)
        .timeout(Duration::from_secs(10))
        .await?;
    assert_eq!(item, "item LC08");
    assert_eq!(stac.calls.load(Relaxed), 3);

    // As a value for many calls, with somebody who hears of every failed attempt.
    let failed_attempts = AtomicU32::new(0);
    let listener = |event: &Event<'_>| {
        if let Event::Attempt(_) = event {
            failed_attempts.fetch_add(1, Relaxed);
        }
    };
    let quick = Policy::kfm().backoff(Backoff::exponential(Duration::from_millis(5)));
    let calls = Retry::new(quick).named("stac").circuit_breaker(&STAC).observer(&listener);
    let stac = Stac::default();
    for id in ["LC08", "LC09"] {
        calls.run(idempotent(id), || stac.item(id)).await?;
    }
    assert_eq!(failed_attempts.load(Relaxed), 2);

    // An error that nobody has classified is not retried; the caller gets it back, and the reason.
    let unknown = |_: &String| Verdict::from(ErrorClass::Unknown);
    let failed = calls
        .run(idempotent("LC08"), || stac.publish("LC08"))
        .classify(unknown)
        .await
        .expect_err("an error of no known class is not retried");
    assert_eq!((failed.reason(), failed.attempts()), (Reason::NotRetryable, 1));
    assert_eq!(failed.error.as_deref(), Some("409: LC08 is published already"));

    // The loop form, where `?` and `break` work as ever.
    let mut tries = calls.tries(idempotent("LC10"));
    let item = loop {
        match tries.attempt(stac.item("LC10")).await {
            Ok(item) => break item,
            Err(fault) => tries.wait(fault).await?,
        }
    };
    assert_eq!(item, "item LC10");
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_runs() {
        super::main().expect("it runs");
    }
}
