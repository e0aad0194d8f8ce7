//! Stages kept in the log: the laws of their store, and the boundary that a rollback draws (R84).
#![cfg(feature = "test-util")]
#![allow(missing_docs, clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::cell::RefCell;

use kfm_retry::stage::{
    Digest, IdempotencyKey, Output, Stage, StageError, StageStore, WorkItem, conformance,
};
use kfm_retry::{ErrorClass, Policy, Retry};
use kfm_rollback::report::Status;
use kfm_rollback::stage::published;
use kfm_rollback::{Error, ExecuteRequest, LogStages, PlanTarget};
use support::World;

fn key() -> IdempotencyKey {
    IdempotencyKey::of(WorkItem { dataset_id: "naip", version: "7", source_uri: "s3://naip" }).unwrap()
}

/// What one run of the pipeline did.
#[derive(Debug, Default)]
struct Run {
    steps: Vec<&'static str>,
    publish_id: Option<String>,
}

/// Runs the stage: tiles, publishes, announces.
async fn pipeline(world: &World, document: &'static str) -> Result<Run, StageError> {
    let platform = world.open_as("pipeline").await;
    let (stages, retry) = (platform.stages(), Retry::new(Policy::kfm()));
    let run = RefCell::new(Run::default());
    let mut stage = Stage::resume(&stages, key(), async |_| true).await?;
    let tiles = stage
        .step(&retry, "tile", Digest::of("source"), || async {
            run.borrow_mut().steps.push("tile");
            Ok::<_, Error>(Output::new(Digest::of("tiles")))
        })
        .await
        .unwrap();
    let made = stage
        .step(&retry, "publish", tiles.output, || async {
            run.borrow_mut().steps.push("publish");
            let mut publish = platform.begin_publish("naip".parse().unwrap()).await?;
            publish.put("stac/items/a.json", document.as_bytes())?;
            let publish_id = publish.complete().await?.publish_id.unwrap();
            run.borrow_mut().publish_id = Some(publish_id.to_string());
            Ok::<_, Error>(published(&publish_id))
        })
        .await
        .unwrap();
    stage
        .step(&retry, "announce", made.output, || async {
            run.borrow_mut().steps.push("announce");
            Ok::<_, Error>(Output::new(Digest::of("said")).event("published".into()))
        })
        .await
        .unwrap();
    Ok(run.into_inner())
}

#[tokio::test]
async fn the_store_on_the_log_keeps_the_laws() {
    let world = World::new().await;
    conformance::all(async || world.open().await.stages()).await;
}

#[tokio::test]
async fn a_stage_that_is_done_is_not_done_again() {
    let world = World::new().await;
    assert_eq!(pipeline(&world, "{}").await.unwrap().steps, ["tile", "publish", "announce"]);
    assert!(pipeline(&world, "{}").await.unwrap().steps.is_empty());
    let publishes = world.open().await.publishes().await.unwrap().publishes;
    assert_eq!(publishes.len(), 1);
}

#[tokio::test]
async fn a_rollback_of_its_publish_is_the_boundary_of_a_stage_and_its_revert_takes_that_away() {
    let world = World::new().await;
    let publish_id = pipeline(&world, "{}").await.unwrap().publish_id.unwrap();

    let request = ExecuteRequest::new(PlanTarget::Publish(publish_id), "it was wrong");
    let undone = world.open().await.execute(request).await.unwrap();
    assert_eq!(undone.status, Status::Completed);

    let refused = pipeline(&world, "{}").await.unwrap_err();
    assert!(matches!(refused, StageError::PastBoundary { valid: 1, steps: 3, .. }), "{refused}");

    let rollback = undone.rollback_id.unwrap();
    world.open().await.revert(rollback.as_str(), "it was right").await.unwrap();
    assert!(pipeline(&world, "{}").await.unwrap().steps.is_empty());
}

#[tokio::test]
async fn a_stage_that_is_restarted_after_a_rollback_publishes_anew() {
    let world = World::new().await;
    let publish_id = pipeline(&world, "{}").await.unwrap().publish_id.unwrap();
    let request = ExecuteRequest::new(PlanTarget::Publish(publish_id.clone()), "it was wrong");
    world.open().await.execute(request).await.unwrap();

    let stages = world.open().await.stages();
    assert_eq!(Stage::restart(&stages, key()).await.unwrap().checkpoints().len(), 1);

    let again = pipeline(&world, "{\"mended\": true}").await.unwrap();
    assert_eq!(again.steps, ["publish", "announce"]);
    assert_ne!(again.publish_id, Some(publish_id));
}

#[tokio::test]
async fn a_state_that_is_damaged_in_the_version_store_is_corrupt_and_not_empty() {
    let world = World::new().await;
    pipeline(&world, "{}").await.unwrap();
    let states: Vec<_> = support::documents_below(world.root())
        .into_iter()
        .filter(|(_, bytes)| bytes.starts_with(b"{\"format\":1,\"revision\""))
        .collect();
    assert_eq!(states.len(), 3, "one a step");
    for (path, _) in states {
        std::fs::write(world.root().join(path), b"{}").unwrap();
    }
    let stages: LogStages = world.open().await.stages();
    assert!(matches!(stages.load(&key()).await, Err(StageError::Corrupt { .. })));
}

#[tokio::test]
async fn a_step_waits_its_turn_while_another_holds_the_platform() {
    let world = World::new().await;
    let platform = world.open().await;
    let held = platform.begin_publish("other".parse().unwrap()).await.unwrap();
    let refused = world.open().await.begin_publish("naip".parse().unwrap()).await.unwrap_err();
    assert_eq!(kfm_retry::Classify::classify(&refused).class, ErrorClass::Transient);
    let state = kfm_retry::stage::StageState { revision: 1, ..Default::default() };
    let stages = world.open().await.stages();
    assert!(matches!(stages.save(&key(), &state).await, Err(StageError::Unavailable { .. })));
    drop(held);
    stages.save(&key(), &state).await.unwrap();
}
