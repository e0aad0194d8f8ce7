//! Forgeries whose digests fit.

use std::sync::Arc;

use kfm_lineage::{Digest, OperationId, canonical_json};
use kfm_rollback::{ExecuteRequest, PlanRequest, PlanTarget, Platform};
use kfm_wal::local::{LocalLog, LocalOptions};
use kfm_wal::record::Record;
use kfm_wal::{Lsn, Wal};
use serde_json::{Value, json};

use crate::support::World;

/// An item of collection `c`, without a place.
pub fn item(id: &str, title: &str) -> Value {
    json!({
        "type": "Feature", "stac_version": "1.0.0", "id": id, "collection": "c", "geometry": null,
        "properties": {"datetime": "2025-11-14T00:00:00Z", "title": title}, "links": [], "assets": {}
    })
}

/// Publishes documents by path.
pub async fn put(world: &World, documents: &[(&str, Value)]) -> String {
    let mut publish = world.open().await.begin_publish("ingest".parse().unwrap()).await.unwrap();
    for (path, document) in documents {
        publish.put(path, document.to_string().into_bytes()).unwrap();
    }
    publish.complete().await.unwrap().publish_id.unwrap().to_string()
}

/// A platform with two publishes of one document, and the plan to undo the second.
pub async fn planned() -> (World, String, Value) {
    let world = World::new().await;
    put(&world, &[("a.json", item("a", "first"))]).await;
    let publish = put(&world, &[("a.json", item("a", "second"))]).await;
    let plan = world.open().await.plan(PlanRequest::new(&*publish)).await.unwrap();
    let file = world.root().join(plan.path.unwrap());
    let plan = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    (world, publish, plan)
}

/// Computes a plan's ids anew, so that they fit its content.
pub fn named(mut plan: Value) -> Value {
    let digest = |value: &Value| Digest::of_canonical_bytes(&canonical_json(value).unwrap()).to_string();
    let mut content = plan["content"].clone();
    if content["kind"] == "hotfix" {
        content.as_object_mut().unwrap().remove("target");
    }
    plan["content_id"] = digest(&content).into();
    plan.as_object_mut().unwrap().remove("plan_id");
    plan["plan_id"] = digest(&plan).into();
    plan
}

/// Lays a plan into a file beside the platform.
pub fn laid(world: &World, plan: &Value) -> String {
    let path = world.root().join("forged.json");
    std::fs::write(&path, canonical_json(plan).unwrap()).unwrap();
    path.display().to_string()
}

pub fn execute(plan: &str) -> ExecuteRequest {
    ExecuteRequest::new(PlanTarget::Plan(plan.into()), "it was wrong")
}

/// The log, as a person or program with access to its folder has it.
pub async fn log_of(platform: &Platform) -> Wal {
    let clock = platform.options().clock.clone();
    let (log, _) = LocalLog::open(platform.wal_dir(), LocalOptions::new(clock.clone())).unwrap();
    Wal::open(Arc::new(log), clock).await.unwrap()
}

/// Writes a record into the log without the engine.
pub async fn slip_in(world: &World, record: Record) -> Lsn {
    log_of(&world.open().await).await.append(record).await.unwrap()
}

/// Returns the records of an operation.
pub async fn records_of(world: &World, id: &OperationId) -> Vec<Record> {
    let wal = log_of(&world.open().await).await;
    wal.by_operation(id).await.unwrap().iter().map(|entry| entry.record.clone()).collect()
}
