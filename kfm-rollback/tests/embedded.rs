//! The embedded graph, search engine and cache: what each domain adds to the laws, and crashes below them.
#![cfg(feature = "test-util")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use kfm_lineage::{Digest, Value, canonical_json};
use kfm_retry::{Clock, ManualClock};
use kfm_rollback::blob::ObjectBlobs;
use kfm_rollback::context::WriteContext;
use kfm_rollback::embedded::{EmbeddedCache, EmbeddedGraph, EmbeddedSearch};
use kfm_rollback::op::{Depth, DomainOp, DomainOpExt, OpError, Seen, Swap, Swapped};
use kfm_rollback::versions::VersionStore;
use kfm_wal::local::disk::{Access, Disk, DiskFile, DiskLock, RealDisk};
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
    clock: Arc<ManualClock>,
    versions: Arc<VersionStore>,
}

impl World {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH)),
            versions: Arc::new(VersionStore::new(Arc::new(ObjectBlobs::in_memory()))),
        }
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as _
    }

    fn graph(&self) -> EmbeddedGraph {
        EmbeddedGraph::new("graph", self.folder.path(), self.clock())
    }

    fn search(&self) -> EmbeddedSearch {
        EmbeddedSearch::new("search", self.folder.path(), self.clock())
    }

    fn cache(&self) -> EmbeddedCache {
        EmbeddedCache::new("cache", self.folder.path(), self.clock())
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
    world.clock.advance(Duration::from_secs(60));
    world.swap(&graph, "x.json", a, b).await;
    world.swap(&graph, "x.json", b, a).await;
    world.clock.advance(Duration::from_secs(60));
    world.swap(&graph, "x.json", a, None).await;

    let node = world.graph().node("x.json").await.unwrap().unwrap();
    assert_eq!(node.current, None);
    assert_eq!(node.versions.iter().map(|version| Some(version.v)).collect::<Vec<_>>(), [a, b]);
    assert_eq!(node.versions[1].v_from.to_string(), "1970-01-01T00:01:00Z");
    let deleted = node.deleted.unwrap();
    assert_eq!(deleted.deleted_at.to_string(), "1970-01-01T00:02:00Z");
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
    let cache = EmbeddedCache::new("cache", &folder, world.clock());
    assert!(matches!(cache.keys().await, Err(OpError::Missing { .. })));
    world.recover(&cache).await;
    assert!(!folder.exists());
    cache.create().await.unwrap();
    cache.create().await.unwrap();
    assert!(folder.join("log").is_dir());
    assert!(cache.keys().await.unwrap().is_empty());
}

#[tokio::test]
async fn large_contents_lie_beside_the_log_once_however_often_they_come_back() {
    let world = World::new();
    let search = world.search();
    let large = world.value(&json!(["x".repeat(100_000)])).await;
    for (from, to) in [(None, large), (large, None), (None, large)] {
        assert_eq!(world.swap(&search, "kfm-c", from, to).await, SwapOutcome::Applied);
    }
    let digest = large.unwrap();
    let hex = digest.hex();
    let place = world.folder.path().join("contents/jcs-sha256").join(&hex[..2]);
    assert_eq!(fs::read_dir(&place).unwrap().count(), 1);

    fs::write(place.join(".kfm-4711-0.tmp"), "half").unwrap();
    world.recover(&search).await;
    assert_eq!(fs::read_dir(&place).unwrap().count(), 1, "recovery sweeps the contents");

    fs::write(place.join(&hex), "damaged").unwrap();
    assert!(
        matches!(search.content("kfm-c").await, Err(OpError::Content { digest: named, .. }) if named == digest)
    );
}

#[tokio::test]
async fn a_batch_above_the_limit_of_an_append_is_taken() {
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
async fn a_store_that_another_process_writes_is_busy_for_writers_and_open_to_readers() {
    let world = World::new();
    let graph = world.graph();
    let a = world.value(&json!({"v": 1})).await;
    world.swap(&graph, "x.json", None, a).await;
    let options = kfm_wal::local::LocalOptions::new(world.clock());
    let other = kfm_wal::local::LocalLog::open(world.folder.path().join("log"), options).unwrap();
    let answer = world.try_swap(&graph, &[("x.json", a, None)]).await;
    assert!(matches!(answer, Err(OpError::Transient { .. })));
    assert_eq!(values(&graph, &["x.json"]).await, [a]);
    drop(other);
    assert_eq!(world.swap(&graph, "x.json", a, None).await, SwapOutcome::Applied);
}

#[tokio::test]
async fn a_log_with_a_flipped_byte_is_an_error_and_never_an_empty_store() {
    let world = World::new();
    let a = world.value(&json!({"v": "recognise me"})).await;
    world.swap(&world.graph(), "x.json", None, a).await;
    world.swap(&world.graph(), "y.json", None, a).await;
    let log = world.folder.path().join("log");
    let segment = fs::read_dir(&log).unwrap().map(|entry| entry.unwrap().path());
    let segment = segment.into_iter().find(|path| path.extension().is_some_and(|ext| ext == "kfw")).unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let place = bytes.windows(9).position(|window| window == b"recognise").unwrap();
    bytes[place] ^= 1;
    fs::write(&segment, bytes).unwrap();
    assert!(matches!(world.graph().keys().await, Err(OpError::Permanent { .. })));
    let answer = world.try_swap(&world.graph(), &[("z.json", None, a)]).await;
    assert!(matches!(answer, Err(OpError::Permanent { .. })));
}

/// Every call of the disk that can fail is made to fail once, in a swap over two cells. Afterwards both cells have
/// their old values or both have their new ones, the answer was true, and the swap can be made again.
#[tokio::test]
async fn a_swap_that_fails_anywhere_leaves_both_cells_old_or_both_new() {
    let mut failures = 0;
    for nth in 1.. {
        let world = World::new();
        let (a, b) = (world.value(&json!({"v": 1})).await, world.value(&json!({"v": 2})).await);
        world.try_swap(&world.graph(), &[("x.json", None, a), ("y.json", None, a)]).await.unwrap();
        let disk = Arc::new(FaultyDisk::default());
        let batch = [("x.json", a, b), ("y.json", a, None)];
        disk.left.store(nth, Ordering::SeqCst);
        let answer = world.try_swap(&world.graph().with_disk(Arc::clone(&disk) as _), &batch).await;
        let failed = disk.left.load(Ordering::SeqCst) <= 0;

        let graph = world.graph();
        world.recover(&graph).await;
        let seen = values(&graph, &["x.json", "y.json"]).await;
        match &answer {
            Ok(outcomes) => assert_eq!(
                (outcomes.as_slice(), seen.as_slice()),
                (&[SwapOutcome::Applied; 2][..], &[b, None][..])
            ),
            Err(OpError::Unknown { .. }) => assert!(seen == [a, a] || seen == [b, None], "{nth}: {seen:?}"),
            Err(_) => assert_eq!(seen, [a, a], "{nth}: {answer:?}"),
        }
        world.try_swap(&graph, &batch).await.unwrap();
        assert_eq!(values(&graph, &["x.json", "y.json"]).await, [b, None]);
        if !failed {
            break;
        }
        failures += 1;
    }
    assert!(failures >= 5, "only {failures} calls could fail");
}

#[tokio::test]
async fn an_operation_whose_log_failed_opens_it_anew_and_goes_on() {
    for nth in 1..10 {
        let world = World::new();
        let a = world.value(&json!({"v": 1})).await;
        let disk = Arc::new(FaultyDisk::default());
        let graph = world.graph().with_disk(Arc::clone(&disk) as _);
        let cx = world.context();
        let add = async |key: &str| -> Result<SwapOutcome, OpError> {
            let swap = Swap { key: key.to_owned(), from: Seen::default(), to: a };
            graph.swap(&cx, &[swap]).await?.remove(0).map(SwapOutcome::from)
        };
        assert_eq!(add("x.json").await.unwrap(), SwapOutcome::Applied);
        disk.left.store(nth, Ordering::SeqCst);
        if add("y.json").await.is_err() {
            world.recover(&world.graph()).await;
        }
        let again = add("y.json").await.unwrap();
        assert!(matches!(again, SwapOutcome::Applied | SwapOutcome::Already), "{again:?}");
        // The next change finds out what failed behind an acknowledged one.
        let last = add("z.json").await;
        assert!(matches!(last, Ok(SwapOutcome::Applied) | Err(OpError::Transient { .. })), "{nth}: {last:?}");
        assert!(matches!(add("z.json").await, Ok(SwapOutcome::Applied | SwapOutcome::Already)));
        drop(cx);
        // A change that only lacks its witness is settled by the next writer.
        world.recover(&world.graph()).await;
        assert_eq!(world.graph().keys().await.unwrap(), ["x.json", "y.json", "z.json"]);
    }
}

/// The real disk, on which the `left`th write or sync fails, once; a write that fails is half done.
#[derive(Debug, Default)]
struct FaultyDisk {
    left: Arc<AtomicI64>,
}

impl Disk for FaultyDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let file = RealDisk.open(path, access)?;
        Ok(Box::new(FaultyFile { file, left: Arc::clone(&self.left) }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        RealDisk.lock(path)
    }
}

#[derive(Debug)]
struct FaultyFile {
    file: Box<dyn DiskFile>,
    left: Arc<AtomicI64>,
}

impl FaultyFile {
    fn fails(&self) -> bool {
        self.left.fetch_sub(1, Ordering::SeqCst) == 1
    }
}

impl DiskFile for FaultyFile {
    fn bytes(&mut self) -> io::Result<u64> {
        self.file.bytes()
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, buffer)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.fails() {
            self.file.write_at(offset, &bytes[..bytes.len() / 2])?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write_at(offset, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.fails() {
            return Err(io::Error::other("the disk is gone"));
        }
        self.file.sync()
    }
}
