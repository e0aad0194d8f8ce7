//! Retries that multiply: by nesting, and by a budget that rounds.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use backon::Retryable as _;
use kfm_retry::{Budget, Failed, Policy, Retry, idempotent};
use tower::retry::budget::{Budget as _, TpsBudget};

use crate::{Fault, SECOND, SERVER};

#[tokio::test(start_paused = true)]
async fn t6_three_nested_policies_of_five_attempts_make_125_in_backon() {
    let leaf = AtomicU32::new(0);
    let call = || async {
        leaf.fetch_add(1, Relaxed);
        Err::<(), Fault>(SERVER)
    };
    let five = || backon::ExponentialBuilder::default().with_max_times(4);
    let middle = || async { call.retry(five()).await };
    let outer = || async { middle.retry(five()).await };
    outer.retry(five()).await.unwrap_err();
    assert_eq!(leaf.swap(0, Relaxed), 125);

    let retry = Retry::new(Policy::kfm());
    let retry = &retry;
    let middle = || async { retry.run(idempotent("leaf"), call).await.map_err(root) };
    let outer = || async { retry.run(idempotent("middle"), middle).await.map_err(root) };
    retry.run(idempotent("outer"), outer).await.unwrap_err();
    assert_eq!(leaf.load(Relaxed), 5);
}

/// What an application does with a failure of the inner call: it passes the cause on, and the mark is lost.
fn root(failed: Failed<Fault>) -> Fault {
    failed.error.unwrap()
}

#[tokio::test(start_paused = true)]
async fn t5_a_budget_of_51_percent_allows_all_retries_in_tower() {
    let budget = TpsBudget::new(10 * SECOND, 0, 0.51);
    (0..100).for_each(|_| budget.deposit());
    let withdrawn = (0..200).filter(|_| budget.withdraw()).count();
    assert!(withdrawn >= 99, "{withdrawn} of 100 calls may be retried");

    // A success puts 51 tokens back, a retry takes 100.
    let ours = Budget::new(100_000, 100, 51);
    while ours.withdraw() {}
    (0..100).for_each(|_| ours.deposit());
    assert_eq!((0..200).filter(|_| ours.withdraw()).count(), 51);
}
