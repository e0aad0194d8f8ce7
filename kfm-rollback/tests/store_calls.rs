//! What the engine asks of a store, when, and what it does with what the store promises (ADR 0020).
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "crash/fuse.rs"]
#[allow(dead_code, reason = "another test uses it")]
mod fuse;
#[path = "crash/world.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod world;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use kfm_lineage::{Digest, Domain};
use kfm_retry::clock::Sleep;
use kfm_retry::{Clock, ErrorClass};
use kfm_rollback::blob::ObjectBlobs;
use kfm_rollback::context::WriteContext;
use kfm_rollback::memory::MemoryOp;
use kfm_rollback::op::{
    Capabilities, CompareAndSet, Depth, DomainOp, DomainOpExt, Fence, Listed, Misconfigured, OpError,
    Outcomes, Probe, Role, Seen, Swap, Swapped, ValueIs, Visible,
};
use kfm_rollback::report::{PublishReport, Status};
use kfm_rollback::versions::VersionStore;
use kfm_rollback::{Error, OpenOptions, Platform, PublishFolder};
use world::{folder, new_platform, write_documents};

/// A clock on which waiting takes no time, and time-outs do not come.
#[derive(Debug)]
struct LeapingClock(SystemTime, Mutex<Duration>);

impl Clock for LeapingClock {
    fn monotonic(&self) -> Duration {
        *self.1.lock().unwrap()
    }

    fn wall(&self) -> SystemTime {
        self.0 + self.monotonic()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        *self.1.lock().unwrap() += duration;
        Box::pin(std::future::ready(()))
    }

    fn alarm(&self, _: Duration) -> Sleep {
        Box::pin(std::future::pending())
    }
}

/// A call: the store, what it was asked, and for which keys.
type Call = (String, &'static str, Vec<String>);

/// What happens at a swap, before the store answers; an answer of its own is the store's.
type AtSwap = Box<dyn Fn(&[Swap]) -> Option<Result<Outcomes, OpError>> + Send + Sync>;

/// A store that notes its calls, and promises what a test wants.
struct Told {
    store: Arc<dyn DomainOp>,
    calls: Arc<Mutex<Vec<Call>>>,
    promises: Capabilities,
    findings: Vec<Misconfigured>,
    at_swap: Option<AtSwap>,
    /// Whether it refuses to make anything ready, for a reason that does not pass.
    refuses_to_stage: bool,
    /// What readers see everywhere, whatever the marks say.
    shown: Arc<Mutex<Option<Bytes>>>,
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Told").finish_non_exhaustive()
    }
}

impl Told {
    fn of(store: Arc<dyn DomainOp>) -> Self {
        let promises = store.capabilities();
        let (calls, shown) = (Arc::default(), Arc::default());
        Self { store, calls, promises, findings: Vec::new(), at_swap: None, refuses_to_stage: false, shown }
    }

    fn note<'a>(&self, call: &'static str, keys: impl Iterator<Item = &'a String>) {
        self.calls.lock().unwrap().push((self.name().to_owned(), call, keys.cloned().collect()));
    }
}

#[async_trait]
impl DomainOp for Told {
    fn name(&self) -> &str {
        self.store.name()
    }

    fn domain(&self) -> Domain {
        self.store.domain()
    }

    fn role(&self) -> Role {
        self.store.role()
    }

    fn capabilities(&self) -> Capabilities {
        self.promises
    }

    async fn probe(&self) -> Result<Probe, OpError> {
        self.note("probe", [].iter());
        Ok(Probe { findings: self.findings.clone(), ..self.store.probe().await? })
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, OpError> {
        self.store.scan(after, limit).await
    }

    async fn observe(&self, keys: &[String], depth: Depth) -> Result<Vec<Seen>, OpError> {
        self.note(if depth == Depth::Mark { "mark" } else { "content" }, keys.iter());
        let mut seen = self.store.observe(keys, depth).await?;
        if let Some(shown) = self.shown.lock().unwrap().as_ref().filter(|_| depth == Depth::Content) {
            seen.iter_mut().for_each(|seen| seen.value = Some(Digest::of_canonical_bytes(shown)));
        }
        Ok(seen)
    }

    async fn read(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, OpError> {
        self.note("read", keys.iter());
        self.store.read(keys).await
    }

    async fn fence(&self, cx: &WriteContext) -> Result<(), OpError> {
        self.note("fence", [].iter());
        self.store.fence(cx).await
    }

    async fn stage(&self, cx: &WriteContext, batch: &[Swap]) -> Result<(), OpError> {
        self.note("stage", batch.iter().map(|swap| &swap.key));
        if self.refuses_to_stage {
            let (store, key) = (self.name().into(), "-".into());
            return Err(OpError::Permanent { store, key, source: "as the test wants it".into() });
        }
        self.store.stage(cx, batch).await
    }

    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Outcomes, OpError> {
        self.note("swap", batch.iter().map(|swap| &swap.key));
        match self.at_swap.as_ref().and_then(|at_swap| at_swap(batch)) {
            Some(answer) => answer,
            None => self.store.swap(cx, batch).await,
        }
    }

    async fn settle(&self, cx: &WriteContext, keys: &[String]) -> Result<(), OpError> {
        self.note("settle", keys.iter());
        self.store.settle(cx, keys).await
    }

    async fn recover(&self, cx: &WriteContext) -> Result<(), OpError> {
        self.note("recover", [].iter());
        self.store.recover(cx).await
    }

    async fn end(&self, cx: &WriteContext) -> Result<(), OpError> {
        self.note("end", [].iter());
        self.store.end(cx).await
    }
}

async fn open(root: &Path) -> Platform {
    static OPENINGS: AtomicU64 = AtomicU64::new(1_763_089_200);
    let start = Duration::from_secs(OPENINGS.fetch_add(10_000, Ordering::SeqCst));
    let clock = LeapingClock(SystemTime::UNIX_EPOCH + start, Mutex::default());
    Platform::open(root, OpenOptions::new("operator").with_clock(Arc::new(clock))).await.unwrap()
}

async fn publish(platform: &Platform, items: &[(&str, &str)]) -> kfm_rollback::Result<PublishReport> {
    let incoming = folder();
    write_documents(incoming.path(), items);
    let request =
        PublishFolder { mirror: true, ..PublishFolder::new(incoming.path(), "ingest".parse().unwrap()) };
    platform.publish_folder(request).await
}

const V1: &[(&str, &str)] = &[("a", "one"), ("b", "one"), ("c", "one")];
const V2: &[(&str, &str)] = &[("a", "two"), ("b", "one"), ("d", "two")];

/// A platform with the first version, and a graph in memory.
async fn with_graph() -> (tempfile::TempDir, MemoryOp) {
    let root = new_platform().await;
    let graph = MemoryOp::new("graph", Domain::Graph);
    publish(&open(root.path()).await.with_store(Arc::new(graph.clone())), V1).await.unwrap();
    (root, graph)
}

#[tokio::test]
async fn fence_stage_swap_settle_and_end_come_in_their_order() {
    let root = new_platform().await;
    publish(&open(root.path()).await, V1).await.unwrap();
    let calls = Arc::new(Mutex::new(Vec::new()));
    let mut platform = open(root.path()).await;
    for store in platform.stores() {
        let mut told = Told { calls: Arc::clone(&calls), ..Told::of(store) };
        told.promises.visible = Visible::AfterSettle;
        platform = platform.with_store(Arc::new(told));
    }
    assert_eq!(publish(&platform, V2).await.unwrap().status, Status::Completed);
    let calls = calls.lock().unwrap().clone();
    let at = |store: &str, call: &str| -> Vec<usize> {
        let is_it = |(at, told): (usize, &Call)| (told.0 == store && told.1 == call).then_some(at);
        calls.iter().enumerate().filter_map(is_it).collect()
    };
    for store in ["catalog", "graph", "search", "cache"] {
        let (marks, swaps) = (at(store, "mark"), at(store, "swap"));
        let (fence, stage, settle) = (at(store, "fence"), at(store, "stage"), at(store, "settle"));
        assert!(at(store, "probe")[0] < fence[0], "{store}: {calls:?}");
        assert!(fence[0] < marks[0] && marks[0] < swaps[0], "{store}: {calls:?}");
        assert!(stage[0] < swaps[0] && swaps.last() < settle.last(), "{store}: {calls:?}");
        let verified = *at(store, "content").last().unwrap();
        assert!(*settle.last().unwrap() < verified, "{store} is verified before readers see it: {calls:?}");
        assert_eq!(calls.iter().rfind(|call| call.0 == store).unwrap().1, "end", "{store}");
    }
    // Documents appear, derived cells switch, documents disappear: each of them settled before the next.
    let (swaps, settles) = (at("catalog", "swap"), at("catalog", "settle"));
    let (first_derived, last_derived) = (at("cache", "swap")[0], *at("search", "settle").last().unwrap());
    assert!(settles.iter().any(|settle| swaps[0] < *settle && *settle < first_derived), "{calls:?}");
    assert!(last_derived < *swaps.last().unwrap(), "{calls:?}");
}

/// `docs/states.md` section 3: an operation that fails before its first intent is `failed`, since nothing went back.
#[tokio::test]
async fn what_fails_before_anything_moved_has_failed_and_was_not_aborted() {
    let root = new_platform().await;
    publish(&open(root.path()).await, V1).await.unwrap();
    let platform = open(root.path()).await;
    let catalog = Told { refuses_to_stage: true, ..Told::of(platform.catalog()) };
    let failed = publish(&platform.with_store(Arc::new(catalog)), V2).await.unwrap_err();
    let Error::Failed { status: Status::Failed, operation: Some(id), .. } = &failed else {
        panic!("{failed:?}")
    };
    let platform = open(root.path()).await;
    assert_eq!(platform.publish_show(id.as_str()).await.unwrap().line.status, Status::Failed);
    let entries = platform.ledger_entries().await.unwrap();
    let of_it = entries.iter().filter(|stored| {
        stored.entry.ids.publish_id.as_ref().is_some_and(|publish| publish.as_str() == id.as_str())
    });
    assert_eq!(of_it.map(|stored| stored.entry.status).collect::<Vec<_>>(), [Status::Failed]);
    assert_eq!(publish(&platform, V2).await.unwrap().status, Status::Completed);
}

#[tokio::test]
async fn a_store_that_cannot_keep_a_promise_begins_no_operation_and_doctor_says_what_to_do() {
    let (root, graph) = with_graph().await;
    let before = graph.keys().await.unwrap();
    let misconfigured = Misconfigured {
        what: "appendfsync is everysec".into(),
        remedy: "set appendfsync always".into(),
        breaks_promise: true,
    };
    let told = Arc::new(Told { findings: vec![misconfigured], ..Told::of(Arc::new(graph.clone())) });
    let platform = open(root.path()).await.with_store(Arc::clone(&told) as _);
    let refused = publish(&platform, V2).await;
    assert!(matches!(refused, Err(Error::Store(OpError::Misconfigured { .. }))), "{refused:?}");
    assert!(told.calls.lock().unwrap().iter().all(|(_, call, _)| *call != "swap"));
    assert_eq!(graph.keys().await.unwrap(), before);
    let report = platform.doctor(false).await.unwrap();
    assert!(report.stores.iter().any(|store| store.name == "graph" && !store.ok), "{report:?}");
    assert!(
        report.findings.iter().any(|finding| finding.to_string().contains("set appendfsync always")),
        "{report:?}"
    );
}

#[tokio::test]
async fn calls_are_cut_as_the_store_says_and_no_document_is_swapped_with_one_that_lists_it() {
    let root = new_platform().await;
    let platform = open(root.path()).await;
    let mut told = Told::of(platform.catalog());
    told.promises.cells_max = 2;
    let calls = Arc::clone(&told.calls);
    let items: Vec<(String, &str)> = (0..6).map(|n| (format!("i{n}"), "one")).collect();
    let items: Vec<(&str, &str)> = items.iter().map(|(id, title)| (id.as_str(), *title)).collect();
    publish(&platform.with_store(Arc::new(told)), &items).await.unwrap();
    let calls = calls.lock().unwrap();
    assert!(calls.iter().all(|(_, _, keys)| keys.len() <= 2), "{calls:?}");
    let swaps: Vec<_> =
        calls.iter().filter(|(_, call, _)| *call == "swap").map(|(_, _, keys)| keys).collect();
    assert!(swaps.iter().any(|keys| keys.len() == 2), "{swaps:?}");
    let root = swaps.iter().find(|keys| keys.contains(&"catalog.json".to_owned())).unwrap();
    assert_eq!(root.len(), 1, "the catalog appears with what it lists: {swaps:?}");
}

#[tokio::test]
async fn what_a_store_may_have_lost_is_made_again_by_a_resume() {
    let (root, graph) = with_graph().await;
    let before: Vec<_> = {
        let keys = graph.keys().await.unwrap();
        let contents = graph.read(&keys).await.unwrap();
        keys.into_iter().zip(contents).collect()
    };
    // The search engine is away, so the publish is interrupted when the graph has answered.
    let platform = open(root.path()).await.with_store(Arc::new(graph.clone()));
    let mut away = Told::of(platform.store("search").unwrap());
    away.at_swap = Some(Box::new(|_| {
        Some(Err(OpError::transient("search", ErrorClass::Network, "connection refused")))
    }));
    let interrupted = publish(&platform.with_store(Arc::new(away)), V2).await;
    assert!(
        matches!(interrupted, Err(Error::Unfinished { status: Status::Interrupted, .. })),
        "{interrupted:?}"
    );
    // The graph's machine lost its power: what was answered is not there.
    for key in graph.keys().await.unwrap() {
        graph.set_foreign(&key, None);
    }
    for (key, content) in before {
        graph.set_foreign(&key, content);
    }
    let platform = open(root.path()).await.with_store(Arc::new(graph.clone()));
    platform.publish_resume("latest", false).await.unwrap();
    let check = platform.catalog_check().await.unwrap();
    assert_eq!(check.store_skew, 0, "{check:?}");
}

#[tokio::test]
async fn of_a_batch_only_the_cells_that_failed_are_swapped_again() {
    let (root, graph) = with_graph().await;
    let mut told = Told::of(Arc::new(graph.clone()));
    let (calls, failed) = (Arc::clone(&told.calls), AtomicU64::new(0));
    told.at_swap = Some(Box::new(move |batch| {
        if failed.fetch_add(1, Ordering::SeqCst) > 0 {
            return None;
        }
        let busy = |at: usize| match at {
            0 => Err(OpError::transient("graph", ErrorClass::Transient, "busy")),
            _ => Ok(Swapped::Already { generation: None }),
        };
        Some(Ok((0..batch.len()).map(busy).collect()))
    }));
    // The others were only told to be swapped, which the verification finds out; here the calls matter.
    let _ = publish(&open(root.path()).await.with_store(Arc::new(told)), V2).await;
    let calls = calls.lock().unwrap();
    let swaps: Vec<_> =
        calls.iter().filter(|(_, call, _)| *call == "swap").map(|(_, _, keys)| keys).collect();
    assert!(swaps[0].len() > 1, "{swaps:?}");
    assert_eq!(swaps[1][..], swaps[0][..1], "{swaps:?}");
}

#[tokio::test]
async fn a_store_that_compares_nothing_is_looked_at_before_a_swap_is_repeated() {
    let (root, graph) = with_graph().await;
    let mut told = Told::of(Arc::new(graph.clone()));
    (told.promises.put, told.promises.retire) = (CompareAndSet::None, CompareAndSet::None);
    let (other_hand, turn) = (graph.clone(), AtomicU64::new(0));
    let by_hand = Bytes::from_static(br#"{"by":"hand"}"#);
    let written = by_hand.clone();
    told.at_swap = Some(Box::new(move |batch| {
        let cell = batch[0].key.clone();
        if turn.fetch_add(1, Ordering::SeqCst) == 0 {
            // The request is lost, and another hand writes before it is made again.
            other_hand.set_foreign(&cell, Some(written.clone()));
            return Some(Err(OpError::transient("graph", ErrorClass::Network, "connection reset by peer")));
        }
        // It overwrites whatever is there.
        batch.iter().for_each(|swap| other_hand.set_foreign(&swap.key, Some(Bytes::from_static(b"{}"))));
        Some(Ok(batch.iter().map(|_| Ok(Swapped::Applied { generation: None })).collect()))
    }));
    let calls = Arc::clone(&told.calls);
    let held = publish(&open(root.path()).await.with_store(Arc::new(told)), V2).await;
    assert!(matches!(held, Err(Error::Unfinished { status: Status::Held, .. })), "{held:?}");
    let cell = calls.lock().unwrap().iter().find(|(_, call, _)| *call == "swap").unwrap().2[0].clone();
    assert_eq!(graph.content(&cell).await.unwrap(), Some(by_hand), "what another hand wrote is lost");
}

#[tokio::test]
async fn a_value_that_another_hand_wrote_once_more_is_no_conflict() {
    let (root, graph) = with_graph().await;
    let mut told = Told::of(Arc::new(graph.clone()));
    let (other_hand, turn, contents) = (graph.clone(), AtomicU64::new(0), graph.keys().await.unwrap());
    let contents = graph.read(&contents).await.unwrap().into_iter().zip(contents.clone()).collect::<Vec<_>>();
    told.at_swap = Some(Box::new(move |_| {
        if turn.fetch_add(1, Ordering::SeqCst) == 0 {
            // The same contents again: each cell has its value, in another generation.
            contents.iter().for_each(|(content, key)| other_hand.set_foreign(key, content.clone()));
        }
        None
    }));
    let report = publish(&open(root.path()).await.with_store(Arc::new(told)), V2).await.unwrap();
    assert_eq!(report.status, Status::Completed);
}

#[tokio::test]
async fn a_content_that_is_not_what_its_mark_says_does_not_pass_the_verification() {
    let (root, graph) = with_graph().await;
    let mut told = Told::of(Arc::new(graph));
    told.promises.value_is = ValueIs::Mark;
    let shown = Arc::clone(&told.shown);
    told.at_swap = Some(Box::new(move |_| {
        *shown.lock().unwrap() = Some(Bytes::from_static(br#"{"by":"hand"}"#));
        None
    }));
    let platform = open(root.path()).await.with_store(Arc::new(told));
    let held = publish(&platform, V2).await;
    let Err(Error::Unfinished { held_reason, .. }) = held else { panic!("{held:?}") };
    assert_eq!(held_reason.as_deref(), Some("foreign_value"));
    let report = platform.doctor(true).await.unwrap();
    assert!(report.findings.iter().any(|finding| finding.to_string().contains("mark")), "{report:?}");
}

#[tokio::test]
async fn an_executor_whose_token_is_stale_stops_and_undoes_nothing() {
    let (root, graph) = with_graph().await;
    assert_eq!(graph.capabilities().fence, Fence::Token);
    let mut told = Told::of(Arc::new(graph.clone()));
    let versions = Arc::new(VersionStore::new(Arc::new(ObjectBlobs::in_memory())));
    let follower = WriteContext::for_conformance(versions, u64::MAX);
    let fenced = Arc::new((graph.clone(), follower));
    let at_swap = Arc::clone(&fenced);
    told.at_swap = Some(Box::new(move |_| {
        let (graph, follower) = &*at_swap;
        futures::FutureExt::now_or_never(graph.fence(follower)).unwrap().unwrap();
        None
    }));
    let interrupted = publish(&open(root.path()).await.with_store(Arc::new(told)), V2).await;
    assert!(
        matches!(interrupted, Err(Error::Unfinished { status: Status::Interrupted, .. })),
        "{interrupted:?}"
    );
    // It is refused before it looks, too.
    let platform = open(root.path()).await.with_store(Arc::new(graph));
    let refused = platform.publish_resume("latest", false).await;
    assert!(matches!(refused, Err(Error::Unfinished { .. })), "{refused:?}");
    assert!(refused.unwrap_err().to_string().contains("another executor has taken over"));
}
