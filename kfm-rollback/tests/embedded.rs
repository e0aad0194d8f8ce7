//! The embedded graph, search engine and cache: what each domain adds to the laws, and crashes below them.
#![cfg(feature = "test-util")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use kfm_lineage::{Digest, Value, canonical_json};
use kfm_rollback::blob::ObjectBlobs;
use kfm_rollback::context::WriteContext;
use kfm_rollback::embedded::{EmbeddedCache, EmbeddedGraph, EmbeddedSearch};
use kfm_rollback::op::{Depth, DomainOp, DomainOpExt, OpError, Seen, Swap, Swapped};
use kfm_rollback::versions::VersionStore;
use rusqlite::Connection;
use serde_json::json;

/// What became of a swap, without its generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SwapOutcome {
    Applied,
    Already,
    Conflict { observed: Value },
}

impl From<Swapped> for SwapOutcome {
    fn from(swapped: Swapped) -> Self {
        match swapped {
            Swapped::Applied { .. } => Self::Applied,
            Swapped::Already { .. } => Self::Already,
            Swapped::Conflict { observed } => Self::Conflict { observed: observed.value },
        }
    }
}

async fn values(op: &dyn DomainOp, keys: &[&str]) -> Vec<Value> {
    let keys: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
    op.observe(&keys, Depth::Mark).await.unwrap().into_iter().map(|seen| seen.value).collect()
}

struct World {
    folder: tempfile::TempDir,
    versions: Arc<VersionStore>,
}

impl World {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            versions: Arc::new(VersionStore::new(Arc::new(ObjectBlobs::in_memory()))),
        }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("cells.sqlite3")
    }

    fn graph(&self) -> EmbeddedGraph {
        EmbeddedGraph::new("graph", self.folder.path())
    }

    fn search(&self) -> EmbeddedSearch {
        EmbeddedSearch::new("search", self.folder.path())
    }

    fn cache(&self) -> EmbeddedCache {
        EmbeddedCache::new("cache", self.folder.path())
    }

    async fn value(&self, content: &serde_json::Value) -> Value {
        let bytes = canonical_json(content).unwrap();
        let digest = Digest::of_canonical_bytes(&bytes);
        self.versions.put(vec![(digest, Bytes::from(bytes))]).await.unwrap();
        Some(digest)
    }

    async fn swap(&self, op: &dyn DomainOp, key: &str, from: Value, to: Value) -> SwapOutcome {
        self.try_swap(op, &[(key, from, to)]).await.unwrap()[0]
    }

    async fn try_swap(
        &self,
        op: &dyn DomainOp,
        swaps: &[(&str, Value, Value)],
    ) -> Result<Vec<SwapOutcome>, OpError> {
        let swap = |&(key, from, to): &(&str, Value, Value)| Swap {
            key: key.to_owned(),
            from: Seen::value(from),
            to,
        };
        let batch: Vec<_> = swaps.iter().map(swap).collect();
        op.swap(&self.context(), &batch)
            .await?
            .into_iter()
            .map(|answer| answer.map(SwapOutcome::from))
            .collect()
    }

    fn context(&self) -> WriteContext {
        WriteContext::for_conformance(Arc::clone(&self.versions), 1)
    }

    async fn recover(&self, op: &dyn DomainOp) {
        op.recover(&self.context()).await.unwrap();
    }
}

#[tokio::test]
async fn a_retired_node_is_kept_and_marked_with_time_and_operation() {
    let world = World::new();
    let graph = world.graph();
    let (a, b) = (world.value(&json!({"v": 1})).await, world.value(&json!({"v": 2})).await);
    world.swap(&graph, "x.json", None, a).await;
    world.swap(&graph, "x.json", a, b).await;
    world.swap(&graph, "x.json", b, a).await;
    world.swap(&graph, "x.json", a, None).await;

    let node = world.graph().node("x.json").await.unwrap().unwrap();
    assert_eq!(node.current, None);
    assert_eq!(node.versions.iter().map(|version| Some(version.v)).collect::<Vec<_>>(), [a, b]);
    assert_eq!(node.versions[1].v_from, world.context().now());
    let deleted = node.deleted.unwrap();
    assert_eq!(deleted.deleted_at, world.context().now());
    assert_eq!(deleted.deleted_by.as_str(), "pub_2025_11_14T03_15_42Z_conformance");
    assert!(graph.keys().await.unwrap().is_empty());

    world.swap(&graph, "x.json", None, b).await;
    let node = graph.node("x.json").await.unwrap().unwrap();
    assert_eq!((node.current, node.deleted, node.versions.len()), (b, None, 2));
    assert_eq!(graph.node("never.json").await.unwrap(), None);
}

#[tokio::test]
async fn relationships_lead_to_bare_nodes_that_are_no_cells() {
    let world = World::new();
    let graph = world.graph();
    let content = json!({"relationships": [
        {"type": "IN_COLLECTION", "to": {"label": "StacCollection", "id": "c"}},
        {"type": "HAS_ASSET", "key": "a", "to": {"label": "Asset", "id": "a.tif"}},
    ]});
    let value = world.value(&content).await;
    world.swap(&graph, "x.json", None, value).await;
    assert_eq!(Vec::from_iter(graph.bare_nodes().await.unwrap()), ["Asset a.tif", "StacCollection c"]);
    assert_eq!(graph.keys().await.unwrap(), ["x.json"]);
}

#[tokio::test]
async fn an_alias_leads_to_the_index_of_its_content_and_an_index_that_was_built_is_used_again() {
    let world = World::new();
    let search = world.search();
    let (a, b) = (world.value(&json!(["a"])).await, world.value(&json!(["b"])).await);
    let name = |value: Value| format!("kfm-c-{}", &value.unwrap().hex()[..12]);
    assert_eq!(search.index_of("kfm-c").await.unwrap(), None);
    for (from, to) in [(None, a), (a, b), (b, a), (a, None), (None, b)] {
        world.swap(&search, "kfm-c", from, to).await;
        let expected = to.map(|_| name(to));
        assert_eq!(search.index_of("kfm-c").await.unwrap(), expected);
    }
    let indexes = search.indexes("kfm-c").await.unwrap();
    assert_eq!(indexes.iter().map(|index| index.name.clone()).collect::<Vec<_>>(), [name(a), name(b)]);
    assert!(search.indexes("kfm-d").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_generation_rises_with_every_change_in_either_direction_and_with_nothing_else() {
    let world = World::new();
    let cache = world.cache();
    let (a, b) = (world.value(&json!(["a"])).await, world.value(&json!(["b"])).await);
    let (other, unknown) = (world.value(&json!(["c"])).await, world.value(&json!(["d"])).await);
    assert_eq!(cache.generation("kfm-c").await.unwrap(), 0);
    let mut expected = 0;
    for (from, to) in [(None, a), (a, b), (b, a), (a, None), (None, a)] {
        world.swap(&cache, "kfm-c", from, to).await;
        expected += 1;
        assert_eq!(cache.generation("kfm-c").await.unwrap(), expected);
        assert_eq!(world.swap(&cache, "kfm-c", from, to).await, SwapOutcome::Already);
        let conflict = SwapOutcome::Conflict { observed: to };
        assert_eq!(world.swap(&cache, "kfm-c", other, unknown).await, conflict);
        assert_eq!(world.cache().generation("kfm-c").await.unwrap(), expected, "seen by another process");
    }
}

#[tokio::test]
async fn a_folder_that_is_missing_does_not_pass_for_an_empty_store() {
    let world = World::new();
    let folder = world.folder.path().join("later");
    let cache = EmbeddedCache::new("cache", &folder);
    assert!(matches!(cache.keys().await, Err(OpError::Missing { .. })));
    world.recover(&cache).await;
    assert!(!folder.exists());
    cache.create().await.unwrap();
    cache.create().await.unwrap();
    assert!(folder.join("cells.sqlite3").is_file());
    assert!(cache.keys().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_content_of_any_size_is_kept_while_readers_see_it_and_overwritten_after() {
    let world = World::new();
    let search = world.search();
    let large = world.value(&json!(["recognise me ".repeat(100_000)])).await;
    for (from, to) in [(None, large), (large, None), (None, large), (large, None)] {
        assert_eq!(world.swap(&search, "kfm-c", from, to).await, SwapOutcome::Applied);
        let is_there = search.content("kfm-c").await.unwrap().map(|bytes| Digest::of_canonical_bytes(&bytes));
        assert_eq!(is_there, to);
    }
    let bytes = fs::read(world.database()).unwrap();
    assert!(bytes.len() > 1_000_000, "the pages are kept for what comes next");
    assert!(
        !bytes.windows(12).any(|window| window == b"recognise me"),
        "what was withdrawn is gone from them"
    );
}

#[tokio::test]
async fn a_batch_of_many_large_contents_is_taken() {
    let world = World::new();
    let filling = "\"".repeat(30_000);
    let mut swaps = Vec::new();
    let keys: Vec<_> = (0..200).map(|n| format!("{n:04}.json")).collect();
    for (n, key) in keys.iter().enumerate() {
        swaps.push((key.as_str(), None, world.value(&json!({"n": n, "filling": filling})).await));
    }
    let outcomes = world.try_swap(&world.graph(), &swaps).await.unwrap();
    assert_eq!(outcomes, vec![SwapOutcome::Applied; 200]);
    assert_eq!(world.graph().keys().await.unwrap(), keys);
}

#[tokio::test]
async fn a_value_that_is_no_digest_of_canonical_json_is_refused() {
    let world = World::new();
    let bytes = Bytes::from_static(b"{}");
    let digest = Digest::of_bytes(&bytes);
    world.versions.put(vec![(digest, bytes)]).await.unwrap();
    let answer = world.try_swap(&world.graph(), &[("x.json", None, Some(digest))]).await;
    assert!(matches!(answer, Err(OpError::Permanent { key, .. }) if key == "x.json"));
}

#[tokio::test]
async fn a_store_that_another_process_changes_is_waited_for_and_then_busy() {
    let world = World::new();
    let graph = world.graph();
    let a = world.value(&json!({"v": 1})).await;
    world.swap(&graph, "x.json", None, a).await;
    let other = Connection::open(world.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(values(&graph, &["x.json"]).await, [a], "readers see what was before");
    let answer = world.try_swap(&graph, &[("x.json", a, None)]).await;
    assert!(matches!(answer, Err(OpError::Transient { .. })), "{answer:?}");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(world.swap(&graph, "x.json", a, None).await, SwapOutcome::Applied);
}

#[tokio::test]
async fn a_content_with_a_flipped_byte_is_another_value() {
    let world = World::new();
    let a = world.value(&json!({"v": "recognise me"})).await;
    world.swap(&world.graph(), "x.json", None, a).await;
    flip(&world.database(), b"recognise me");
    let seen = world.graph().observe(&["x.json".to_owned()], Depth::Content).await.unwrap();
    let content = world.graph().content("x.json").await.unwrap().unwrap();
    assert_eq!(seen[0].value, Some(Digest::of_canonical_bytes(&content)));
    assert_ne!(seen[0].value, a);
}

#[tokio::test]
async fn a_file_that_is_no_database_of_ours_is_an_error_and_never_an_empty_store() {
    let world = World::new();
    let a = world.value(&json!({"v": 1})).await;
    let of_somebody = |sql: &str| {
        let _ = fs::remove_file(world.database());
        Connection::open(world.database()).unwrap().execute_batch(sql).unwrap();
    };
    let damaged = || {
        of_somebody("PRAGMA application_id = 0x6b666d63; PRAGMA user_version = 1; CREATE TABLE cells (key)");
        let mut bytes = fs::read(world.database()).unwrap();
        bytes[..16].fill(b'x');
        fs::write(world.database(), bytes).unwrap();
    };
    let others: [&dyn Fn(); 5] = [
        &|| fs::write(world.database(), "no database at all, and long enough to be looked at").unwrap(),
        &|| of_somebody("CREATE TABLE songs (title)"),
        &|| of_somebody("PRAGMA application_id = 1; CREATE TABLE songs (title)"),
        &|| of_somebody("PRAGMA application_id = 0x6b666d63; PRAGMA user_version = 2"),
        &damaged,
    ];
    for (n, make) in others.iter().enumerate() {
        make();
        let before = fs::read(world.database()).unwrap();
        let listed = world.graph().keys().await;
        assert!(matches!(listed, Err(OpError::Permanent { .. })), "{n}: {listed:?}");
        let answer = world.try_swap(&world.graph(), &[("z.json", None, a)]).await;
        assert!(matches!(answer, Err(OpError::Permanent { .. })), "{n}: {answer:?}");
        assert!(fs::read(world.database()).unwrap() == before, "{n}: it was changed");
    }
}

/// Where even its file cannot be looked at, an error is the answer: here a link that leads to itself.
#[cfg(unix)]
#[tokio::test]
async fn a_database_that_cannot_be_looked_at_does_not_pass_for_an_empty_store() {
    let world = World::new();
    std::os::unix::fs::symlink("cells.sqlite3", world.database()).unwrap();
    let listed = world.graph().keys().await;
    assert!(matches!(listed, Err(OpError::Transient { .. })), "{listed:?}");
    let recovered = world.graph().recover(&world.context()).await;
    assert!(matches!(recovered, Err(OpError::Transient { .. })), "{recovered:?}");
}

/// A process that dies in the middle of a change leaves the pages of the new state in the database, and those of the old
/// one in the journal.
#[tokio::test]
async fn a_change_that_a_dead_process_began_is_taken_back_by_the_next_look() {
    let world = World::new();
    let keys: Vec<_> = (0..500).map(|n| format!("{n:04}.json")).collect();
    let a = world.value(&json!({"v": "x".repeat(2_000)})).await;
    let swaps: Vec<_> = keys.iter().map(|key| (key.as_str(), None, a)).collect();
    world.try_swap(&world.graph(), &swaps).await.unwrap();
    let journal = world.folder.path().join("cells.sqlite3-journal");
    let before = fs::read(world.database()).unwrap();

    let dying = Connection::open(world.database()).unwrap();
    dying
        .execute_batch("PRAGMA cache_size = 2; BEGIN IMMEDIATE; UPDATE contents SET content = '{}'")
        .unwrap();
    let (database, left) = (fs::read(world.database()).unwrap(), fs::read(&journal).unwrap());
    drop(dying);
    assert_ne!(database, before, "nothing was written in the middle of the change");
    fs::write(world.database(), database).unwrap();
    fs::write(&journal, left).unwrap();

    let seen = world.graph().observe(&keys, Depth::Content).await.unwrap();
    assert!(seen.iter().all(|seen| seen.value == a));
    assert!(!journal.exists());
}

#[tokio::test]
async fn a_store_in_the_form_of_an_earlier_version_says_so_and_is_empty() {
    let world = World::new();
    fs::create_dir(world.folder.path().join("log")).unwrap();
    let probe = world.graph().probe().await.unwrap();
    assert!(probe.findings[0].what.contains("earlier version"), "{probe:?}");
    assert!(world.graph().keys().await.unwrap().is_empty());
}

fn flip(path: &Path, content: &[u8]) {
    let mut bytes = fs::read(path).unwrap();
    let place = bytes.windows(content.len()).position(|window| window == content).unwrap();
    bytes[place] ^= 1;
    fs::write(path, bytes).unwrap();
}
