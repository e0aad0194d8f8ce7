//! Stages: resumed after crashes, refused past a rollback, each event delivered once (R84). The same laws for
//! every store.
#![cfg(all(feature = "stage", feature = "tokio"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what failed by panicking")]

mod common;

use std::cell::RefCell;
use std::collections::BTreeSet;

use common::{Fault, clock, fails};
use kfm_retry::stage::{
    Digest, FileStageStore, IdempotencyKey, MemoryStageStore, Output, Stage, StageError, StageState,
    StageStore, WorkItem,
};
use kfm_retry::{ErrorClass, Policy, Retry};

fn key() -> IdempotencyKey {
    IdempotencyKey::of(WorkItem { dataset_id: "naip", version: "7", source_uri: "s3://x" }).unwrap()
}

/// Runs a test on each store.
async fn on_each_store(test: impl AsyncFn(&dyn StageStore)) {
    test(&MemoryStageStore::new()).await;
    let folder = tempfile::tempdir().unwrap();
    test(&FileStageStore::open(folder.path().join("stages")).unwrap()).await;
}

/// Runs a pipeline of three steps of which `fails_at` always fails; returns the steps that were really done.
async fn pipeline(
    store: &dyn StageStore,
    fails_at: Option<&str>,
    dirty: &[&str],
) -> Result<Vec<String>, StageError> {
    let clock = clock();
    let retry = Retry::with_clock(Policy::kfm(), &clock);
    let done = RefCell::new(Vec::new());
    let mut stage =
        Stage::resume(store, key(), async |checkpoint| !dirty.contains(&checkpoint.step.as_str())).await?;
    let mut input = Digest::of("source");
    for step in ["fetch", "tile", "index"] {
        let result = stage
            .step(&retry, step, input, || async {
                if fails_at == Some(step) {
                    return Err(Fault::new(ErrorClass::Schema, "bad"));
                }
                done.borrow_mut().push(step.to_owned());
                Ok(Output::new(Digest::of(step)).event(step.into()))
            })
            .await;
        match result {
            Ok(checkpoint) => input = checkpoint.output,
            Err(_failed) => break,
        }
    }
    Ok(done.into_inner())
}

#[tokio::test]
async fn a_stage_resumes_after_its_last_clean_checkpoint() {
    on_each_store(async |store| {
        assert_eq!(pipeline(store, Some("index"), &[]).await.unwrap(), ["fetch", "tile"]);
        assert_eq!(pipeline(store, None, &[]).await.unwrap(), ["index"]);
        assert!(pipeline(store, None, &[]).await.unwrap().is_empty());
        assert_eq!(pipeline(store, None, &["tile"]).await.unwrap(), ["tile", "index"]);
    })
    .await;
}

#[tokio::test]
async fn a_step_with_another_input_is_done_again_and_so_is_what_follows() {
    on_each_store(async |store| {
        pipeline(store, None, &[]).await.unwrap();
        let clock = clock();
        let retry = Retry::with_clock(Policy::kfm(), &clock);
        let mut stage = Stage::resume(store, key(), async |_| true).await.unwrap();
        let other = Digest::of("another source");
        let fetch = || async { Ok::<_, Fault>(Output::new(Digest::of("fetch 2"))) };
        stage.step(&retry, "fetch", other, fetch).await.unwrap();
        assert_eq!(stage.checkpoints().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_resumed_past_a_rollback_boundary() {
    on_each_store(async |store| {
        pipeline(store, None, &[]).await.unwrap();
        Stage::roll_back_to(store, key(), 1).await.unwrap();

        let refused = pipeline(store, None, &[]).await.unwrap_err();
        assert!(matches!(refused, StageError::PastBoundary { valid: 1, steps: 3, .. }), "{refused}");

        assert_eq!(Stage::restart(store, key()).await.unwrap().checkpoints().len(), 1);
        assert_eq!(pipeline(store, None, &[]).await.unwrap(), ["tile", "index"]);
    })
    .await;
}

#[tokio::test]
async fn of_two_processes_on_one_item_the_second_to_save_is_refused() {
    on_each_store(async |store| {
        let clock = clock();
        let retry = Retry::with_clock(Policy::kfm(), &clock);
        let step = || async { Ok::<_, Fault>(Output::new(Digest::of("out"))) };
        let mut one = Stage::resume(store, key(), async |_| true).await.unwrap();
        let mut other = Stage::resume(store, key(), async |_| true).await.unwrap();
        one.step(&retry, "fetch", Digest::of("in"), step).await.unwrap();
        let refused = other.step(&retry, "fetch", Digest::of("in"), step).await.unwrap_err();
        let source = std::error::Error::source(&refused).unwrap();
        assert!(source.to_string().starts_with("another process has saved the stage"), "{source}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_save_that_was_answered_for_is_a_revision_of_its_own() {
    const WRITERS: u64 = 4;
    const SAVES: u64 = 25;
    let folder = tempfile::tempdir().unwrap();
    let writer = |name: u64| {
        let store = FileStageStore::open(folder.path()).unwrap();
        tokio::task::spawn_blocking(move || {
            let mut saved = 0;
            while saved < SAVES {
                let mut state = common::run(store.load(&key())).unwrap().unwrap_or_default();
                state.revision += 1;
                state.boundary = Some(u32::try_from(name).unwrap());
                match common::run(store.save(&key(), &state)) {
                    Ok(()) => saved += 1,
                    Err(StageError::Conflict { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        })
    };
    let writers: Vec<_> = (0..WRITERS).map(writer).collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let store = FileStageStore::open(folder.path()).unwrap();
    assert_eq!(store.load(&key()).await.unwrap().unwrap().revision, WRITERS * SAVES);
}

#[tokio::test]
async fn a_receiver_that_remembers_ids_hears_everything_once_whatever_crashes() {
    on_each_store(async |store| {
        let (mut ids, mut heard) = (BTreeSet::new(), Vec::new());
        let mut deliveries = 0;
        pipeline(store, Some("index"), &[]).await.unwrap();
        // The receiver takes the first event, and the process dies before the delivery is saved.
        let mut stage = Stage::resume(store, key(), async |_| true).await.unwrap();
        let died = stage
            .relay(async |event| {
                deliveries += 1;
                if ids.insert(event.id) {
                    heard.push(event.body.clone());
                }
                Err(std::io::Error::other("died"))
            })
            .await;
        assert!(died.is_err());
        // A step whose event was delivered is repeated, because its output is gone.
        pipeline(store, None, &["tile"]).await.unwrap();
        let mut stage = Stage::resume(store, key(), async |_| true).await.unwrap();
        let take = async |event: &kfm_retry::stage::Outgoing| {
            deliveries += 1;
            if ids.insert(event.id) {
                heard.push(event.body.clone());
            }
            Ok::<_, std::io::Error>(())
        };
        assert_eq!(stage.relay(take).await.unwrap(), 3);
        assert_eq!(heard, ["fetch", "tile", "index"]);
        assert_eq!(deliveries, 4, "told twice under one id, heard once");
        assert_eq!(stage.relay(async |_| Ok::<_, std::io::Error>(())).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_step_that_is_repeated_after_it_was_told_does_not_tell_again() {
    on_each_store(async |store| {
        let tell = async || {
            let mut stage = Stage::resume(store, key(), async |_| true).await.unwrap();
            stage.relay(async |_| Ok::<_, std::io::Error>(())).await.unwrap()
        };
        pipeline(store, None, &[]).await.unwrap();
        assert_eq!(tell().await, 3);
        assert_eq!(pipeline(store, None, &["tile"]).await.unwrap(), ["tile", "index"]);
        assert_eq!(tell().await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_step_is_retried_under_its_policy() {
    let store = MemoryStageStore::new();
    let clock = clock();
    let retry = Retry::with_clock(Policy::kfm(), &clock);
    let peer = common::Peer::new([fails(ErrorClass::Server), common::Answer::Ok(1)]);
    let mut stage = Stage::resume(&store, key(), async |_| true).await.unwrap();
    let step = || async { peer.call().await.map(|_| Output::new(Digest::of("out"))) };
    stage.step(&retry, "fetch", Digest::of("in"), step).await.unwrap();
    assert!(peer.is_done());
}

#[tokio::test]
async fn a_file_that_is_cut_short_is_corrupt_and_not_empty() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStageStore::open(folder.path()).unwrap();
    pipeline(&store, None, &[]).await.unwrap();
    let file = folder.path().join(format!("{}.json", key()));
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(store.load(&key()).await, Err(StageError::Corrupt { .. })));
}

#[test]
fn keys_of_different_items_differ_and_ambiguous_items_have_none() {
    let item = |dataset_id, version| IdempotencyKey::of(WorkItem { dataset_id, version, source_uri: "s" });
    assert_ne!(item("a", "1").unwrap(), item("a", "2").unwrap());
    assert!(matches!(item("a|b", "1"), Err(StageError::Invalid { what: "dataset_id", .. })));
}

#[test]
fn the_first_format_is_read_for_ever() {
    let old = include_str!("data/stage-state-1.json");
    let state: StageState = serde_json::from_str(old).unwrap();
    assert_eq!((state.revision, state.checkpoints.len(), state.outbox.len()), (3, 2, 1));
}

#[cfg(feature = "test-util")]
#[tokio::test]
async fn every_store_keeps_the_laws() {
    use kfm_retry::stage::conformance;
    let memory = std::sync::Arc::new(MemoryStageStore::new());
    conformance::all(async || std::sync::Arc::clone(&memory)).await;
    let folder = tempfile::tempdir().unwrap();
    conformance::all(async || FileStageStore::open(folder.path()).unwrap()).await;
}
