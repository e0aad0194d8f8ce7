//! What operations leave behind: complete, resolvable, and true of the time that was worked.

use std::path::Path;
use std::time::Duration;

use kfm_lineage::Status;
use kfm_rollback::{Error, PlanRequest, Platform};
use kfm_telemetry::ledger::EntryKind;
use kfm_telemetry::{EventId, Label, Ledger, LedgerEntry};
use kfm_wal::local::LocalOptions;

use crate::small::{item, open_stopping_at, put, roll_back, try_put};
use crate::support::{World, documents_below};

/// A publish, and its rollback's id.
async fn rolled_back(world: &World) -> (String, String) {
    put(world, &[("a.json", Some(item("a1")))]).await;
    let publish = put(world, &[("a.json", Some(item("a2")))]).await;
    let done = world.open().await.execute(roll_back(&publish)).await.unwrap();
    (publish, done.rollback_id.unwrap().to_string())
}

async fn failed_checks(platform: &Platform, rollback: &str) -> Vec<String> {
    let report = platform.verify(rollback).await.unwrap();
    report.checks.into_iter().filter(|check| !check.ok).map(|check| check.name).collect()
}

#[tokio::test]
async fn the_policy_that_a_record_names_can_be_read_for_good() {
    let world = World::unlabelled().await;
    let refused = try_put(&world.open().await, &[("a.json", Some(item("a")))]).await.unwrap_err();
    assert_eq!(refused.kind(), "denied", "{refused}");
    world.label("", "public").await;
    let (_, rollback) = rolled_back(&world).await;
    let platform = world.open().await;
    let entries = platform.ledger_entries().await.unwrap();
    let named: Vec<_> = entries.iter().filter_map(|stored| stored.entry.policy_snapshot_ref).collect();
    assert!(named.len() >= 4, "a refusal, two publishes and a rollback: {named:?}");
    for digest in named {
        let snapshot: serde_json::Value =
            serde_json::from_slice(&platform.versions().get(&digest).await.unwrap()).unwrap();
        assert_eq!(snapshot["schema"], "kfm.policy.snapshot/v1");
    }
    assert_eq!(failed_checks(&platform, &rollback).await, Vec::<String>::new());
}

fn copy(from: &Path, to: &Path) {
    for (path, bytes) in documents_below(from) {
        std::fs::create_dir_all(to.join(&path).parent().unwrap()).unwrap();
        std::fs::write(to.join(path), bytes).unwrap();
    }
}

#[tokio::test]
async fn an_operation_that_the_ledger_lost_is_found() {
    let world = World::new().await;
    let ledger = world.open().await.ledger_dir();
    let backup = tempfile::tempdir().unwrap();
    put(&world, &[("z.json", Some(item("z")))]).await;
    copy(&ledger, backup.path());
    let (_, rollback) = rolled_back(&world).await;
    std::fs::remove_dir_all(&ledger).unwrap();
    copy(backup.path(), &ledger);
    let failed = failed_checks(&world.open().await, &rollback).await;
    assert!(failed.contains(&"every operation in the ledger".to_owned()), "{failed:?}");
}

#[tokio::test]
async fn a_ledger_entry_of_an_operation_that_the_log_does_not_know_is_found() {
    let world = World::new().await;
    let (_, rollback) = rolled_back(&world).await;
    enter(&world, "pub_2025_01_01T00_00_00Z_lost", "pub_2025_01_01T00_00_00Z_lost").await;
    let failed = failed_checks(&world.open().await, &rollback).await;
    assert_eq!(failed, ["every ledger entry in the log"]);
}

/// Puts an entry into the ledger, as a process that was killed afterwards might have.
async fn enter(world: &World, entry_id: &str, wal_id: &str) {
    let ledger =
        Ledger::open(world.open().await.ledger_dir(), LocalOptions::new(world.clock.clone())).unwrap();
    let label = |text: &str| Label::lossy(text);
    let mut entry =
        LedgerEntry::new(EventId::lossy(entry_id), EntryKind::Label, label("somebody"), Status::Completed);
    entry.wal_id = Some(label(wal_id));
    ledger.append(&entry, "2025-11-14T03:00:00Z".parse().unwrap()).await.unwrap();
}

#[tokio::test]
async fn what_was_entered_before_an_interruption_does_not_keep_an_operation_open_for_ever() {
    let world = World::new().await;
    put(&world, &[("a.json", Some(item("a1")))]).await;
    let publish = put(&world, &[("a.json", Some(item("a2")))]).await;
    let stopped = open_stopping_at(&world, "expand").await.execute(roll_back(&publish)).await.unwrap_err();
    let Error::Unfinished { operation, .. } = &stopped else { panic!("{stopped}") };
    enter(&world, &format!("{operation}/completed"), operation.as_str()).await;
    let done = world.open().await.rollback_resume(operation.as_str(), false, Vec::new()).await.unwrap();
    assert_eq!(done.status, Status::Completed);
    assert_eq!(failed_checks(&world.open().await, operation.as_str()).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_ledger_that_cannot_be_opened_stops_an_operation_before_anything_moves() {
    let world = World::new().await;
    put(&world, &[("a.json", Some(item("a1")))]).await;
    let before = world.documents();
    let ledger = world.open().await.ledger_dir();
    for (path, mut bytes) in documents_below(&ledger) {
        let middle = bytes.len() / 3;
        bytes[..middle].fill(7);
        std::fs::write(ledger.join(path), bytes).unwrap();
    }
    let refused = try_put(&world.open().await, &[("a.json", Some(item("a2")))]).await.unwrap_err();
    assert!(matches!(refused, Error::Records(_)), "{refused:?}");
    assert_eq!(refused.kind(), "records");
    assert_eq!(world.documents(), before);
    assert!(world.open().await.status().await.unwrap().open.is_empty());
}

#[tokio::test]
async fn the_time_between_an_interruption_and_its_resume_is_not_worked() {
    let world = World::new().await;
    put(&world, &[("a.json", Some(item("a1")))]).await;
    let publish = put(&world, &[("a.json", Some(item("a2")))]).await;
    let stopped = open_stopping_at(&world, "expand").await.execute(roll_back(&publish)).await.unwrap_err();
    let Error::Unfinished { operation, .. } = &stopped else { panic!("{stopped}") };
    world.clock.advance(Duration::from_secs(3_600));
    let done = world.open().await.rollback_resume(operation.as_str(), false, Vec::new()).await.unwrap();
    assert!(done.duration_ms < 60_000, "duration_ms={}", done.duration_ms);
}

#[tokio::test]
async fn an_interrupted_operation_is_not_running_because_another_process_is_at_work() {
    let world = World::new().await;
    let stopped =
        try_put(&open_stopping_at(&world, "derive").await, &[("a.json", Some(item("a")))]).await.unwrap_err();
    let Error::Unfinished { operation, .. } = &stopped else { panic!("{stopped}") };
    let at_work = world.open().await.begin_publish("other".parse().unwrap()).await.unwrap();
    let open = world.open().await.status().await.unwrap().open;
    assert_eq!((open[0].id.clone(), open[0].status), (operation.clone(), Status::Interrupted));
    drop(at_work);
    let locked_out = world.open().await.plan(PlanRequest::new("latest")).await.unwrap_err();
    assert!(!matches!(locked_out, Error::Locked { .. }), "{locked_out}");
}
