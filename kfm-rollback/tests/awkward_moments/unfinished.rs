//! What an operation says that has not ended, whatever keeps it from ending.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use kfm_rollback::report::Status;
use kfm_rollback::{Error, PlanRequest};
use kfm_telemetry::{AlertRecord, OperationRecord, RecordSink, TelemetryError};
use rusqlite::Connection;

use crate::failing::Failing;
use crate::small::{item, open_stopping_at, open_with_another_hand, put, roll_back, try_put};
use crate::support::World;

#[tokio::test]
async fn a_store_that_is_lost_keeps_an_operation_open_and_says_so() {
    let world = World::new().await;
    let stopping = open_stopping_at(&world, "derive").await;
    let stopped = try_put(&stopping, &[("a.json", Some(item("a")))]).await.unwrap_err();
    let Error::Unfinished { operation, .. } = &stopped else { panic!("{stopped}") };
    let platform = Failing::instead_of(world.open().await, "graph", 0, 1);
    let still = platform.publish_resume(operation.as_str(), false).await.unwrap_err();
    assert_eq!(still.kind(), "unfinished", "{still}");
    assert!(still.to_string().contains("as the test wants it"), "{still}");
    let resumed = platform.publish_resume(operation.as_str(), false).await.unwrap();
    assert_eq!(resumed.status, Status::Completed);
}

#[tokio::test]
async fn a_foreign_value_that_is_left_alone_stays_foreign() {
    let world = World::new().await;
    put(&world, &[("a.json", Some(item("a1"))), ("b.json", Some(item("b1")))]).await;
    let publish = put(&world, &[("a.json", Some(item("a2"))), ("b.json", Some(item("b2")))]).await;
    let stopping = open_stopping_at(&world, "expand").await;
    let stopped = stopping.execute(roll_back(&publish)).await.unwrap_err();
    let Error::Unfinished { operation, .. } = &stopped else { panic!("{stopped}") };
    std::fs::write(world.catalog().join("a.json"), "{\"by\": \"hand\"}").unwrap();
    let held = world.open().await.rollback_resume(operation.as_str(), false, Vec::new()).await.unwrap_err();
    let Error::Unfinished { held_reason, .. } = &held else { panic!("{held}") };
    assert_eq!(held_reason.as_deref(), Some("foreign_value"));

    let skip = vec!["a.json".to_owned()];
    let done = world.open().await.rollback_resume(operation.as_str(), false, skip).await.unwrap();
    assert_eq!(done.status, Status::Completed);
    assert_eq!(world.documents()["a.json"], b"{\"by\": \"hand\"}");
    assert_eq!(world.documents()["b.json"], item("b1").to_string().into_bytes());
    let foreign = world.open().await.reconcile(false).await.unwrap().foreign;
    let known = kfm_lineage::Digest::of_bytes(item("a2").to_string().as_bytes());
    assert_eq!(foreign.total, 1, "{foreign:?}");
    assert_eq!((foreign.first[0].key.as_str(), foreign.first[0].known), ("a.json", Some(known)));
}

/// A sink whose first appends fail.
#[derive(Debug)]
struct Full(AtomicUsize);

#[async_trait]
impl RecordSink for Full {
    async fn append(&self, _: &OperationRecord) -> Result<(), TelemetryError> {
        match self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            Err(_) => Ok(()),
            Ok(_) => Err(TelemetryError::NotWritten { path: "full".into(), source: "no room".into() }),
        }
    }

    async fn alert(&self, _: &AlertRecord) -> Result<(), TelemetryError> {
        Ok(())
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_held_though_readers_see_it_and_completes_when_it_is_resumed() {
    let world = World::new().await;
    put(&world, &[("a.json", Some(item("a1")))]).await;
    let publish = put(&world, &[("a.json", Some(item("a2")))]).await;
    let platform = world.open().await.with_records(Arc::new(Full(AtomicUsize::new(1))));
    let held = platform.execute(roll_back(&publish)).await.unwrap_err();
    let Error::Unfinished { operation, status, held_reason, .. } = &held else { panic!("{held}") };
    assert_eq!((*status, held_reason.as_deref()), (Status::Held, Some("record_pending")));
    assert!(held.to_string().contains("no room"), "{held}");
    assert_eq!(world.documents()["a.json"], item("a1").to_string().into_bytes());
    assert_eq!(world.open().await.status().await.unwrap().open[0].status, Status::Held);

    let refused = world.open().await.plan(PlanRequest::new(&publish)).await.unwrap_err();
    assert_eq!(refused.kind(), "conflict", "the open rollback keeps its cells: {refused}");
    let done = world.open().await.rollback_resume(operation.as_str(), false, Vec::new()).await.unwrap();
    assert_eq!((done.status, done.applied.total > 0), (Status::Completed, true));
    assert!(world.open().await.verify(operation.as_str()).await.unwrap().ok);
}

/// A publish that the engine has begun to take back, since a store failed, and that could not go back either.
async fn held_on_its_way_back(world: &World) -> String {
    let platform = Failing::instead_of(world.open().await, "graph", 2, 0);
    let held = try_put(&platform, &[("a.json", Some(item("a")))]).await.unwrap_err();
    let Error::Unfinished { operation, status: Status::Held, .. } = &held else { panic!("{held}") };
    operation.to_string()
}

#[tokio::test]
async fn an_abort_that_the_engine_began_has_failed_unless_somebody_asks_for_it() {
    let world = World::new().await;
    let publish = held_on_its_way_back(&world).await;
    let failed = world.open().await.publish_resume(&publish, false).await.unwrap_err();
    let Error::Failed { status: Status::Aborted, .. } = &failed else { panic!("{failed}") };
    assert_eq!(failed.kind(), "failed");

    let publish = held_on_its_way_back(&world).await;
    let done = world.open().await.publish_resume(&publish, true).await.unwrap();
    assert_eq!(done.status, Status::Aborted);
    assert!(world.documents().is_empty());
}

/// The kinds of the alerts that were raised (R93).
fn alerts(world: &World) -> Vec<String> {
    let file = world.root().join("data/processed/telemetry/ops_alerts.ndjson");
    let lines = std::fs::read_to_string(file).unwrap_or_default();
    let alert = |line| serde_json::from_str::<AlertRecord>(line).unwrap().alert.as_str().to_owned();
    lines.lines().map(alert).collect()
}

#[tokio::test]
async fn a_failure_after_references_moved_raises_an_alert() {
    let world = World::new().await;
    put(&world, &[("a.json", Some(item("a")))]).await;
    assert_eq!(alerts(&world), Vec::<String>::new(), "what went well calls for nothing");
    let platform = Failing::instead_of(world.open().await, "graph", 1, 0);
    let failed = try_put(&platform, &[("b.json", Some(item("b")))]).await.unwrap_err();
    assert!(matches!(failed, Error::Failed { status: Status::Aborted, .. }), "{failed}");
    assert_eq!(alerts(&world), ["failed_after_switch"]);
}

#[tokio::test]
async fn a_policy_that_cannot_be_evaluated_raises_an_alert() {
    let world = World::new().await;
    std::fs::write(world.root().join("policy/labels.toml"), "this is [no TOML").unwrap();
    let denied = try_put(&world.open().await, &[("a.json", Some(item("a")))]).await.unwrap_err();
    assert_eq!(denied.kind(), "denied", "{denied}");
    assert_eq!(alerts(&world), ["policy_unavailable"]);
}

#[tokio::test]
async fn what_went_back_and_cannot_be_recorded_is_not_called_done() {
    // A full disk: the change is turned round, and there is no room for its records either.
    let world = World::new().await;
    let platform = Failing::instead_of(world.open().await, "graph", 1, 0);
    let platform = platform.with_records(Arc::new(Full(AtomicUsize::new(1))));
    let held = try_put(&platform, &[("a.json", Some(item("a")))]).await.unwrap_err();
    let Error::Unfinished { operation, status: Status::Held, held_reason, .. } = &held else {
        panic!("{held}")
    };
    assert_eq!(held_reason.as_deref(), Some("record_pending"));
    let status = world.open().await.status().await.unwrap();
    for said in [held.to_string(), status.open[0].held_reason.clone().unwrap()] {
        assert!(said.contains("it went back to the prior state, but it could not be recorded"), "{said}");
        assert!(!said.contains("done"), "{said}");
    }
    assert!(world.documents().is_empty());
    let failed = world.open().await.publish_resume(operation.as_str(), false).await.unwrap_err();
    assert_eq!(failed.kind(), "failed", "{failed}");
}

#[tokio::test]
async fn an_operation_never_ends_before_it_began() {
    // The clock is set back between the moment that counts as its beginning and its record.
    let world = World::new().await;
    let clock = Arc::clone(&world.clock);
    let set_back = move || clock.set_back(Duration::from_secs(7_200));
    let platform = open_with_another_hand(&world, "judge", set_back).await;
    let publish = try_put(&platform, &[("a.json", Some(item("a")))]).await.unwrap().publish_id.unwrap();
    let listed = world.open().await.publishes().await.unwrap().publishes;
    let line = listed.iter().find(|line| line.publish_id == publish).unwrap();
    assert!(line.completed_at.unwrap() >= line.started_at, "{line:?}");
}

#[tokio::test]
async fn a_store_that_another_process_is_changing_says_so_and_what_to_do() {
    let world = World::new().await;
    let stopping = open_stopping_at(&world, "derive").await;
    let stopped = try_put(&stopping, &[("a.json", Some(item("a")))]).await.unwrap_err();
    let Error::Unfinished { operation, .. } = &stopped else { panic!("{stopped}") };
    let file = world.root().join("kfm.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"file:graph\"", "\"file:graph\"\npatience = \"100ms\"")).unwrap();
    let paused = Connection::open(world.root().join("graph/cells.sqlite3")).unwrap();
    paused.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waits = world.open().await.publish_resume(operation.as_str(), false).await.unwrap_err();
    assert_eq!(waits.kind(), "unfinished", "{waits}");
    for said in ["store=graph", "another process is changing it", "let it go on or end it"] {
        assert!(waits.to_string().contains(said), "{waits}");
    }
    drop(paused);
    let resumed = world.open().await.publish_resume(operation.as_str(), false).await.unwrap();
    assert_eq!(resumed.status, Status::Completed);
}
