//! Errors, settings and delays between `kfm-retry` and `backoff`, both ways (ADR 0007, ADR 0016).
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::io::{Error, ErrorKind};
use std::num::NonZeroU8;
use std::time::Duration;

use backoff::backoff::Backoff as _;
use kfm_retry::{ErrorClass, Policy, RetryAfter, idempotent};
use kfm_retry_backoff::{Schedule, policy, to_backoff_error, verdict};

#[test]
fn errors_go_to_backoff_and_come_back() {
    let transient = to_backoff_error(Error::from(ErrorKind::ConnectionReset));
    assert!(matches!(transient, backoff::Error::Transient { .. }));
    assert_eq!(verdict(&transient).class, ErrorClass::Transient);
    let permanent = to_backoff_error(Error::from(ErrorKind::NotFound));
    assert!(matches!(permanent, backoff::Error::Permanent(_)));
    assert!(!verdict(&permanent).is_retryable());
}

#[test]
fn a_hint_of_backoff_is_a_hint_here() {
    let busy = backoff::Error::retry_after("busy", Duration::from_secs(3));
    assert_eq!(verdict(&busy).retry_after, Some(RetryAfter::Delay(Duration::from_secs(3))));
}

#[test]
fn settings_of_backoff_become_a_policy_with_a_bound_on_attempts() {
    let policy = policy(&backoff::ExponentialBackoff::default(), NonZeroU8::new(7).unwrap());
    assert_eq!((policy.attempts.get(), policy.backoff.base_ms), (7, 500));
    assert_eq!(policy.total_ms, Some(15 * 60 * 1_000));
}

#[tokio::test]
async fn a_permanent_error_of_backoff_ends_the_call_at_once() {
    let calls = std::cell::Cell::new(0);
    let refused = || {
        calls.set(calls.get() + 1);
        async { Err::<(), _>(backoff::Error::permanent("no")) }
    };
    let failed = kfm_retry::Retry::new(Policy::kfm()).run(idempotent("key"), refused).classify(verdict).await;
    assert!(failed.is_err());
    assert_eq!(calls.get(), 1);
}

#[test]
fn a_schedule_ends_with_its_policy_and_begins_anew_after_a_reset() {
    let mut schedule = Schedule::new(Policy::kfm(), idempotent("key"));
    let delays = |schedule: &mut Schedule| std::iter::from_fn(|| schedule.next_backoff()).collect::<Vec<_>>();
    let first = delays(&mut schedule);
    assert_eq!(first.len(), 4);
    schedule.reset();
    assert_eq!(delays(&mut schedule), first);
}
