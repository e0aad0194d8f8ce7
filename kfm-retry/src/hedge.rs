//! Hedging: a second attempt beside a slow first one.
//!
//! A hedge helps against slowness, not against failure, and adds load just when a service is slow. So no
//! policy and no preset contains it, and the toolkit's ban of 'retrying with growing concurrency' (R86)
//! applies to it. Use it by choice, for reads of replicated data, with a delay near the 95th percentile.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::clock::Clock;
use crate::witness::Witness;

/// Makes one attempt, and a second one beside it if the first has not ended after `delay`. The first success
/// wins, and the other attempt is dropped.
///
/// # Errors
/// The error of the attempt that failed last. If the first attempt fails before `delay`, its error at once:
/// retrying a failure is the task of a policy.
///
/// # Cancel safety
/// When the caller drops the future, both attempts are dropped.
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
    // Only that there is a witness matters: nothing is random here.
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
