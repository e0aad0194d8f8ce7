//! Indexes in OpenSearch and Elasticsearch, on a real server: every law of the trait, what a collection's index shows,
//! and what goes wrong. `KFM_SEARCH_SERVER` names another server than `opensearch`.
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "opensearch/proxy.rs"]
mod proxy;
#[path = "opensearch/server.rs"]
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use kfm_lineage::{Digest, canonical_json};
use kfm_retry::{Clock, SystemClock};
use kfm_rollback::blob::ObjectBlobs;
use kfm_rollback::conformance::{self, Fixture};
use kfm_rollback::context::WriteContext;
use kfm_rollback::op::{Depth, DomainOp, ErrorClass, OpError, Seen, Swap, Swapped};
use kfm_rollback::versions::VersionStore;
use proxy::{Spoils, proxy};
use reqwest::Method;
use serde_json::{Value, json};
use server::Server;

async fn indexes_by(opened: fn(&Server) -> Arc<dyn DomainOp>) -> Fixture {
    let server = Server::new().await;
    let (a, b, c, d, e, f) =
        (server.clone(), server.clone(), server.clone(), server.clone(), server.clone(), server);
    Fixture::new(move || opened(&a))
        .in_state(move || {
            let server = b.clone();
            async move { server.state().await }
        })
        .read_by(move |key| {
            let server = c.clone();
            async move { read(&server, &key).await }
        })
        .edited_by(move |key, content| {
            let server = d.clone();
            async move { edit(&server, &key, &content).await }
        })
        .cut_by(move |cut| Server { url: proxy(&e.url, Spoils::Cuts(cut)), ..e.clone() }.open())
        .losing_power(move || f.lose_power())
}

async fn no_indexes() -> Fixture {
    indexes_by(Server::open).await
}

/// What a search by the alias finds.
async fn read(server: &Server, key: &str) -> Option<Bytes> {
    let found = server.get(&format!("{}{key}/_search", server.prefix)).await;
    let content = found["hits"]["hits"][0]["_source"].get("content")?;
    Some(canonical_json(content).unwrap().into())
}

/// Changes the one document of an index by hand, and leaves what the store noted beside it.
async fn edit(server: &Server, key: &str, content: &[u8]) {
    let index = server.index_of(key).await.unwrap();
    let path = format!("{index}/_doc/content");
    let mut source = server.get(&path).await["_source"].clone();
    source["content"] = serde_json::from_slice(content).unwrap();
    server.ask(Method::PUT, &format!("{path}?refresh=true"), Some(source)).await;
}

#[test]
#[ignore = "needs a server: .ci/servers"]
fn every_law_is_kept() {
    let broken = conformance::run(conformance::broken_laws(no_indexes));
    assert!(broken.is_empty(), "{broken:?}");
}

/// R52, ADR 0031: the suite tells an adapter that compares from one that reads and then writes.
#[test]
#[ignore = "needs a server: .ci/servers"]
fn an_adapter_that_compares_nothing_is_found() {
    let of_two = async {
        let compares_nothing = |server: &Server| {
            Server { url: proxy(&server.url, Spoils::ComparesNothing), ..server.clone() }.open()
        };
        let fixture = indexes_by(compares_nothing).await;
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

/// A title of each document.
type Documents<'a> = &'a [(&'a str, &'a str)];

impl Executor {
    fn new() -> Self {
        let versions = Arc::new(VersionStore::new(Arc::new(ObjectBlobs::in_memory())));
        Self { cx: WriteContext::for_conformance(Arc::clone(&versions), 5), versions }
    }

    async fn put(&self, digest: Digest, bytes: Bytes) -> Digest {
        self.versions.put(vec![(digest, bytes)]).await.unwrap();
        digest
    }

    async fn content(&self, content: &Value) -> Digest {
        let bytes = Bytes::from(canonical_json(content).unwrap());
        self.put(Digest::of_canonical_bytes(&bytes), bytes).await
    }

    async fn item(&self, title: &str) -> Digest {
        let geometry =
            json!({ "type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]] });
        let item = json!({ "type": "Feature", "id": "a", "collection": "c", "geometry": geometry,
            "properties": { "datetime": "2025-11-14T00:00:00Z", "title": title, "gsd": "not a number" } });
        let bytes = Bytes::from(serde_json::to_string_pretty(&item).unwrap());
        self.put(Digest::of_bytes(&bytes), bytes).await
    }

    /// Stores the listing of a collection, of one leaf, and its documents.
    async fn listing(&self, documents: Documents<'_>) -> Digest {
        let mut entries = Vec::new();
        for (path, title) in documents {
            entries.push(json!([path, self.item(title).await.to_string()]));
        }
        self.content(&json!(entries)).await
    }

    async fn batch(&self, op: &dyn DomainOp, key: &str, to: kfm_lineage::Value) -> Vec<Swap> {
        let seen = op.observe(&[key.to_owned()], Depth::Content).await.unwrap().remove(0);
        vec![Swap { key: key.to_owned(), from: seen, to }]
    }

    /// Makes one swap as the engine does: looks, stages, and tries again while the store says that it may pass.
    async fn swap(&self, op: &dyn DomainOp, key: &str, to: kfm_lineage::Value) {
        let (keys, mut from) = ([key.to_owned()], None);
        loop {
            if from.is_none() {
                from = op.observe(&keys, Depth::Mark).await.ok().map(|mut seen| seen.remove(0));
            }
            if let Some(from) = &from {
                let batch = [Swap { key: key.to_owned(), from: from.clone(), to }];
                let staged = op.stage(&self.cx, &batch).await;
                match staged {
                    Ok(()) => match op.swap(&self.cx, &batch).await.map(|mut answers| answers.remove(0)) {
                        Ok(Ok(Swapped::Applied { .. } | Swapped::Already { .. })) => return,
                        Err(error) | Ok(Err(error)) if error.may_pass() => {}
                        answer => panic!("{key}: {answer:?}"),
                    },
                    Err(error) if error.may_pass() => {}
                    Err(error) => panic!("{key}: {error:?}"),
                }
            }
            SystemClock.sleep(Duration::from_millis(100)).await;
        }
    }
}

/// What readers find of a collection: paths and titles.
async fn found(server: &Server, key: &str) -> Value {
    let path = format!("{}{key}/_search?size=100&sort=kfm.path", server.prefix);
    let found = server.get(&path).await;
    let hits = found["hits"]["hits"].as_array().unwrap();
    hits.iter().map(|hit| json!([hit["_id"], hit["_source"]["properties"]["title"]])).collect()
}

/// R52: an index has the documents of its collection; a value that comes back finds its index again, and none is removed.
#[test]
#[ignore = "needs a server: .ci/servers"]
fn a_collection_is_an_index_of_its_documents_and_old_ones_stay() {
    conformance::run(async {
        let (server, executor) = (Server::new().await, Executor::new());
        let op = server.open();
        let a = executor.listing(&[("a.json", "one"), ("b/b.json", "two")]).await;
        let b = executor.listing(&[("a.json", "three"), ("c.json", "four")]).await;
        let mut indexes = Vec::new();
        for (to, expected) in [
            (a, json!([["a.json", "one"], ["b/b.json", "two"]])),
            (b, json!([["a.json", "three"], ["c.json", "four"]])),
            (a, json!([["a.json", "one"], ["b/b.json", "two"]])),
        ] {
            executor.swap(&*op, "kfm-c", Some(to)).await;
            assert_eq!(found(&server, "kfm-c").await, expected);
            indexes.push(server.index_of("kfm-c").await.unwrap());
            let seen = op.observe(&["kfm-c".to_owned()], Depth::Content).await.unwrap();
            assert_eq!(seen[0].value, Some(to));
        }
        assert_eq!(indexes[0], indexes[2]);
        assert_ne!(indexes[0], indexes[1]);
        let old = server.get(&format!("{}/_count", indexes[1])).await;
        assert_eq!(old["count"], 2, "an old index is kept");
        // What readers search for: a date, and what was built by whom.
        let query = json!({ "query": { "range": { "properties.datetime": { "gte": "2025-11-14" } } } });
        let path = format!("{}kfm-c/_count", server.prefix);
        assert_eq!(server.ask(Method::POST, &path, Some(query)).await["count"], 2);
        executor.swap(&*op, "kfm-c", None).await;
        assert_eq!(server.index_of("kfm-c").await, None);
        assert_eq!(server.get(&format!("{}/_count", indexes[0])).await["count"], 2);
    });
}

/// R52: what two contents have in common is copied within the server by a task; what differs is put in.
#[test]
#[ignore = "needs a server: .ci/servers"]
fn an_index_with_many_of_the_same_documents_is_copied_by_a_task() {
    const DOCUMENTS: usize = 1_200;
    conformance::run(async {
        let (mut server, executor) = (Server::new().await, Executor::new());
        let copies = Arc::new(AtomicUsize::new(0));
        server.url = proxy(&server.url, Spoils::CountsCopies(Arc::clone(&copies)));
        let op = server.open();
        let paths: Vec<String> = (0..DOCUMENTS).map(|n| format!("items/{n:05}.json")).collect();
        let of = |changed: &'static str, skipped: usize| {
            let paths = paths.iter().enumerate().filter(move |(n, _)| *n != skipped);
            paths.map(move |(n, path)| (path.as_str(), if n % 100 == 7 { changed } else { "same" }))
        };
        let before = executor.listing(&of("before", 3).collect::<Vec<_>>()).await;
        let after = executor.listing(&of("after", 4).collect::<Vec<_>>()).await;
        executor.swap(&*op, "kfm-c", Some(before)).await;
        assert_eq!(copies.load(Ordering::Relaxed), 0);
        executor.swap(&*op, "kfm-c", Some(after)).await;
        assert_eq!(copies.load(Ordering::Relaxed), 1, "asked for");
        let count = server.get(&format!("{}kfm-c/_count", server.prefix)).await;
        assert_eq!(count["count"], DOCUMENTS - 1);
        let seen = op.observe(&["kfm-c".to_owned()], Depth::Content).await.unwrap();
        assert_eq!(seen[0].value, Some(after));
        let changed = json!({ "query": { "match": { "properties.title": "after" } } });
        let path = format!("{}kfm-c/_count", server.prefix);
        assert_eq!(server.ask(Method::POST, &path, Some(changed)).await["count"], DOCUMENTS / 100);
    });
}

/// A build that was stopped shows nothing, and the next one goes on with it.
#[test]
#[ignore = "needs a server: .ci/servers"]
fn half_an_index_is_gone_on_with() {
    conformance::run(async {
        let (server, executor) = (Server::new().await, Executor::new());
        let op = server.open();
        let a = executor.listing(&[("a.json", "one"), ("b.json", "two"), ("c.json", "three")]).await;
        executor.swap(&*op, "kfm-c", Some(a)).await;
        let index = server.index_of("kfm-c").await.unwrap();
        executor.swap(&*op, "kfm-c", None).await;
        // What a crash in the middle would leave: no word that it is complete, one document missing, one of another build.
        let mut note = server.get(&format!("{index}/_mapping")).await[&index]["mappings"]["_meta"].clone();
        note["kfm"].as_object_mut().unwrap().remove("complete");
        server.ask(Method::PUT, &format!("{index}/_mapping"), Some(json!({ "_meta": note }))).await;
        server.ask(Method::DELETE, &format!("{index}/_doc/b.json"), None).await;
        let stray = json!({ "kfm": { "path": "d.json", "digest": "x", "sum": "x" } });
        server.ask(Method::PUT, &format!("{index}/_doc/d.json"), Some(stray)).await;
        assert_eq!(op.strays().await.unwrap().len(), 1);
        executor.swap(&*op, "kfm-c", Some(a)).await;
        assert_eq!(server.index_of("kfm-c").await, Some(index));
        let expected = json!([["a.json", "one"], ["b.json", "two"], ["c.json", "three"]]);
        assert_eq!(found(&server, "kfm-c").await, expected);
        assert_eq!(op.strays().await.unwrap(), []);
    });
}

/// A document that no index can have as it is, is there by its path, and stops no other.
#[test]
#[ignore = "needs a server: .ci/servers"]
fn a_document_that_cannot_be_indexed_is_there_by_its_path() {
    conformance::run(async {
        let (server, executor) = (Server::new().await, Executor::new());
        let op = server.open();
        let odd =
            |text: &'static str| (Digest::of_bytes(text.as_bytes()), Bytes::from_static(text.as_bytes()));
        let mut entries = Vec::new();
        for (path, text) in [
            ("a.json", r#"{"type": "Feature", "id": {"an": "object"}}"#),
            ("b.json", r#"{"type": "Feature", "id": "b", "n": 1e999}"#),
            ("c.json", r#"{"type": "Feature", "id": "c", "properties": {"": 1, "datetime": {}}}"#),
            ("d.json", r#"{"type": "Feature", "id": "d", "kfm": "another's"}"#),
        ] {
            let (digest, bytes) = odd(text);
            executor.put(digest, bytes).await;
            entries.push(json!([path, digest.to_string()]));
        }
        let to = executor.content(&json!(entries)).await;
        executor.swap(&*op, "kfm-c", Some(to)).await;
        let count = |query: Value| {
            let path = format!("{}kfm-c/_count", server.prefix);
            let server = &server;
            async move { server.ask(Method::POST, &path, Some(json!({ "query": query }))).await["count"].clone() }
        };
        assert_eq!(count(json!({ "match_all": {} })).await, 4);
        let unindexed = count(json!({ "exists": { "field": "kfm.unindexed" } })).await;
        assert!(unindexed.as_u64().is_some_and(|n| (2..=3).contains(&n)), "{unindexed}");
        assert_eq!(count(json!({ "term": { "id": "d" } })).await, 1);
        let seen = op.observe(&["kfm-c".to_owned()], Depth::Content).await.unwrap();
        assert_eq!(seen[0].value, Some(to));
    });
}

/// What another hand made of an index is seen, is a conflict for a swap that does not know of it, and is left behind by one
/// that does: readers go from the one index to the other at once.
#[test]
#[ignore = "needs a server: .ci/servers"]
fn an_index_that_another_hand_changed_is_left_behind() {
    conformance::run(async {
        let (server, executor) = (Server::new().await, Executor::new());
        let op = server.open();
        let a = executor.listing(&[("a.json", "one"), ("b.json", "two")]).await;
        executor.swap(&*op, "kfm-c", Some(a)).await;
        let changed = server.index_of("kfm-c").await.unwrap();
        let by_hand = json!({ "doc": { "properties": { "title": "by hand" } } });
        server.ask(Method::POST, &format!("{changed}/_update/a.json?refresh=true"), Some(by_hand)).await;
        let key = ["kfm-c".to_owned()];
        let marked = op.observe(&key, Depth::Mark).await.unwrap().remove(0);
        let edited = op.observe(&key, Depth::Content).await.unwrap().remove(0);
        assert_eq!(marked.value, Some(a));
        assert_ne!(edited.value, Some(a));
        let swap = |from: Seen| [Swap { key: key[0].clone(), from, to: Some(a) }];
        let answers = op.swap(&executor.cx, &swap(marked)).await.unwrap();
        assert!(
            matches!(&answers[0], Ok(Swapped::Conflict { observed }) if *observed == edited),
            "{answers:?}"
        );
        let answers = op.swap(&executor.cx, &swap(edited)).await.unwrap();
        assert!(matches!(answers[0], Ok(Swapped::Applied { .. })), "{answers:?}");
        assert_ne!(server.index_of("kfm-c").await, Some(changed));
        assert_eq!(found(&server, "kfm-c").await, json!([["a.json", "one"], ["b.json", "two"]]));
    });
}

/// What is not the store's under the name of a cell is a foreign value, and is never taken.
#[test]
#[ignore = "needs a server: .ci/servers"]
fn an_alias_an_index_or_a_data_stream_of_others_is_refused() {
    conformance::run(async {
        let (server, executor) = (Server::new().await, Executor::new());
        let op = server.open();
        let a = executor.content(&json!({ "n": 1 })).await;
        let name = |key: &str| format!("{}{key}", server.prefix);
        let others = json!({ "aliases": { name("kfm-written"): { "is_write_index": true } } });
        server.ask(Method::PUT, &name("others-1"), Some(others)).await;
        server.ask(Method::PUT, &name("kfm-index"), None).await;
        let template = json!({ "index_patterns": [name("kfm-stream")], "data_stream": {},
            "priority": 500, "template": { "settings": { "number_of_replicas": 0 } } });
        let template_path = format!("_index_template/{}", name("template"));
        server.ask(Method::PUT, &template_path, Some(template)).await;
        let stream = server.ask(Method::PUT, &format!("_data_stream/{}", name("kfm-stream")), None).await;
        let has_streams = stream["acknowledged"] == true;
        for key in ["kfm-written", "kfm-index", "kfm-stream"] {
            if key == "kfm-stream" && !has_streams {
                continue;
            }
            let batch = executor.batch(&*op, key, Some(a)).await;
            assert!(batch[0].from.value.is_some(), "{key} is taken for absent");
            let answers = op.swap(&executor.cx, &batch).await.unwrap();
            let Err(OpError::Misconfigured { what, remedy, .. }) = &answers[0] else { panic!("{answers:?}") };
            assert!(what.contains(key) && remedy.contains("prefix"), "{what} {remedy}");
            let absent = [Swap { from: Seen::default(), ..batch[0].clone() }];
            let answers = op.swap(&executor.cx, &absent).await.unwrap();
            assert!(matches!(answers[0], Ok(Swapped::Conflict { .. })), "{key}: {answers:?}");
        }
        if has_streams {
            server.ask(Method::DELETE, &format!("_data_stream/{}", name("kfm-stream")), None).await;
        }
        server.ask(Method::DELETE, &template_path, None).await;
        // A filter on the store's own alias hides documents: it is seen, and the next swap has none.
        executor.swap(&*op, "kfm-own", Some(a)).await;
        let index = server.index_of("kfm-own").await.unwrap();
        let filter = json!({ "actions": [{ "add": { "index": index, "alias": name("kfm-own"),
            "filter": { "term": { "id": "x" } } } }] });
        server.ask(Method::POST, "_aliases", Some(filter)).await;
        let batch = executor.batch(&*op, "kfm-own", Some(a)).await;
        assert_ne!(batch[0].from.value, Some(a));
        let answers = op.swap(&executor.cx, &batch).await.unwrap();
        assert!(matches!(answers[0], Ok(Swapped::Applied { .. })), "{answers:?}");
        assert!(read(&server, "kfm-own").await.is_some());
    });
}

/// R71: what the mapping adds is added to an index that comes back; a change of what is there is refused.
#[test]
#[ignore = "needs a server: .ci/servers"]
fn a_mapping_only_grows() {
    conformance::run(async {
        let (mut server, executor) = (Server::new().await, Executor::new());
        let a = executor.listing(&[("a.json", "one")]).await;
        executor.swap(&*server.open(), "kfm-c", Some(a)).await;
        executor.swap(&*server.open(), "kfm-c", None).await;
        let file = server::run_dir().join(format!("{}mapping.json", server.prefix));
        let mut mapped = |fields: Value| {
            let patch = json!({ "properties": { "geometry": null, "properties": { "properties": fields } } });
            std::fs::write(&file, patch.to_string()).unwrap();
            server.own.retain(|(name, _)| name != "mapping");
            server.own.push(("mapping".to_owned(), file.display().to_string().into()));
            server.open()
        };
        let changed = mapped(json!({ "datetime": { "type": "keyword", "ignore_malformed": null } }));
        let batch = executor.batch(&*changed, "kfm-c", Some(a)).await;
        let error = changed.stage(&executor.cx, &batch).await.unwrap_err();
        assert!(
            matches!(&error, OpError::Misconfigured { remedy, .. } if remedy.contains("add fields")),
            "{error:?}"
        );
        let grown = mapped(json!({ "view:off_nadir": { "type": "float" } }));
        executor.swap(&*grown, "kfm-c", Some(a)).await;
        let index = server.index_of("kfm-c").await.unwrap();
        let mapping = server.get(&format!("{index}/_mapping")).await;
        let fields = &mapping[&index]["mappings"]["properties"]["properties"]["properties"];
        assert_eq!(fields["view:off_nadir"]["type"], "float", "{fields}");
    });
}

/// Writers see their server killed, and it comes back: what was answered is there, and nothing is half done.
#[test]
#[ignore = "needs a server: .ci/servers"]
fn killed_under_writers_it_loses_nothing() {
    const WRITERS: u64 = 3;
    const CHANGES: u64 = 6;
    conformance::run(async {
        let server = Server::new().await;
        let op = server.open();
        let executor = Arc::new(Executor::new());
        let made = Arc::new(AtomicU64::new(0));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (op, executor, made) = (Arc::clone(&op), Arc::clone(&executor), Arc::clone(&made));
                tokio::spawn(async move {
                    for n in 0..CHANGES {
                        let to = executor.content(&json!({ "n": writer * CHANGES + n })).await;
                        executor.swap(&*op, &format!("{writer}"), Some(to)).await;
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
            let last = executor.content(&json!({ "n": writer * CHANGES + CHANGES - 1 })).await;
            let seen = op.observe(&[format!("{writer}")], Depth::Content).await.unwrap();
            assert_eq!(seen[0].value, Some(last));
        }
    });
}

#[test]
#[ignore = "needs a server: .ci/servers"]
fn what_is_wrong_with_the_server_is_said_with_what_to_do() {
    conformance::run(async {
        let (server, executor) = (Server::new().await, Executor::new());
        let probe = server.open().probe().await.unwrap();
        let product = if server.name.starts_with("elastic") { "Elasticsearch" } else { "OpenSearch" };
        assert_eq!(probe.product, product);
        assert_eq!(probe.findings, []);
        let away = Server { url: "http://127.0.0.1:9".to_owned(), ..server.clone() };
        assert!(away.open().probe().await.unwrap_err().may_pass());
        let at = |first, answer| Server {
            url: proxy(&server.url, Spoils::Answers(first, answer)),
            ..server.clone()
        };
        let other = at(1, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").open().probe().await.unwrap_err();
        assert!(
            matches!(&other, OpError::Misconfigured { remedy, .. } if remedy.contains("url")),
            "{other:?}"
        );
        let busy = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\n{}";
        let busy = at(1, busy).open().probe().await.unwrap_err();
        assert!(
            matches!(&busy, OpError::Transient { class: ErrorClass::RateLimited, retry_after: Some(_), .. }),
            "{busy:?}"
        );
        let half = "HTTP/1.1 200 OK\r\ncontent-length: 200\r\n\r\n{\"version\":";
        assert!(at(1, half).open().probe().await.unwrap_err().may_pass());
        let a = executor.content(&json!({ "n": 1 })).await;
        executor.swap(&*server.open(), "kfm-c", Some(a)).await;
        let index = server.index_of("kfm-c").await.unwrap();
        for (setting, breaks_promise) in [
            (json!({ "index.translog.durability": "async" }), true),
            (json!({ "index.blocks.read_only_allow_delete": true }), true),
            (json!({ "index.refresh_interval": "-1" }), false),
        ] {
            let path = format!("{index}/_settings");
            server.ask(Method::PUT, &path, Some(setting.clone())).await;
            let findings = server.open().probe().await.unwrap().findings;
            assert_eq!(findings.len(), 1, "{setting}: {findings:?}");
            assert_eq!(findings[0].breaks_promise, breaks_promise, "{findings:?}");
            let undone: serde_json::Map<String, Value> =
                setting.as_object().unwrap().keys().map(|name| (name.clone(), Value::Null)).collect();
            server.ask(Method::PUT, &path, Some(Value::Object(undone))).await;
        }
    });
}
