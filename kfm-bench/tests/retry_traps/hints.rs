//! The service's hints: a `Retry-After` that passes every limit, or is ignored; errors that say 'never'.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use backon::Retryable as _;
use kfm_retry::{Classify, ErrorClass, Policy, Reason, Retry, RetryAfter, Verdict, idempotent};

use crate::{Fault, SECOND};

#[derive(Debug)]
struct Busy(Duration);

impl Classify for Busy {
    fn classify(&self) -> Verdict {
        Verdict::from(ErrorClass::RateLimited).after(Some(RetryAfter::Delay(self.0)))
    }
}

/// In real time: `backoff` reads the machine's clock for its limit, and no test can stop that clock.
#[tokio::test]
async fn t1_retry_after_passes_the_limit_on_time_in_backoff() {
    let (attempts, limit) = (AtomicU32::new(0), Duration::from_millis(20));
    let settings = backoff::ExponentialBackoff { max_elapsed_time: Some(limit), ..Default::default() };
    let peer = backoff::future::retry(settings, || async {
        attempts.fetch_add(1, Relaxed);
        Err::<(), _>(backoff::Error::retry_after("busy", Duration::from_millis(1)))
    });
    assert!(
        tokio::time::timeout(10 * limit, peer).await.is_err(),
        "it still tries after ten times its limit"
    );
    assert!(attempts.load(Relaxed) > 5);
}

#[tokio::test(start_paused = true)]
async fn t1_retry_after_is_bound_by_the_deadline_and_the_attempts_here() {
    let attempts = AtomicU32::new(0);
    let began = tokio::time::Instant::now();
    let retry = Retry::new(Policy::kfm().total(Duration::from_millis(20)));
    let call = retry.run(idempotent("item"), || async {
        attempts.fetch_add(1, Relaxed);
        Err::<(), _>(Busy(Duration::from_millis(1)))
    });
    assert!(matches!(call.await.unwrap_err().reason(), Reason::DeadlineWouldPass { .. }));
    assert!(attempts.load(Relaxed) <= 5 && began.elapsed() <= Duration::from_millis(20));
}

#[tokio::test(start_paused = true)]
async fn t1_retry_after_is_not_waited_for_in_tokio_retry2() {
    let hint = 5 * SECOND;
    let began = tokio::time::Instant::now();
    let mut left = 1;
    let strategy = tokio_retry2::strategy::FixedInterval::from_millis(6).take(3);
    tokio_retry2::Retry::spawn(strategy, || {
        let failing = left > 0;
        left -= i32::from(failing);
        async move { if failing { tokio_retry2::RetryError::to_retry_after("busy", hint) } else { Ok(()) } }
    })
    .await
    .unwrap();
    assert!(began.elapsed() < SECOND, "asked for 5 s, waited {:?}", began.elapsed());

    let (began, mut left) = (tokio::time::Instant::now(), 1);
    let retry = Retry::new(Policy::kfm());
    retry
        .run(idempotent("item"), || {
            let failing = left > 0;
            left -= i32::from(failing);
            async move { if failing { Err(Busy(hint)) } else { Ok(()) } }
        })
        .await
        .unwrap();
    assert!(began.elapsed() >= hint);
}

#[tokio::test(start_paused = true)]
async fn t17_an_error_that_can_never_succeed_is_tried_again_by_default_in_backon() {
    let schema = Fault(ErrorClass::Schema);
    let attempts = AtomicU32::new(0);
    let call = || async {
        attempts.fetch_add(1, Relaxed);
        Err::<(), _>(schema)
    };
    call.retry(backon::ExponentialBuilder::default()).await.unwrap_err();
    assert!(attempts.swap(0, Relaxed) > 1);

    Retry::new(Policy::kfm()).run(idempotent("item"), call).await.unwrap_err();
    assert_eq!(attempts.load(Relaxed), 1);
}
