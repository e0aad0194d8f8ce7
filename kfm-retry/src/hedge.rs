//! Hedging: a second attempt beside a slow first one.
//!
//! It answers slowness, not failure, and adds load just when a service is slow; so it is no part of a policy
//! and of no preset, and the forbidden 'retrying with growing concurrency' of the toolkit's rules (R86)
//! applies to it: for reads of replicated data, by choice, with a delay near the 95th percentile.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::clock::Clock;
use crate::witness::Witness;

/// Makes one attempt, and a second beside it if that has not ended after `delay`; the first success wins and
/// the other attempt is dropped.
///
/// # Errors
/// The error of the attempt that failed last; if the first fails before `delay`, its error at once: a failure
/// is for a policy to retry.
///
/// # Cancel safety
/// Dropping the future drops both attempts.
///
/// ```
/// use kfm_retry::{hedge::hedge, idempotent};
/// use std::time::Duration;
///
/// # #[cfg(feature = "tokio")] {
/// use kfm_retry::SystemClock;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let tile = hedge(idempotent("tile"), &SystemClock, Duration::from_millis(1), |n| async move {
///     if n == 0 {
///         std::future::pending::<()>().await;
///     }
///     Ok::<_, std::io::Error>(n)
/// });
/// assert_eq!(tile.await.unwrap(), 1);
/// # }); }
/// ```
pub async fn hedge<'a, T, E, Fut>(
    witness: impl Witness<'a>,
    clock: &dyn Clock,
    delay: Duration,
    mut operation: impl FnMut(u8) -> Fut,
) -> Result<T, E>
where
    Fut: Future<Output = Result<T, E>>,
{
    // Only that there is one matters: nothing is drawn at random here.
    let _vouched = witness.key();
    let mut first = pin!(operation(0));
    let mut wait = clock.alarm(delay);
    let early = poll_fn(|cx| match first.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => wait.as_mut().poll(cx).map(|()| None),
    });
    if let Some(result) = early.await {
        return result;
    }
    let mut second = pin!(operation(1));
    let (mut first_ended, mut second_ended) = (false, false);
    poll_fn(|cx| {
        if !first_ended && let Poll::Ready(result) = first.as_mut().poll(cx) {
            first_ended = true;
            if result.is_ok() || second_ended {
                return Poll::Ready(result);
            }
        }
        if !second_ended && let Poll::Ready(result) = second.as_mut().poll(cx) {
            second_ended = true;
            if result.is_ok() || first_ended {
                return Poll::Ready(result);
            }
        }
        Poll::Pending
    })
    .await
}
