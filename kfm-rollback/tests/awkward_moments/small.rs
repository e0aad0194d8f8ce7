//! Small documents, and acts on them.

use std::sync::Arc;
use std::time::Duration;

use kfm_retry::Clock;
use kfm_rollback::report::PublishReport;
use kfm_rollback::{Error, ExecuteRequest, Interrupt, OpenOptions, PlanTarget, Platform, Progress};
use serde_json::{Value, json};

use crate::support::World;

/// An item of collection `c`, without a place.
pub fn item(id: &str) -> Value {
    json!({
        "type": "Feature", "stac_version": "1.0.0", "id": id, "collection": "c", "geometry": null,
        "properties": {"datetime": "2025-11-14T00:00:00Z"}, "links": [], "assets": {}
    })
}

/// The same, at a place.
pub fn item_at_a_place(id: &str) -> Value {
    let mut item = item(id);
    item["geometry"] = json!({"type": "Point", "coordinates": [-98.1234, 38.9876]});
    item["bbox"] = json!([-98.1234, 38.9876, -98.1234, 38.9876]);
    item
}

/// Publishes documents by path; none retires one.
pub async fn try_put(
    platform: &Platform,
    documents: &[(&str, Option<Value>)],
) -> Result<PublishReport, Error> {
    let mut publish = platform.begin_publish("ingest".parse().unwrap()).await?;
    for (path, document) in documents {
        match document {
            Some(document) => publish.put(path, document.to_string().into_bytes())?,
            None => publish.retire(path)?,
        }
    }
    publish.complete().await
}

pub async fn put(world: &World, documents: &[(&str, Option<Value>)]) -> String {
    try_put(&world.open().await, documents).await.unwrap().publish_id.unwrap().to_string()
}

pub fn roll_back(publish: &str) -> ExecuteRequest {
    ExecuteRequest::new(PlanTarget::Publish(publish.into()), "it was wrong")
}

/// Labels one document.
pub async fn label(world: &World, path: &str, care: &str) {
    world.label_document(path, care).await;
}

#[derive(Debug)]
struct StopAt(Interrupt, &'static str);

impl Progress for StopAt {
    fn phase(&self, phase: &str, _: u64) {
        if phase == self.1 {
            self.0.request();
        }
    }
    fn advance(&self, _: u64) {}
}

/// Opens the platform so that operations stop at the first safe point after a phase has begun.
pub async fn open_stopping_at(world: &World, phase: &'static str) -> Platform {
    let clock: Arc<dyn Clock> = world.clock.clone();
    world.clock.advance(Duration::from_secs(1));
    let mut options = OpenOptions::new("operator").with_clock(clock);
    options.progress = Arc::new(StopAt(options.interrupt.clone(), phase));
    Platform::open(world.root(), options).await.unwrap()
}

/// Opens the platform so that `act` is done when a phase begins, as a change that the engine did not make.
pub async fn open_with_another_hand(
    world: &World,
    phase: &'static str,
    act: impl Fn() + Send + Sync + 'static,
) -> Platform {
    let clock: Arc<dyn Clock> = world.clock.clone();
    world.clock.advance(Duration::from_secs(1));
    let mut options = OpenOptions::new("operator").with_clock(clock);
    options.progress = Arc::new(AnotherHand(phase, Box::new(act)));
    Platform::open(world.root(), options).await.unwrap()
}

struct AnotherHand(&'static str, Box<dyn Fn() + Send + Sync>);

impl std::fmt::Debug for AnotherHand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl Progress for AnotherHand {
    fn phase(&self, phase: &str, _: u64) {
        if phase == self.0 {
            (self.1)();
        }
    }
    fn advance(&self, _: u64) {}
}
