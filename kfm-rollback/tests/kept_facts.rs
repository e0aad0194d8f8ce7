//! Facts of documents are kept beside the log's snapshots: what judges reads no document twice (ADR 0026).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};

use kfm_lineage::Digest;
use kfm_rollback::report::PublishReport;
use kfm_rollback::{Error, PlanRequest, Platform, PublishFolder};
use support::World;

/// More documents than a snapshot waits for.
const ITEMS: usize = 1_100;

fn item(n: usize, title: &str) -> String {
    let link = |rel: &str, href: &str| format!(r#"{{"rel": "{rel}", "href": "{href}"}}"#);
    format!(
        r#"{{"type": "Feature", "stac_version": "1.1.0", "id": "i{n}", "collection": "c", "geometry": null,
        "properties": {{"datetime": "2025-11-14T03:15:42Z", "title": "{title}"}}, "assets": {{}}, "links": [{}, {}]}}"#,
        link("collection", "./collection.json"),
        link("parent", "./collection.json"),
    )
}

/// Writes a catalog of one collection.
fn write_catalog(folder: &Path) {
    let items: Vec<_> = (0..ITEMS).map(|n| format!(r#"{{"rel": "item", "href": "./i{n}.json"}}"#)).collect();
    let collection = format!(
        r#"{{"type": "Collection", "stac_version": "1.1.0", "id": "c", "description": "-", "license": "CC0-1.0",
        "extent": {{"spatial": {{"bbox": [[-102, 37, -94, 40]]}}, "temporal": {{"interval": [["2020-01-01T00:00:00Z", null]]}}}},
        "links": [{}, {{"rel": "parent", "href": "../catalog.json"}}]}}"#,
        items.join(", ")
    );
    let root = r#"{"type": "Catalog", "stac_version": "1.1.0", "id": "root", "description": "-",
        "links": [{"rel": "child", "href": "./c/collection.json"}]}"#;
    std::fs::create_dir_all(folder.join("c")).unwrap();
    std::fs::write(folder.join("catalog.json"), root).unwrap();
    std::fs::write(folder.join("c/collection.json"), collection).unwrap();
    for n in 0..ITEMS {
        std::fs::write(folder.join(format!("c/i{n}.json")), item(n, "first")).unwrap();
    }
}

/// A platform whose catalog was published, then one document of it changed: this second command kept a snapshot.
struct Kept {
    world: World,
    changed: PublishReport,
}

impl Kept {
    async fn new(title: &str) -> Self {
        let world = World::fast().await;
        let from = tempfile::tempdir().unwrap();
        write_catalog(from.path());
        world.publish(from.path()).await;
        assert!(tables(&world).is_empty(), "a command that meets an empty log has nothing to keep");
        let changed = change(&world, title).await.unwrap();
        assert_eq!(tables(&world).len(), 1, "the next one keeps what the log names");
        Self { world, changed }
    }

    /// Plans to roll the second publish back.
    async fn plan(&self) -> kfm_rollback::Result<()> {
        let id = self.changed.publish_id.clone().unwrap();
        self.world.open().await.plan(PlanRequest::new(id.as_str())).await.map(drop)
    }
}

/// Publishes one document alone, with another title.
async fn change(world: &World, title: &str) -> kfm_rollback::Result<PublishReport> {
    let from = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(from.path().join("c")).unwrap();
    std::fs::write(from.path().join("c/i0.json"), item(0, title)).unwrap();
    let platform: Platform = world.open().await;
    platform.publish_folder(PublishFolder::new(from.path(), "ingest".parse().unwrap())).await
}

/// The tables of facts.
fn tables(world: &World) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(world.root().join(".kfm/snapshots")) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_one = |name: &str| name.starts_with("facts-") && name.ends_with(".table");
    paths.filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_one)).collect()
}

/// Where the bytes of a version are.
fn version(world: &World, document: &str) -> PathBuf {
    let hex = Digest::of_bytes(document.as_bytes()).hex();
    world.root().join(".kfm/versions/sha256").join(&hex[..2]).join(hex)
}

#[tokio::test]
async fn what_judges_needs_no_bytes_of_documents_whose_facts_are_kept() {
    let kept = Kept::new("second").await;
    // A document that stands beside the one that moves: were it read, it would be missed.
    std::fs::remove_file(version(&kept.world, &item(7, "first"))).unwrap();
    kept.plan().await.unwrap();
    change(&kept.world, "third").await.unwrap();
}

#[tokio::test]
async fn damaged_facts_are_read_again_from_the_documents_and_never_believed() {
    let kept = Kept::new("second").await;
    for part in 0..12 {
        // A table whose index is damaged is made again by this command, which changes something: the next meets that one.
        for table in tables(&kept.world) {
            let mut damaged = std::fs::read(&table).unwrap();
            let at = part * damaged.len() / 12;
            damaged[at] ^= 1;
            std::fs::write(&table, damaged).unwrap();
        }
        assert!(kept.plan().await.is_ok(), "part {part}");
    }
    // And now the document that is read instead is not there: that must be said, not passed over.
    for table in tables(&kept.world) {
        let whole = std::fs::read(&table).unwrap();
        std::fs::write(&table, &whole[..whole.len() / 2]).unwrap();
    }
    std::fs::remove_file(version(&kept.world, &item(7, "first"))).unwrap();
    let error = kept.plan().await.unwrap_err();
    assert!(matches!(error, Error::Incomplete { .. }), "{error}");
}

#[tokio::test]
async fn facts_that_the_log_does_not_name_are_not_used() {
    let (kept, other) = (Kept::new("second").await, Kept::new("another").await);
    // Facts of another platform, under their own name: whole, and of another log.
    let (mine, others) = (tables(&kept.world).remove(0), tables(&other.world).remove(0));
    std::fs::remove_file(&mine).unwrap();
    std::fs::copy(&others, mine.with_file_name(others.file_name().unwrap())).unwrap();
    std::fs::remove_file(version(&kept.world, &item(7, "first"))).unwrap();
    assert_ne!(mine.file_name(), others.file_name());
    let error = kept.plan().await.unwrap_err();
    assert!(matches!(error, Error::Incomplete { .. }), "{error}");
}

/// Facts are by the bytes of documents: they go with the last document that has them.
#[tokio::test]
async fn facts_of_bytes_that_another_document_still_has_stay() {
    let world = World::keeping().await;
    let publish = async |documents: &[(&str, &str)]| {
        let from = tempfile::tempdir().unwrap();
        for (name, title) in documents {
            let text = format!(r#"{{"type": "Catalog", "id": "r", "title": "{title}", "links": []}}"#);
            std::fs::write(from.path().join(name), text).unwrap();
        }
        let request = PublishFolder::new(from.path(), "ingest".parse().unwrap());
        world.open().await.publish_folder(request).await.unwrap();
    };
    publish(&[("one.json", "same"), ("two.json", "same"), ("three.json", "own")]).await;
    publish(&[("one.json", "changed")]).await;
    world.assert_kept_as_made_anew().await;
    publish(&[("two.json", "changed"), ("three.json", "same")]).await;
    publish(&[("three.json", "own")]).await;
    world.assert_kept_as_made_anew().await;
}

#[tokio::test]
async fn facts_that_are_gone_are_kept_again_by_the_next_command_that_changes_something() {
    let kept = Kept::new("second").await;
    std::fs::remove_file(tables(&kept.world).remove(0)).unwrap();
    kept.world.open().await.status().await.unwrap();
    assert!(tables(&kept.world).is_empty(), "a command that looks keeps nothing");
    change(&kept.world, "third").await.unwrap();
    assert_eq!(tables(&kept.world).len(), 1);
    let before = tables(&kept.world);
    change(&kept.world, "fourth").await.unwrap();
    assert_eq!(tables(&kept.world), before, "once");
}
