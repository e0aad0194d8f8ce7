//! The graph in Neo4j, on a real server: every law of the trait, what goes wrong, and what is nowhere to be read.
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "neo4j/proxy.rs"]
mod proxy;
#[path = "neo4j/server.rs"]
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use kfm_lineage::canonical_json;
use kfm_retry::{Clock, SystemClock};
use kfm_rollback::blob::ObjectBlobs;
use kfm_rollback::conformance::{self, Fixture};
use kfm_rollback::context::WriteContext;
use kfm_rollback::op::{Depth, DomainOp, OpError, Seen, Swap, Swapped};
use kfm_rollback::versions::VersionStore;
use proxy::{Spoils, proxy};
use serde_json::{Value, json};
use server::Server;

/// Names as odd as a document's, and two that UTF-16 would put in another order than the bytes of UTF-8.
const NAMES: [&str; 9] = [
    "hydrography_<year>.json",
    "x#1.json",
    "a b/c d.json",
    "a%20b/c.json",
    "日本/ç\u{301}.json",
    "q?*|\".json",
    "-x/y z.json",
    "\u{ff61}.json",
    "\u{1f33e}.json",
];

/// The `n`th node, with what the projector makes and what a pipeline may add.
fn content(n: u64, bytes_min: usize) -> Bytes {
    let content = json!({
        "labels": ["StacItem", "Thing"],
        "properties": {
            "kfm_id": "x.json", "n": n, "half": n as f64 + 0.5, "filling": "x".repeat(bytes_min), "is": true,
            "many": ["b", "a"], "none": [],
        },
        "relationships": [
            { "type": "IN_COLLECTION", "to": { "label": "StacCollection", "id": format!("c{}", n % 3) } },
            { "type": "HAS_ASSET", "key": "b", "to": { "label": "Asset", "id": "f/./b.tif" } },
            { "type": "HAS_ASSET", "key": "a", "to": { "label": "Asset", "id": "f/./b.tif" } },
        ],
    });
    canonical_json(&content).unwrap().into()
}

async fn a_graph_by(opened: fn(&Server, &str) -> Arc<dyn DomainOp>) -> Fixture {
    let server = Server::new();
    let graph = server.empty_graph().await;
    let of = || (server.clone(), graph.clone());
    let ((a, a_graph), (b, _), (c, c_graph), (d, d_graph)) = (of(), of(), of(), of());
    let ((e, e_graph), (f, _)) = (of(), of());
    Fixture::new(move || opened(&a, &a_graph))
        .named(&NAMES)
        .holding(content)
        .in_state(move || {
            let server = b.clone();
            async move { server.state().await }
        })
        .read_by(move |key| {
            let (server, graph) = (c.clone(), c_graph.clone());
            async move { read(&server, &graph, &key).await }
        })
        .edited_by(move |key, content| {
            let (server, graph) = (d.clone(), d_graph.clone());
            async move { edit(&server, &graph, &key, &content).await }
        })
        .cut_by(move |cut| {
            let through = Server { url: proxy(&e.url, Spoils::Cuts(cut)), ..e.clone() };
            through.open(&e_graph)
        })
        .losing_power(move || f.lose_power())
}

async fn an_empty_graph() -> Fixture {
    a_graph_by(|server, graph| server.open(graph)).await
}

/// An adapter that reads, and then writes without having locked anything.
async fn a_graph_without_locks() -> Fixture {
    a_graph_by(|server, graph| {
        let through = Server { url: proxy(&server.url, Spoils::Unlocks), ..server.clone() };
        through.open(graph)
    })
    .await
}

/// What a reader of the graph sees.
async fn read(server: &Server, graph: &str, key: &str) -> Option<Bytes> {
    let statement = "MATCH (:KfmNode {kfm_graph: $graph, kfm_id: $key})-[:CURRENT]->(n) RETURN labels(n), properties(n), \
         COLLECT { MATCH (n)-[r]->(to) WITH r, to ORDER BY r.kfm_n \
                   RETURN {type: type(r), key: r.key, to: {label: to.kfm_label, id: to.id}} }";
    let rows = server.cypher(statement, json!({ "graph": graph, "key": key })).await;
    let [row] = &rows[..] else { return None };
    let mut labels: Vec<&str> = row[0].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    labels.sort_unstable();
    labels.retain(|label| *label != "KfmVersion");
    let mut properties = row[1].as_object().unwrap().clone();
    for own in ["kfm_graph", "kfm_of", "v", "v_from", "v_to", "v_tag"] {
        properties.remove(own);
    }
    let mut relationships = row[2].clone();
    for relationship in relationships.as_array_mut().unwrap() {
        relationship.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    }
    let content = json!({ "labels": labels, "properties": properties, "relationships": relationships });
    Some(canonical_json(&content).unwrap().into())
}

/// Changes the properties and the collection of a current version by hand.
async fn edit(server: &Server, graph: &str, key: &str, content: &[u8]) {
    let content: Value = serde_json::from_slice(content).unwrap();
    let statement = "MATCH (:KfmNode {kfm_graph: $graph, kfm_id: $key})-[:CURRENT]->(n) SET n += $properties \
         WITH n MATCH (n)-[r:IN_COLLECTION]->() DELETE r \
         MERGE (to:KfmBare {kfm_graph: $graph, kfm_label: 'StacCollection', id: $collection}) \
         CREATE (n)-[:IN_COLLECTION {kfm_n: 0}]->(to)";
    let collection = &content["relationships"][0]["to"]["id"];
    let parameters = json!({
        "graph": graph, "key": key, "properties": content["properties"], "collection": collection,
    });
    server.cypher(statement, parameters).await;
}

#[test]
#[ignore = "needs a server: .ci/servers"]
fn every_law_is_kept() {
    let broken = conformance::run(conformance::broken_laws(an_empty_graph));
    assert!(broken.is_empty(), "{broken:?}");
}

/// R51, ADR 0029: the suite tells an adapter that locks from one that does not.
#[test]
#[ignore = "needs a server: .ci/servers"]
fn an_adapter_that_takes_no_lock_is_found() {
    let of_two = async {
        let fixture = a_graph_without_locks().await;
        tokio::spawn(async move { conformance::of_two_writers_one_wins(&fixture).await }).await
    };
    let found = conformance::run(of_two).unwrap_err().into_panic();
    let said = found.downcast_ref::<String>().map(String::as_str).unwrap_or_default();
    assert!(said.contains("both writers won"), "{said}");
}

/// An executor in memory.
struct Executor {
    versions: Arc<VersionStore>,
    cx: WriteContext,
}

impl Executor {
    fn new() -> Self {
        let versions = Arc::new(VersionStore::new(Arc::new(ObjectBlobs::in_memory())));
        Self { cx: WriteContext::for_conformance(Arc::clone(&versions), 5), versions }
    }

    async fn store(&self, op: &dyn DomainOp, n: u64) -> kfm_lineage::Value {
        let (digest, bytes) = op.form("x.json", content(n, 0)).unwrap();
        self.versions.put(vec![(digest, bytes)]).await.unwrap();
        Some(digest)
    }

    /// Makes one swap as the engine does: looks, and tries again while the store says that it may pass.
    async fn swap(&self, op: &dyn DomainOp, key: &str, to: kfm_lineage::Value) {
        let keys = [key.to_owned()];
        let mut from = None;
        loop {
            if from.is_none() {
                from = op.observe(&keys, Depth::Mark).await.ok().map(|mut seen| seen.remove(0));
            }
            if let Some(from) = &from {
                let swap = Swap { key: key.to_owned(), from: from.clone(), to };
                match op.swap(&self.cx, &[swap]).await.map(|mut answers| answers.remove(0)) {
                    Ok(Ok(Swapped::Applied { .. } | Swapped::Already { .. })) => return,
                    Err(error) | Ok(Err(error)) if error.may_pass() => {}
                    answer => panic!("{key}: {answer:?}"),
                }
            }
            SystemClock.sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Writers see their server killed, and it comes back: each of their changes is made once, and none that was answered is
/// lost.
#[test]
#[ignore = "needs a server: .ci/servers"]
fn killed_under_writers_it_loses_nothing_and_makes_nothing_twice() {
    const WRITERS: u64 = 4;
    const CHANGES: u64 = 12;
    conformance::run(async {
        let server = Server::new();
        let op = server.open(&server.empty_graph().await);
        let executor = Arc::new(Executor::new());
        let made = Arc::new(AtomicU64::new(0));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (op, executor, made) = (Arc::clone(&op), Arc::clone(&executor), Arc::clone(&made));
                tokio::spawn(async move {
                    let key = format!("{writer}.json");
                    for n in 0..CHANGES {
                        let to = executor.store(&*op, writer * CHANGES + n).await;
                        executor.swap(&*op, &key, to).await;
                        made.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        while made.load(Ordering::Relaxed) < WRITERS * CHANGES / 3 {
            SystemClock.sleep(Duration::from_millis(1)).await;
        }
        let killed = server.clone();
        tokio::task::spawn_blocking(move || killed.lose_power()).await.unwrap();
        for writer in writers {
            writer.await.unwrap();
        }
        for writer in 0..WRITERS {
            let keys = [format!("{writer}.json")];
            let [seen] = &op.observe(&keys, Depth::Content).await.unwrap()[..] else { panic!("one") };
            assert_eq!(seen.value, executor.store(&*op, writer * CHANGES + CHANGES - 1).await);
            let generation = seen.generation.as_ref().map(|generation| generation.as_str().to_owned());
            assert_eq!(generation, Some(CHANGES.to_string()), "a change was made twice, or not at all");
        }
    });
}

/// What another hand made of a current version is a conflict for a swap that does not know of it, and is mended by one
/// that does.
#[test]
#[ignore = "needs a server: .ci/servers"]
fn what_another_hand_edited_is_in_the_way_until_it_was_seen() {
    conformance::run(async {
        let (server, executor) = (Server::new(), Executor::new());
        let graph = server.empty_graph().await;
        let op = server.open(&graph);
        let a = executor.store(&*op, 1).await;
        executor.swap(&*op, "x.json", a).await;
        edit(&server, &graph, "x.json", &content(2, 0)).await;
        let swap = |from: Seen| Swap { key: "x.json".to_owned(), from, to: a };
        let marked = op.observe(&["x.json".to_owned()], Depth::Mark).await.unwrap().remove(0);
        let edited = op.observe(&["x.json".to_owned()], Depth::Content).await.unwrap().remove(0);
        assert_ne!(marked.value, edited.value);
        let answers = op.swap(&executor.cx, &[swap(marked)]).await.unwrap();
        assert!(
            matches!(&answers[0], Ok(Swapped::Conflict { observed }) if *observed == edited),
            "{answers:?}"
        );
        let answers = op.swap(&executor.cx, &[swap(edited)]).await.unwrap();
        assert!(matches!(answers[0], Ok(Swapped::Applied { .. })), "{answers:?}");
        assert_eq!(op.read(&["x.json".to_owned()]).await.unwrap()[0], Some(content(1, 0)));
        assert_eq!(op.strays().await.unwrap(), []);
    });
}

/// R51: no version is deleted, and an old one that another hand changed is whole again when it comes back.
#[test]
#[ignore = "needs a server: .ci/servers"]
fn versions_stay_and_come_back_whole() {
    conformance::run(async {
        let (server, executor) = (Server::new(), Executor::new());
        let graph = server.empty_graph().await;
        let op = server.open(&graph);
        for n in [Some(1), Some(2), None] {
            let to = match n {
                Some(n) => executor.store(&*op, n).await,
                None => None,
            };
            executor.swap(&*op, "x.json", to).await;
        }
        let versions = "MATCH (n:KfmNode {kfm_graph: $graph})-[:VERSION]->(v) \
             RETURN v.n, v.v_from IS NOT NULL, v.v_to IS NOT NULL, v.v_tag, n.deleted, n.deleted_at IS NOT NULL, \
               n.deleted_by, COUNT { (v)-->(:KfmBare) }, COUNT { (n)-[:CURRENT]->() } ORDER BY v.n";
        let by = executor.cx.operation().as_str();
        let expected = [1, 2].map(|n| json!([n, true, true, by, true, true, by, 3, 0]));
        assert_eq!(server.cypher(versions, json!({ "graph": graph })).await, expected);
        let spoil = "MATCH (v:KfmVersion {kfm_graph: $graph, n: 1}) SET v.more = 1, v:More REMOVE v:Thing \
             WITH v MATCH (v)-[r:HAS_ASSET]->() DELETE r";
        server.cypher(spoil, json!({ "graph": graph })).await;
        let a = executor.store(&*op, 1).await;
        executor.swap(&*op, "x.json", a).await;
        assert_eq!(op.read(&["x.json".to_owned()]).await.unwrap()[0], Some(content(1, 0)));
    });
}

#[test]
#[ignore = "needs a server: .ci/servers"]
fn what_is_wrong_with_the_server_is_said_with_what_to_do() {
    conformance::run(async {
        let server = Server::new();
        let closed = Server { password: "hush-hush-hush".to_owned(), ..server.clone() };
        let op = closed.open("x");
        let error = op.probe().await.unwrap_err();
        assert!(
            matches!(&error, OpError::Misconfigured { remedy, .. } if remedy.contains("NEO4J_PASSWORD")),
            "{error}"
        );
        assert!(!format!("{error} {error:?} {op:?}").contains("hush"), "{error:?}");
        let error = server.open_with(&[("database", "nowhere")]).unwrap().probe().await.unwrap_err();
        assert!(matches!(error, OpError::Missing { derived: false, .. }), "{error}");
        let away = Server { url: "http://127.0.0.1:9".to_owned(), ..server.clone() };
        let error = away.open("x").probe().await.unwrap_err();
        assert!(error.may_pass(), "{error}");
        let probe = server.open("x").probe().await.unwrap();
        assert!(probe.product.starts_with("Neo4j "), "{probe:?}");
        assert!(probe.findings.iter().all(|finding| !finding.breaks_promise), "{probe:?}");
    });
}

/// A certificate is judged by the system's roots and `authorities`, and for the host's name.
#[test]
#[ignore = "needs a server: .ci/servers"]
fn a_server_is_known_by_its_certificate() {
    conformance::run(async {
        let server = Server::new();
        let by = |url: &str, own: &[(&str, &str)]| {
            Server { url: url.to_owned(), ..server.clone() }.open_with(own).unwrap()
        };
        let trusted = by(&server.tls_url, &[("authorities", "neo4j.ca")]);
        assert!(trusted.probe().await.unwrap().product.starts_with("Neo4j "));
        let at_another_name = server.tls_url.replace("localhost", "127.0.0.1");
        for stranger in [by(&server.tls_url, &[]), by(&at_another_name, &[("authorities", "neo4j.ca")])] {
            let error = stranger.probe().await.unwrap_err();
            assert!(
                matches!(&error, OpError::Misconfigured { remedy, .. } if remedy.contains("authorities")),
                "{error:?}"
            );
        }
    });
}
