//! The laws of [`StageStore`] as tests, for every implementation.

use super::StageError;
use super::digest::{Digest, IdempotencyKey, WorkItem};
use super::state::{Checkpoint, StageState};
use super::store::StageStore;

/// Runs every law against the store that `open` opens; each call of `open` must open the same store.
///
/// # Panics
/// If a law does not hold; the message names the law.
pub async fn all<S: StageStore>(mut open: impl AsyncFnMut() -> S) {
    compare_and_set(&open().await).await;
    durable_and_whole(&mut open).await;
}

fn key(version: &str) -> IdempotencyKey {
    let item = WorkItem { dataset_id: "conformance", version, source_uri: "s3://conformance" };
    IdempotencyKey::of(item).expect("no part holds a bar")
}

fn state(revision: u64, step: &str) -> StageState {
    let checkpoint =
        Checkpoint { step: step.to_owned(), input: Digest::of("input"), output: Digest::of(step) };
    let mut state = StageState { revision, ..StageState::default() };
    state.push(&key("event"), checkpoint, vec![step.into()]);
    state
}

/// Law **Compare and set**: a state is saved only over the one before it.
async fn compare_and_set(store: &dyn StageStore) {
    let key = key("compare-and-set");
    let refused = |result: Result<(), StageError>| matches!(result, Err(StageError::Conflict { .. }));
    assert!(store.load(&key).await.expect("loads").is_none(), "compare and set: nothing is there at first");
    assert!(refused(store.save(&key, &state(2, "early")).await), "compare and set: revision 2 over nothing");
    store.save(&key, &state(1, "one")).await.expect("revision 1 over nothing");
    assert!(refused(store.save(&key, &state(1, "other")).await), "compare and set: revision 1 twice");
    assert!(refused(store.save(&key, &state(3, "gap")).await), "compare and set: revision 3 over 1");
    store.save(&key, &state(2, "two")).await.expect("revision 2 over 1");
    assert_eq!(
        store.load(&key).await.expect("loads"),
        Some(state(2, "two")),
        "compare and set: the last is there"
    );
}

/// Laws **Durable** and **Whole**: what was saved is loaded as it was, also by another handle.
async fn durable_and_whole<S: StageStore>(open: &mut impl AsyncFnMut() -> S) {
    let key = key("durable");
    open().await.save(&key, &state(1, "kept")).await.expect("saves");
    assert_eq!(open().await.load(&key).await.expect("loads"), Some(state(1, "kept")), "durable and whole");
}
