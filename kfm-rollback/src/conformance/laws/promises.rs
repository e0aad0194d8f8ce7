//! What a store does around the swaps of an operation.

use crate::conformance::{Fixture, Outcome};
use crate::op::{Depth, Seen, Swap, Swapped};

/// The most cells of a batch that the law tries; the engine's own batches are not larger.
const BATCH_MAX: u32 = 1_000;

/// A batch of as many cells as the store says it takes is taken, and looked at and read in one call.
pub async fn a_batch_up_to_the_limit_is_taken(fixture: &Fixture) {
    let limit = fixture.op().capabilities().cells_max;
    assert!(limit > 0, "a store takes one cell at least");
    let a = fixture.value(1).await;
    let keys: Vec<String> = (0..limit.min(BATCH_MAX)).map(|n| format!("{n}.json")).collect();
    let swaps: Vec<Swap> =
        keys.iter().map(|key| Swap { key: key.clone(), from: Seen::default(), to: a }).collect();
    let (op, cx) = (fixture.op(), fixture.context());
    let swapped = op.swap(&cx, &swaps).await.expect("a batch up to the limit is taken");
    let applied = swapped.iter().filter(|answer| matches!(answer, Ok(Swapped::Applied { .. }))).count();
    assert_eq!(applied, keys.len(), "not every cell of a batch up to the limit was swapped");
    fixture.settle(&*op, &cx, &keys).await;
    let seen = op.observe(&keys, Depth::Content).await.expect("as many are looked at");
    assert!(seen.len() == keys.len() && seen.iter().all(|seen| seen.value == a));
    let read = op.read(&keys).await.expect("as many are read");
    assert!(read.len() == keys.len() && read.iter().all(Option::is_some));
}

/// What is staged is not seen, also if it is staged twice; then the swap is made as if nothing had been staged.
pub async fn staging_shows_nothing(fixture: &Fixture) {
    let (a, b) = (fixture.value(1).await, fixture.value(2).await);
    fixture.swap_all(&[("x.json", None, a), ("y.json", None, a)]).await;
    let before = fixture.seen().await;
    let batch = [("x.json", a, b), ("y.json", a, None), ("z.json", None, b)];
    let staged: Vec<Swap> = batch
        .iter()
        .map(|&(key, from, to)| Swap { key: key.to_owned(), from: Seen::value(from), to })
        .collect();
    for _ in 0..2 {
        fixture.op().stage(&fixture.context(), &staged).await.expect("the store stages");
        assert_eq!(fixture.seen().await, before, "readers see what is only staged");
    }
    assert_eq!(fixture.swap_all(&batch).await, [Outcome::Applied; 3], "what was staged is in the way");
}

/// What a store keeps for an operation is given back when the operation ends, though its context is still there: another
/// one can write.
pub async fn what_an_operation_keeps_is_given_back_at_its_end(fixture: &Fixture) {
    let (a, b) = (fixture.value(1).await, fixture.value(2).await);
    let (op, cx) = (fixture.op(), fixture.context());
    let swap = Swap { key: "x.json".to_owned(), from: Seen::default(), to: a };
    op.swap(&cx, &[swap]).await.expect("the store takes the batch");
    for _ in 0..2 {
        op.end(&cx).await.expect("the operation ends");
    }
    let (other, next) = (fixture.op(), fixture.context());
    let swap = Swap { key: "y.json".to_owned(), from: Seen::default(), to: b };
    let swapped = other.swap(&next, &[swap]).await;
    let is_made = matches!(swapped.as_deref(), Ok([Ok(Swapped::Applied { .. })]));
    assert!(is_made, "an operation that has ended is in the way of the next: {swapped:?}");
    drop(cx);
}
