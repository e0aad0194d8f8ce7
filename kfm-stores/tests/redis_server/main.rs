//! Caches in real Redis servers, as `testing/servers/up` starts them: the laws, a store that breaks them, kills,
//! credentials, TLS.
//!
//! Every test is ignored without servers; `.ci/servers` starts them and runs all of them.
#![cfg(feature = "redis")]
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]
#![allow(clippy::disallowed_methods, reason = "a test that needs servers is told where they are")]

mod broken;
mod cut;
mod server;

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use kfm_lineage::Digest;
use kfm_retry::{Clock as _, SystemClock};
use kfm_rollback::DomainOp;
use kfm_rollback::blob::ObjectBlobs;
use kfm_rollback::conformance::{self, Fixture};
use kfm_rollback::context::WriteContext;
use kfm_rollback::op::{Depth, DomainOpExt as _, OpError, Seen, Swap, Swapped};
use kfm_rollback::versions::VersionStore;
use serde_json::{Value, json};

use broken::ReadThenWrite;
use server::{Server, new_prefix, prefix_on, state};

/// An empty store on a server, with more keys in its table.
fn an_empty_store(name: &'static str, more: &Value) -> Fixture {
    store_at(&Server::of(name), Server::of(name), new_prefix(), more)
}

/// An empty store that `asked` is asked for, and whose keys are on `server`.
fn store_at(asked: &Server, server: Server, prefix: String, more: &Value) -> Fixture {
    let mut table = json!({ "prefix": prefix });
    table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let fixture = {
        let (asked, table) = (asked.clone(), table.clone());
        Fixture::new(move || asked.open(table.clone()).unwrap())
    };
    let cell = format!("{{{prefix}}}:cell:");
    let fixture = fixture
        .in_state({
            let (server, prefix) = (server.clone(), prefix.clone());
            move || {
                let (server, prefix) = (server.clone(), prefix.clone());
                async move { state(&server, &prefix).await }
            }
        })
        .read_by({
            let (server, cell) = (server.clone(), cell.clone());
            move |key| {
                let (server, cell) = (server.clone(), format!("{cell}{key}"));
                async move {
                    let content: Option<Vec<u8>> = redis::cmd("HGET")
                        .arg(cell)
                        .arg("content")
                        .query_async(&mut server.client().await)
                        .await
                        .unwrap();
                    content.map(Bytes::from)
                }
            }
        })
        .edited_by({
            let server = server.clone();
            move |key, content| {
                let (server, cell) = (server.clone(), format!("{cell}{key}"));
                async move {
                    let edited: u64 = redis::cmd("HSET")
                        .arg(cell)
                        .arg("content")
                        .arg(&content[..])
                        .query_async(&mut server.client().await)
                        .await
                        .unwrap();
                    assert_eq!(edited, 0, "the field was there");
                }
            }
        });
    fixture.cut_by(move |cut| {
        let url = format!("redis://127.0.0.1:{}", cut::through(server.port(), cut));
        Server { url, ..server.clone() }.open(table.clone()).unwrap()
    })
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn every_law_is_kept_where_each_write_is_synced() {
    conformance::run(conformance::all(async || an_empty_store("redis", &json!({ "durability": "fsync" }))));
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn every_law_is_kept_where_nothing_is_promised_of_a_restart() {
    conformance::run(conformance::all(async || an_empty_store("redis", &json!({}))));
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn every_law_is_kept_on_a_node_of_a_cluster_and_durability_is_not_believed() {
    let durable = json!({ "durability": "fsync" });
    let (first, other) = (Server::of("redis-cluster"), Server::of("redis-cluster-b"));
    // Half of the stores are on the node that the settings name, and half on the one that it names.
    for server in [&first, &other] {
        conformance::run(conformance::all(async || {
            store_at(&first, server.clone(), prefix_on(server).await, &durable)
        }));
    }
    conformance::run(async {
        let mut table = durable;
        table["prefix"] = prefix_on(&other).await.into();
        let store = first.open(table).unwrap();
        let mut client = other.client().await;
        for (fsync, findings) in [("everysec", 1), ("always", 0)] {
            let mut command = redis::cmd("CONFIG");
            command.arg("SET").arg("appendfsync").arg(fsync);
            let _: () = command.query_async(&mut client).await.unwrap();
            let probe = store.probe().await.unwrap();
            assert_eq!(probe.findings.len(), findings, "{probe:?}");
            assert!(probe.findings.iter().all(|finding| finding.breaks_promise));
        }
    });
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_store_that_reads_and_then_writes_is_caught() {
    let broken = conformance::run(conformance::broken_laws(async || {
        let (server, prefix) = (Server::of("redis"), new_prefix());
        Fixture::new(move || {
            let store = server.open(json!({ "prefix": prefix, "durability": "fsync" })).unwrap();
            Arc::new(ReadThenWrite { store, server: server.clone(), prefix: prefix.clone() })
        })
    }));
    assert!(broken.contains(&"of_two_writers_one_wins"), "{broken:?}");
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn killed_with_its_machine_it_has_what_was_answered() {
    conformance::run(async {
        let fixture = an_empty_store("redis-killed", &json!({ "durability": "fsync" }));
        let server = Server::of("redis-killed");
        let fixture = fixture.losing_power(move || server.kill_and_start());
        conformance::what_was_answered_survives_the_loss_of_power(&fixture).await;
    });
}

/// The context of an executor, whose version store has some contents, and their digests.
async fn context(token: u64, contents: u64) -> (WriteContext, Vec<Digest>) {
    let versions = Arc::new(VersionStore::new(Arc::new(ObjectBlobs::in_memory())));
    let contents: Vec<(Digest, Bytes)> = (0..contents)
        .map(|n| {
            let content = Bytes::from(format!("{{\"n\":{n}}}"));
            (Digest::of_canonical_bytes(&content), content)
        })
        .collect();
    let digests = contents.iter().map(|(digest, _)| *digest).collect();
    versions.put(contents).await.unwrap();
    (WriteContext::for_conformance(versions, token), digests)
}

/// The writers that are at work while a server is killed.
const WRITERS: u64 = 8;

/// R53, and the durable acknowledgement of `op.rs`: writers go on over kills, each from what it was answered.
#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn killed_under_writers_it_loses_nothing_that_was_answered() {
    conformance::run(async {
        let server = Server::of("redis-killed");
        let table = json!({ "prefix": new_prefix(), "durability": "fsync", "timeout": "5s" });
        let enough = Arc::new(AtomicBool::new(false));
        let mut writers = Vec::new();
        for writer in 0..WRITERS {
            let (store, enough) = (server.open(table.clone()).unwrap(), Arc::clone(&enough));
            writers.push(tokio::spawn(write_until(store, format!("kfm-{writer}"), enough)));
        }
        for _ in 0..3 {
            // The writers need to have something on its way; what exactly, is left to chance.
            SystemClock.sleep(Duration::from_millis(300)).await;
            let server = server.clone();
            tokio::task::spawn_blocking(move || server.kill_and_start()).await.unwrap();
        }
        enough.store(true, Ordering::SeqCst);
        let mut answered = 0;
        for writer in writers {
            answered += writer.await.unwrap();
        }
        assert!(answered > WRITERS, "too little happened: {answered}");
    });
}

/// Swaps one cell on and on, and after each failure finds there what was answered last, or what was asked for last.
/// Returns the number of answers.
async fn write_until(store: Arc<dyn DomainOp>, key: String, enough: Arc<AtomicBool>) -> u64 {
    let (cx, values) = context(5, 2).await;
    let (mut from, mut answered, mut highest) = (Seen::default(), 0, 0);
    loop {
        let to = values.iter().copied().find(|value| from.value != Some(*value));
        let swap = Swap { key: key.clone(), from: from.clone(), to };
        match store.swap(&cx, std::slice::from_ref(&swap)).await {
            Ok(answers) => match &answers[..] {
                [Ok(Swapped::Applied { generation: Some(generation) })] => {
                    from = Seen { value: to, generation: Some(generation.clone()) };
                    answered += 1;
                }
                answers => panic!("what was answered is gone: {answers:?}"),
            },
            Err(error) => {
                assert!(error.may_pass(), "{error:?}");
                let standing = loop {
                    match store.observe(std::slice::from_ref(&key), Depth::Content).await {
                        Ok(seen) => break seen.into_iter().next().unwrap(),
                        Err(error) => assert!(error.may_pass(), "{error:?}"),
                    }
                    SystemClock.sleep(Duration::from_millis(20)).await;
                };
                let is_made = standing.value == to;
                assert!(is_made || from.is_still(&standing), "{standing:?} after {from:?} and {swap:?}");
                from = standing;
            }
        }
        let generation: u64 = from.generation.as_ref().unwrap().as_str().parse().unwrap();
        assert!(generation >= highest, "a generation came back");
        highest = generation;
        if enough.load(Ordering::SeqCst) {
            return answered;
        }
    }
}

/// R53: the generation rises in every direction, over a fall of the server into an empty one too.
#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_generation_rises_also_after_the_store_was_emptied() {
    conformance::run(async {
        let (server, prefix) = (Server::of("redis"), new_prefix());
        let store = server.open(json!({ "prefix": prefix })).unwrap();
        let mut highest = 0;
        for token in [3, 4] {
            let (cx, values) = context(token, 2).await;
            let mut from = Seen::default();
            for to in [Some(values[0]), Some(values[1]), None] {
                let swap = Swap { key: "kfm-things".into(), from, to };
                let answers = store.swap(&cx, &[swap]).await.unwrap();
                let [Ok(Swapped::Applied { generation: Some(generation) })] = &answers[..] else {
                    panic!("{answers:?}")
                };
                let number: u64 = generation.as_str().parse().unwrap();
                assert!(number > highest, "{number} after {highest}");
                highest = number;
                from = Seen { value: to, generation: Some(generation.clone()) };
            }
            let mut client = server.client().await;
            for key in state(&server, &prefix).await.into_keys() {
                let gone: u64 = redis::cmd("DEL").arg(key).query_async(&mut client).await.unwrap();
                assert_eq!(gone, 1);
            }
        }
    });
}

/// R53: rows that a service noted go with the generation that they were built from, and nothing else goes.
#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn rows_of_an_older_generation_are_removed_and_no_other_key() {
    conformance::run(async {
        let (server, prefix) = (Server::of("redis"), new_prefix());
        let store = server.open(json!({ "prefix": prefix })).unwrap();
        let (cx, values) = context(3, 2).await;
        let keys = ["kfm-things".to_owned()];
        let tag = format!("{{{prefix}}}");
        let (notes, foreign) = (format!("{tag}:rows:kfm-things"), format!("session of {prefix}"));
        let fence = format!("{tag}:fence");
        let mut from = Seen::default();
        let mut client = server.client().await;
        for to in [Some(values[0]), Some(values[1]), None] {
            let swap = Swap { key: keys[0].clone(), from, to };
            let [Ok(Swapped::Applied { generation })] = &store.swap(&cx, &[swap]).await.unwrap()[..] else {
                panic!("it was not made")
            };
            let number = generation.clone().unwrap();
            from = Seen { value: to, generation: generation.clone() };
            let mut note = redis::pipe();
            // More than a page, of the generation that stands; one that is noted anew each time; at first, two names
            // that are no rows.
            for n in 0..1_200 {
                let row = format!("{tag}:row:{}:{n}", number.as_str());
                note.cmd("SET").arg(&row).arg("x").cmd("ZADD").arg(&notes).arg(number.as_str()).arg(row);
            }
            let others = if to == Some(values[0]) { vec![&foreign, &fence] } else { Vec::new() };
            for other in &others {
                note.cmd("ZADD").arg(&notes).arg(number.as_str()).arg(*other);
            }
            note.cmd("SET").arg(&foreign).arg("x");
            let again = format!("{tag}:row:again");
            note.cmd("SET").arg(&again).arg("x").cmd("ZADD").arg(&notes).arg(number.as_str()).arg(&again);
            let _: redis::Value = note.query_async(&mut client).await.unwrap();
            store.settle(&cx, &keys).await.unwrap();

            let there = state(&server, &prefix).await;
            let rows: Vec<&String> = there.keys().filter(|key| key.contains(":row:")).collect();
            let own = format!(":row:{}:", number.as_str());
            assert_eq!(rows.len(), 1_201, "those of this generation, and the one that is noted anew");
            assert!(rows.iter().all(|row| row.contains(&own) || row.ends_with(":again")));
            assert!(there.contains_key(&fence), "a note has removed the fence");
            let noted: u64 = redis::cmd("ZCARD").arg(&notes).query_async(&mut client).await.unwrap();
            assert_eq!(noted, 1_201 + others.len() as u64);
            let is_there: bool = redis::cmd("EXISTS").arg(&foreign).query_async(&mut client).await.unwrap();
            assert!(is_there, "a note has removed a key of another program");
        }
    });
}

/// A row that a service notes anew while it is removed keeps its note, so that its next removal finds it.
#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_row_that_is_noted_anew_meanwhile_keeps_its_note() {
    conformance::run(async {
        let mut client = Server::of("redis").client().await;
        let notes = new_prefix();
        let mut note = redis::cmd("ZADD");
        note.arg(&notes).arg(4).arg("older").arg(5).arg("anew");
        let _: u64 = note.query_async(&mut client).await.unwrap();
        let mut forget = redis::cmd("EVAL");
        forget
            .arg(include_str!("../../src/redis/forget.lua"))
            .arg(1)
            .arg(&notes)
            .arg(5)
            .arg("older")
            .arg("anew");
        let _: u64 = forget.query_async(&mut client).await.unwrap();
        let left: Vec<String> =
            redis::cmd("ZRANGE").arg(&notes).arg(0).arg(-1).query_async(&mut client).await.unwrap();
        assert_eq!(left, ["anew"]);
    });
}

/// R53: who rebuilds what depends on a namespace finds each change in the stream, once, with its class.
#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn each_change_is_in_the_stream_once() {
    conformance::run(async {
        let (server, prefix) = (Server::of("redis"), new_prefix());
        let store = server.open(json!({ "prefix": prefix, "classes": ["TILES", "CDN"] })).unwrap();
        let (cx, values) = context(3, 1).await;
        let mut expected = Vec::new();
        let mut from = Seen::default();
        for to in [Some(values[0]), None] {
            let swap = Swap { key: "kfm-things".into(), from: from.clone(), to };
            // Asked twice, made once.
            for _ in 0..2 {
                store.swap(&cx, std::slice::from_ref(&swap)).await.unwrap().remove(0).unwrap();
            }
            from = store.observe(&["kfm-things".to_owned()], Depth::Mark).await.unwrap().remove(0);
            let generation = from.generation.clone().unwrap().as_str().to_owned();
            expected.push((generation, to.map(|digest| digest.to_string()).unwrap_or_default()));
        }
        let mut read = redis::cmd("XRANGE");
        read.arg(format!("{{{prefix}}}:changes")).arg("-").arg("+");
        type Entry = (String, std::collections::BTreeMap<String, String>);
        let entries: Vec<Entry> = read.query_async(&mut server.client().await).await.unwrap();
        let told: Vec<(String, String)> = entries
            .iter()
            .map(|(_, entry)| {
                assert_eq!((&*entry["namespace"], &*entry["classes"]), ("kfm-things", "CDN TILES"));
                assert_eq!(entry["operation"], cx.operation().as_str());
                (entry["generation"].clone(), entry["value"].clone())
            })
            .collect();
        assert_eq!(told, expected);
        let index = format!("{{{prefix}}}:cells");
        let is_listed: bool =
            redis::cmd("EXISTS").arg(index).query_async(&mut server.client().await).await.unwrap();
        assert!(!is_listed, "a namespace that was taken away is listed");
        let refused = server.open(json!({ "classes": ["TILE"] })).unwrap_err();
        assert!(refused.to_string().contains("classes"), "{refused}");
    });
}

/// The message of an error and of all its sources.
fn said(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut beneath = error.source();
    while let Some(source) = beneath {
        said = format!("{said}: {source}");
        beneath = source.source();
    }
    said
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_password_is_in_no_error_and_not_in_what_a_debugger_prints() {
    conformance::run(async {
        let server = Server::of("redis");
        let wrong = "hunter2";
        let store =
            server.open_as(&[("REDIS_PASSWORD", wrong), ("REDIS_USERNAME", "nobody")], json!({})).unwrap();
        let error = store.probe().await.unwrap_err();
        assert!(
            matches!(&error, OpError::Misconfigured { remedy, .. } if remedy.contains("REDIS_PASSWORD")),
            "{error:?}"
        );
        let told = format!("{store:?} {store:#?} {error:?} {}", said(&error));
        assert!(!told.contains(wrong), "{told}");
        // Without any password it is told the same.
        let error = server.open_as(&[], json!({})).unwrap().probe().await.unwrap_err();
        assert!(matches!(error, OpError::Misconfigured { .. }), "{error:?}");
        // One that is right, and a connection that was made.
        let store = server.open(json!({})).unwrap();
        store.probe().await.unwrap();
        assert!(!format!("{store:?}").contains(&server.password));
    });
    let url = format!("redis://:hunter2@127.0.0.1:{}", Server::of("redis").port());
    let error = Server::of("redis").open(json!({ "url": url })).unwrap_err();
    let told = format!("{error:?} {}", said(&error));
    assert!(told.contains("REDIS_PASSWORD") && !told.contains("hunter2"), "{told}");
}

/// The rules of a user who may do what the store needs, as the guide has them.
fn least_permissions() -> Vec<String> {
    let guide =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guides/redis.md")).unwrap();
    let line =
        guide.lines().find(|line| line.starts_with("ACL SETUSER kfm ")).expect("the guide has the rules");
    line.split_whitespace().skip(3).map(str::to_owned).collect()
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn the_permissions_of_the_guide_are_enough_and_each_is_needed() {
    conformance::run(async {
        let server = Server::of("redis");
        let mut client = server.client().await;
        let rules = least_permissions();
        let prefix = "kfm:cache";
        // Each try has a cell of its own: one that fails may leave it with a value.
        let works = async |user: &str, key: &str| {
            let pairs = [("REDIS_USERNAME", user), ("REDIS_PASSWORD", "its-password")];
            let store = server.open_as(&pairs, json!({ "prefix": prefix })).unwrap();
            let (cx, values) = context(7, 1).await;
            let keys = [key.to_owned()];
            let row = format!("{{{prefix}}}:row:{key}");
            let mut note = redis::cmd("ZADD");
            note.arg(format!("{{{prefix}}}:rows:{key}")).arg(1).arg(row);
            let _: u64 = note.query_async(&mut server.client().await).await.unwrap();
            store.probe().await?;
            store.fence(&cx).await?;
            for to in [Some(values[0]), None] {
                let from = store.observe(&keys, Depth::Content).await?.remove(0);
                let swap = Swap { key: key.to_owned(), from, to };
                store.swap(&cx, &[swap]).await?.remove(0)?;
                store.settle(&cx, &keys).await?;
                store.keys().await?;
                store.read(&keys).await?;
            }
            Ok::<(), OpError>(())
        };
        let mut set = async |user: &str, rules: Vec<String>| {
            let mut command = redis::cmd("ACL");
            command.arg("SETUSER").arg(user).arg("reset").arg(rules).arg(">its-password");
            let _: () = command.query_async(&mut client).await.unwrap();
        };
        let own = new_prefix();
        set("kfm-least", rules.clone()).await;
        works("kfm-least", &own).await.unwrap();
        for rule in rules.iter().filter(|rule| rule.starts_with('+') && *rule != "+config|get") {
            let fewer = rules.iter().filter(|other| *other != rule).cloned().collect();
            set("kfm-less", fewer).await;
            let error = works("kfm-less", &format!("{own} {rule}")).await.expect_err(rule);
            assert!(matches!(error, OpError::Misconfigured { .. }), "{rule}: {error:?}");
        }
    });
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn an_encrypted_server_is_reached_by_its_authority_and_its_name() {
    conformance::run(async {
        let server = Server::of("redis-tls");
        let authorities = server::run_dir().join("redis-tls.ca").display().to_string();
        let trusting = json!({ "prefix": new_prefix(), "authorities": authorities, "durability": "fsync" });
        let store = server.open(trusting.clone()).unwrap();
        assert!(store.probe().await.unwrap().findings.is_empty());
        let (cx, values) = context(1, 1).await;
        let swap = Swap { key: "kfm-things".into(), from: Seen::default(), to: Some(values[0]) };
        let answers = store.swap(&cx, &[swap]).await.unwrap();
        assert!(matches!(answers[..], [Ok(Swapped::Applied { .. })]), "{answers:?}");

        let by_number = Server { url: format!("rediss://127.0.0.1:{}", server.port()), ..server.clone() };
        for (server, table, word) in
            [(&server, json!({}), "UnknownIssuer"), (&by_number, trusting, "not valid for name")]
        {
            let error = server.open(table).unwrap().probe().await.unwrap_err();
            assert!(matches!(error, OpError::Misconfigured { .. }), "{error:?}");
            assert!(said(&error).contains(word), "{error:?}");
        }
    });
    let nowhere = Server::of("redis-tls").open(json!({ "authorities": "/nowhere.pem" })).unwrap_err();
    assert!(nowhere.to_string().contains("authorities"), "{nowhere}");
}
