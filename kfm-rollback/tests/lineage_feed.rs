//! Lineage follows the log: what a reader is told of new work while others append it (R31).
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::sync::Arc;

use kfm_lineage::OperationId;
use kfm_lineage::graph::{LineageReader, LineageVersion, VersionRef};
use kfm_rollback::blob::LocalBlobs;
use kfm_rollback::versions::VersionStore;
use kfm_rollback::{Error, ExecuteRequest, LineageFeed, PlanRequest, PlanTarget, Platform, Remedy};
use kfm_wal::record::Derivative;
use kfm_wal::{Follower, Lsn, StoredRecord};
use serde_json::{Value, json};
use support::World;

/// An item, and what it says it was derived from.
fn item(id: &str, sources: &[&str]) -> Value {
    let links: Vec<Value> = sources.iter().map(|href| json!({"rel": "derived_from", "href": href})).collect();
    json!({
        "type": "Feature", "stac_version": "1.0.0", "id": id, "collection": format!("of-{id}"), "geometry": null,
        "properties": {"datetime": "2025-11-14T00:00:00Z"}, "links": links, "assets": {}
    })
}

async fn try_put(platform: Platform, documents: &[(&str, Value)], tiles: &[&str]) -> Result<String, Error> {
    let mut publish = platform.begin_publish("ingest".parse().unwrap()).await?;
    for (path, document) in documents {
        publish.put(path, document.to_string().into_bytes())?;
    }
    if !tiles.is_empty() {
        publish.add_derivative(Derivative {
            id: "tiles://a".into(),
            kind: "tiles".into(),
            version: "1".into(),
            location: "tiles/a".into(),
            checksum: None,
            depends_on: tiles.iter().map(|text| (*text).to_owned()).collect(),
        })?;
    }
    Ok(publish.complete().await?.publish_id.unwrap().to_string())
}

async fn put(world: &World, documents: &[(&str, Value)]) -> String {
    try_put(world.open().await, documents, &[]).await.unwrap()
}

/// Begins a publish that is stopped on its way, and returns its id.
async fn begin(world: &World, documents: &[(&str, Value)]) -> String {
    let stopped = try_put(world.open_stopping().await, documents, &[]).await.unwrap_err();
    let Error::Unfinished { operation, .. } = stopped else { panic!("{stopped}") };
    operation.to_string()
}

async fn roll_back(world: &World, publish: &str) -> String {
    let request = ExecuteRequest::new(PlanTarget::Publish(publish.into()), "it was wrong");
    world.open().await.execute(request).await.unwrap().rollback_id.unwrap().to_string()
}

/// The later operations that depend on one, as a feed tells.
async fn dependents(feed: &mut LineageFeed, operation: &str) -> Vec<String> {
    let scope = feed.scope_for(&operation.parse().unwrap()).await.unwrap();
    scope.dependents.iter().map(|dependent| dependent.operation.to_string()).collect()
}

/// Takes in what the follower shows, and returns how many records that were.
async fn follow(follower: &mut Follower, feed: &mut LineageFeed) -> usize {
    let records = follower.look(1_000).await.unwrap();
    for stored in &records {
        feed.take(stored).await.unwrap();
    }
    records.len()
}

fn copy_new(from: &Path, into: &Path, known: &mut Vec<String>) {
    for (path, bytes) in support::documents_below(from) {
        if !known.contains(&path) {
            let place = into.join(&path);
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::write(place, bytes).unwrap();
            known.push(path);
        }
    }
}

#[tokio::test]
async fn a_reader_that_follows_sees_a_publish_and_its_undoing_and_reads_only_what_is_new() {
    let world = World::new().await;
    let source = put(&world, &[("a.json", item("a", &[]))]).await;
    let reader = world.open_as("reader").await;
    let clock = Arc::clone(&reader.options().clock);
    let mut follower = Follower::new(reader.wal_reader().await.unwrap(), clock, Lsn(1));
    // Versions of its own, which hold only what came since it was asked last.
    let versions = tempfile::tempdir().unwrap();
    let blobs = || Arc::new(VersionStore::new(Arc::new(LocalBlobs::new(versions.path().join("v")))));
    let mut known = Vec::new();
    let mut feed = LineageFeed::new(blobs(), reader.catalog().name());
    copy_new(&reader.versions_dir(), &versions.path().join("v"), &mut known);
    assert!(follow(&mut follower, &mut feed).await > 2);
    assert!(dependents(&mut feed, &source).await.is_empty());

    std::fs::remove_dir_all(versions.path().join("v")).unwrap();
    let later = put(&world, &[("b.json", item("b", &["a.json"]))]).await;
    copy_new(&reader.versions_dir(), &versions.path().join("v"), &mut known);
    assert!(follow(&mut follower, &mut feed).await > 1);
    assert_eq!(dependents(&mut feed, &source).await, [later.as_str()]);

    std::fs::remove_dir_all(versions.path().join("v")).unwrap();
    let rollback = roll_back(&world, &later).await;
    copy_new(&reader.versions_dir(), &versions.path().join("v"), &mut known);
    follow(&mut follower, &mut feed).await;
    assert!(dependents(&mut feed, &source).await.is_empty());

    // What comes back is read again.
    known.clear();
    world.open().await.revert(&rollback, "it was right").await.unwrap();
    copy_new(&reader.versions_dir(), &versions.path().join("v"), &mut known);
    follow(&mut follower, &mut feed).await;
    assert_eq!(dependents(&mut feed, &source).await, [later]);
    assert_eq!(follow(&mut follower, &mut feed).await, 0);
}

/// A log with everything that lineage looks at: links, derivatives, undoing, and publishes that end long after they
/// began.
async fn eventful() -> (World, Vec<String>) {
    let world = World::new().await;
    let first = put(&world, &[("a.json", item("a", &[])), ("z.json", item("z", &[]))]).await;
    let second = put(&world, &[("a.json", item("a2", &[]))]).await;
    let undone = roll_back(&world, &second).await;
    let third = put(&world, &[("b.json", item("b", &["a.json"]))]).await;
    world.open().await.revert(&undone, "it was right").await.unwrap();
    let slow = begin(&world, &[("c.json", item("c", &["b.json"]))]).await;
    let given_up = begin(&world, &[("y.json", item("y", &["z.json"]))]).await;
    let made = [("d.json", item("d", &["c.json", "y.json"]))];
    let named = ["kfm-stac://catalog/c.json", "b", "kfm-stac://catalog/e.json", "z.json"];
    let fourth = try_put(world.open().await, &made, &named).await.unwrap();
    let platform = world.open().await;
    platform.publish_resume(&given_up, true).await.unwrap();
    platform.publish_resume(&slow, false).await.unwrap();
    let fifth = put(&world, &[("e.json", item("e", &["d.json", "a.json"]))]).await;
    roll_back(&world, &fifth).await;
    (world, vec![first, second, third, slow, fourth, fifth])
}

async fn records(platform: &Platform) -> Vec<StoredRecord> {
    platform.wal_reader().await.unwrap().scan(Lsn(1), 10_000).await.unwrap()
}

/// All that a feed can be asked.
async fn everything(feed: &mut LineageFeed) -> Vec<(LineageVersion, Vec<LineageVersion>)> {
    let operations: Vec<OperationId> =
        feed.history().operations().map(|operation| operation.id.clone()).collect();
    let lineage = feed.lineage().await.unwrap();
    let mut all = Vec::new();
    for operation in &operations {
        // A rollback makes no versions.
        for version in lineage.made_by(operation).await.unwrap_or_default() {
            let name: VersionRef = version.name();
            all.push((version, lineage.ancestors(&[name]).await.unwrap()));
        }
    }
    all
}

#[tokio::test]
async fn fed_in_whatever_pieces_it_is_the_same_graph() {
    let (world, _) = eventful().await;
    let platform = world.open().await;
    let records = records(&platform).await;
    let mut at_once = LineageFeed::of(&platform);
    for stored in &records {
        at_once.take(stored).await.unwrap();
    }
    let expected = everything(&mut at_once).await;
    assert_eq!(expected.len(), 8, "{expected:#?}");
    for cut in 0..records.len() {
        let mut feed = LineageFeed::of(&platform);
        for (n, stored) in records.iter().enumerate() {
            if n == cut {
                everything(&mut feed).await;
            }
            feed.take(stored).await.unwrap();
        }
        assert_eq!(everything(&mut feed).await, expected, "cut={cut}");
    }
    let mut feed = LineageFeed::of(&platform);
    for stored in &records {
        feed.take(stored).await.unwrap();
        everything(&mut feed).await;
    }
    assert_eq!(everything(&mut feed).await, expected);
}

#[tokio::test]
async fn it_tells_what_a_plan_is_told() {
    let (world, publishes) = eventful().await;
    let platform = world.open().await;
    let mut feed = LineageFeed::of(&platform);
    for stored in records(&platform).await {
        feed.take(&stored).await.unwrap();
    }
    let mut told = 0;
    for publish in publishes {
        let mut refused_for: Vec<String> = match platform.plan(PlanRequest::new(publish.as_str())).await {
            Err(Error::Conflict { next, .. }) => {
                let undone = |remedy: &Remedy| match remedy {
                    Remedy::Undo { operation, .. } => operation.to_string(),
                    other => panic!("{other:?}"),
                };
                next.iter().map(undone).collect()
            }
            _ => Vec::new(),
        };
        refused_for.reverse();
        told += refused_for.len();
        assert_eq!(dependents(&mut feed, &publish).await, refused_for, "{publish}");
    }
    assert!(told > 3, "{told}");
}

#[tokio::test]
async fn a_record_again_changes_nothing_and_one_too_early_is_refused() {
    let (world, publishes) = eventful().await;
    let platform = world.open().await;
    let records = records(&platform).await;
    let mut feed = LineageFeed::of(&platform);
    let early = feed.take(&records[1]).await.unwrap_err();
    assert!(matches!(early, Error::Invalid { .. }), "{early}");
    for stored in &records {
        feed.take(stored).await.unwrap();
        feed.take(stored).await.unwrap();
    }
    feed.take(&records[0]).await.unwrap();
    assert_eq!(feed.position(), records.last().unwrap().lsn);
    assert!(!dependents(&mut feed, &publishes[0]).await.is_empty());
    let unknown = feed.scope_for(&"pub_2026_01_01T00_00_00Z_none".parse().unwrap()).await.unwrap_err();
    assert!(matches!(unknown, Error::Incomplete { .. }), "{unknown}");
}

#[tokio::test]
async fn what_was_missing_when_a_record_was_taken_is_read_once_it_is_back() {
    let (world, publishes) = eventful().await;
    let platform = world.open().await;
    let away = world.root().join("away");
    let records = records(&platform).await;
    let mut feed = LineageFeed::of(&platform);
    for stored in &records {
        feed.lineage().await.unwrap();
        std::fs::rename(platform.versions_dir(), &away).unwrap();
        let taken = feed.take(stored).await;
        std::fs::rename(&away, platform.versions_dir()).unwrap();
        if let Err(error) = taken {
            assert!(matches!(error, Error::Versions(_)), "{error}");
            feed.take(stored).await.unwrap();
        }
    }
    let mut whole = LineageFeed::of(&platform);
    for stored in &records {
        whole.take(stored).await.unwrap();
    }
    assert_eq!(everything(&mut feed).await, everything(&mut whole).await);
    assert!(!dependents(&mut feed, &publishes[0]).await.is_empty());
}
