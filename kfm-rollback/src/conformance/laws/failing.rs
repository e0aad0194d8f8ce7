//! Requests and answers that are lost, calls that are dropped, and power that fails.

use std::time::Duration;

use futures::FutureExt;
use kfm_lineage::Value;
use kfm_retry::{Clock, SystemClock};

use crate::conformance::{Cut, Fixture};
use crate::op::{Depth, OpError, Seen, Swap, Swapped};

/// A request or an answer that is lost is no outcome: the store says that it may pass, and the same swap again comes to
/// its end.
pub async fn a_lost_request_or_answer_is_no_outcome(fixture: &Fixture) {
    let Some(cut) = &fixture.cut else { return };
    let (a, b) = (fixture.value(1).await, fixture.value(2).await);
    for (at, to) in
        [(Cut::Request, a), (Cut::Answer, b), (Cut::Request, None), (Cut::Answer, a), (Cut::Answer, None)]
    {
        let from = fixture.seen_at("x.json", Depth::Mark).await;
        let swap = Swap { key: "x.json".to_owned(), from: from.clone(), to };
        match cut(at).swap(&fixture.context(), std::slice::from_ref(&swap)).await.map(|mut all| all.remove(0))
        {
            Err(error) | Ok(Err(error)) => {
                assert!(error.may_pass(), "{at:?}: what was lost on the way is told as refused: {error:?}");
            }
            Ok(Ok(swapped)) => panic!("{at:?}: no answer came, and one is told: {swapped:?}"),
        }
        let standing = fixture.observe("x.json").await;
        let may_be = if at == Cut::Request { vec![from.value] } else { vec![from.value, to] };
        assert!(may_be.contains(&standing), "{at:?}: {standing:?}");
        comes_to_its_end(fixture, &swap).await;
    }
}

/// A swap that is dropped in the middle leaves each cell at its old or its new value, whole, and the same swap comes to
/// its end. No value comes twice: a swap that was dropped may still be made while the next ones are.
pub async fn a_dropped_swap_leaves_each_cell_old_or_new(fixture: &Fixture) {
    let keys = ["x.json", "y.json", "z.json"].map(str::to_owned);
    let content = |n: u64| fixture.content(n, if n.is_multiple_of(2) { 5_000 } else { 90_000 });
    let mut standing = content(0);
    let mut value = fixture.store(&standing).await;
    for key in &keys {
        fixture.swap(key, None, value).await;
    }
    for (n, polls) in (1..).zip([1, 2, 3, 5, 8, 13]) {
        let next = content(n);
        let to = fixture.store(&next).await;
        let (op, cx) = (fixture.op(), fixture.context());
        let seen = op.observe(&keys, Depth::Mark).await.expect("the store answers");
        let swaps: Vec<Swap> =
            keys.iter().zip(seen).map(|(key, from)| Swap { key: key.clone(), from, to }).collect();
        {
            let mut swap = op.swap(&cx, &swaps);
            for _ in 0..polls {
                if (&mut swap).now_or_never().is_some() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        drop(cx);
        let reader = fixture.op();
        let contents = reader.read(&keys).await.expect("the store answers");
        let seen = reader.observe(&keys, Depth::Content).await.expect("the store answers");
        for (content, seen) in contents.iter().zip(seen) {
            let is_whole = content.as_ref().is_some_and(|content| [&standing, &next].contains(&content));
            assert!(
                is_whole && [value, to].contains(&seen.value),
                "half a value is left after {polls} polls"
            );
        }
        for swap in &swaps {
            comes_to_its_end(fixture, swap).await;
        }
        (standing, value) = (next, to);
    }
}

/// Makes a swap again, as the engine does, until the store answers.
async fn comes_to_its_end(fixture: &Fixture, swap: &Swap) {
    loop {
        let op = fixture.op();
        let answer = op.swap(&fixture.context(), std::slice::from_ref(swap)).await;
        match answer.map(|mut answers| answers.remove(0)) {
            Err(error) | Ok(Err(error)) if error.may_pass() => {
                SystemClock.sleep(Duration::from_millis(2)).await
            }
            Ok(Ok(Swapped::Applied { .. } | Swapped::Already { .. })) => break,
            answer => panic!("the same swap again is not made: {answer:?}"),
        }
    }
    fixture.settle(&*fixture.op(), &fixture.context(), std::slice::from_ref(&swap.key)).await;
    assert_eq!(fixture.observe(&swap.key).await, swap.to);
}

/// **Durable**: what was answered is there after the store's machine lost its power, if the store says so.
pub async fn what_was_answered_survives_the_loss_of_power(fixture: &Fixture) {
    let Some(lose_power) = &fixture.lose_power else { return };
    if !fixture.op().capabilities().durable_ack {
        return;
    }
    let (a, b): (Value, Value) = (fixture.value(1).await, fixture.value(2).await);
    for swaps in [
        vec![("x.json", None, a), ("y.json", None, a), ("z.json", None, a)],
        vec![("x.json", a, b), ("y.json", a, None)],
    ] {
        fixture.swap_all(&swaps).await;
        lose_power();
        for (key, _, value) in swaps {
            assert_eq!(fixture.observe(key).await, value, "{key}: what was answered is lost");
        }
    }
}

/// A token below the fence changes nothing, also by a handle that was open before.
pub async fn a_stale_token_changes_nothing(fixture: &Fixture) {
    if fixture.op().capabilities().fence == crate::op::Fence::Lock {
        return;
    }
    let (a, b) = (fixture.value(1).await, fixture.value(2).await);
    let (paused, next) = (fixture.op(), fixture.op());
    let (stale, cx) = (fixture.context_of(6), fixture.context_of(7));
    paused.fence(&stale).await.expect("no token is higher yet");
    let swap = |from: Seen, to| Swap { key: "x.json".to_owned(), from, to };
    let made = paused.swap(&stale, &[swap(Seen::default(), a)]).await.expect("the store takes the batch");
    assert!(matches!(made[..], [Ok(Swapped::Applied { .. })]), "{made:?}");
    next.fence(&cx).await.expect("the fence is raised");
    let seen = fixture.seen_at("x.json", Depth::Mark).await;
    for to in [b, None] {
        let answer =
            paused.swap(&stale, &[swap(seen.clone(), to)]).await.map(|mut answers| answers.remove(0));
        assert!(
            matches!(answer, Err(OpError::Fenced { .. }) | Ok(Err(OpError::Fenced { .. }))),
            "a stale token is not refused: {answer:?}"
        );
        assert_eq!(fixture.observe("x.json").await, a, "a stale token changed something");
    }
    let made = next.swap(&cx, &[swap(seen, b)]).await.expect("the store takes the batch");
    assert!(matches!(made[..], [Ok(Swapped::Applied { .. })]), "{made:?}");
}

/// A fence is raised again by the same executor and by the next one, and by no earlier one. Where the platform's lock is
/// the fence, raising it does nothing.
pub async fn a_fence_is_raised_again_by_the_same_executor_and_by_the_next(fixture: &Fixture) {
    let (a, is_lock) = (fixture.value(1).await, fixture.op().capabilities().fence == crate::op::Fence::Lock);
    for token in [6, 6, 9] {
        fixture.op().fence(&fixture.context_of(token)).await.expect("no token is higher yet");
    }
    let lowered = fixture.op().fence(&fixture.context_of(8)).await;
    match is_lock {
        true => assert!(lowered.is_ok(), "there is no fence to raise: {lowered:?}"),
        false => {
            assert!(matches!(lowered, Err(OpError::Fenced { .. })), "the fence was lowered: {lowered:?}")
        }
    }
    for token in [9, 10] {
        let swap = Swap { key: format!("{token}.json"), from: Seen::default(), to: a };
        let made = fixture.op().swap(&fixture.context_of(token), &[swap]).await.expect("it takes the batch");
        assert!(matches!(made[..], [Ok(Swapped::Applied { .. })]), "{token}: {made:?}");
    }
}
