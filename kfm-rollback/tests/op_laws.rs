//! The laws of `DomainOp` on every store of this crate, and proof that each can be broken.
#![cfg(feature = "test-util")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/wire.rs"]
mod wire;

use std::fs;
use std::sync::Arc;

use bytes::Bytes;
use kfm_lineage::Domain;
use kfm_rollback::blob::{BlobStoreExt, ObjectBlobs};
use kfm_rollback::conformance::{Fixture, State};
use kfm_rollback::embedded::{Cache, Embedded, Graph, Search, Semantics};
use kfm_rollback::memory::MemoryOp;
use kfm_rollback::op::{Depth, DomainOp, DomainOpExt};
use kfm_rollback::op_conformance;
use kfm_rollback::stac::StaticCatalog;
use rusqlite::Connection;
use wire::OverACutWire;

async fn a_local_catalog() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let (root, litter) = (folder.path().to_owned(), folder.path().to_owned());
    fs::write(root.join(".gitignore"), "*.bak").unwrap();
    fs::write(root.join("preview.png"), "an asset").unwrap();
    Fixture::new({
        let root = root.clone();
        move || Arc::new(StaticCatalog::local("catalog", &root))
    })
    .in_folder(root)
    .leaving_unfinished(move || {
        fs::write(litter.join(".kfm-4711-0.tmp"), "{ \"n\":").unwrap();
        fs::write(litter.join("y/.kfm-4711-1.tmp"), "").unwrap();
    })
    .edited_by({
        let root = folder.path().to_owned();
        move |key, content| {
            fs::write(root.join(key), content).unwrap();
            std::future::ready(())
        }
    })
    .read_by({
        let root = folder.path().to_owned();
        move |key| std::future::ready(fs::read(root.join(key)).ok().map(Bytes::from))
    })
    .cut_by({
        let root = folder.path().to_owned();
        move |cut| OverACutWire::to(Arc::new(StaticCatalog::local("catalog", &root)), cut)
    })
    .keeping(folder)
}

async fn a_catalog_of_objects() -> Fixture {
    let blobs = Arc::new(ObjectBlobs::in_memory());
    let other_hand = Arc::clone(&blobs);
    Fixture::new(move || Arc::new(StaticCatalog::new("catalog", Arc::clone(&blobs) as _))).edited_by(
        move |key, content| {
            let blobs = Arc::clone(&other_hand);
            async move { blobs.put(vec![(key, content)]).await.unwrap() }
        },
    )
}

async fn a_catalog_in_memory() -> Fixture {
    let op = StaticCatalog::in_memory("catalog");
    Fixture::new(move || Arc::new(op.clone()))
}

async fn a_memory_catalog() -> Fixture {
    in_memory(MemoryOp::new("catalog", Domain::Stac))
}

async fn a_memory_graph() -> Fixture {
    in_memory(MemoryOp::new("graph", Domain::Graph))
}

fn in_memory(op: MemoryOp) -> Fixture {
    let (handle, other_hand, over_a_wire, all) = (op.clone(), op.clone(), op.clone(), op);
    Fixture::new(move || Arc::new(handle.clone()))
        .edited_by(move |key, content| {
            other_hand.set_foreign(&key, Some(content));
            std::future::ready(())
        })
        .cut_by(move |cut| OverACutWire::to(Arc::new(over_a_wire.clone()), cut))
        .in_state(move || {
            let all = all.clone();
            async move {
                let mut state = State::new();
                for key in all.keys().await.unwrap() {
                    let seen = all.observe(std::slice::from_ref(&key), Depth::Mark).await.unwrap();
                    state.insert(key, format!("{seen:?}").into_bytes());
                }
                state
            }
        })
}

/// A store in a folder that is not there yet.
fn embedded<D: Semantics>(set_up: fn(Embedded<D>) -> Embedded<D>) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    fs::create_dir(&root).unwrap();
    let database = root.join("cells.sqlite3");
    let open = move || -> Arc<dyn DomainOp> { Arc::new(set_up(Embedded::new("store", &root))) };
    let (reopen, edited) = (open.clone(), database.clone());
    Fixture::new(open)
        .in_folder(folder.path())
        .cut_by(move |cut| OverACutWire::to(reopen(), cut))
        .edited_by(move |key, content| {
            let edit = "UPDATE contents SET content = ?2 WHERE key = ?1";
            let content = String::from_utf8(content.into()).unwrap();
            assert_eq!(Connection::open(&edited).unwrap().execute(edit, (key, content)).unwrap(), 1);
            std::future::ready(())
        })
        .read_by(move |key| {
            let read = "SELECT content FROM contents WHERE key = ?1";
            let content: rusqlite::Result<String> =
                Connection::open(&database).unwrap().query_row(read, [key], |row| row.get(0));
            std::future::ready(content.ok().map(Bytes::from))
        })
        .keeping(folder)
}

async fn an_embedded_graph() -> Fixture {
    embedded::<Graph>(|store| store)
}

async fn an_embedded_graph_of_many_hosts() -> Fixture {
    embedded::<Graph>(Embedded::shared_by_hosts)
}

async fn an_embedded_search_engine() -> Fixture {
    embedded::<Search>(|store| store)
}

async fn an_embedded_cache() -> Fixture {
    embedded::<Cache>(|store| store)
}

op_conformance!(embedded_graph, an_embedded_graph);
op_conformance!(embedded_graph_of_many_hosts, an_embedded_graph_of_many_hosts);
op_conformance!(embedded_search, an_embedded_search_engine);
op_conformance!(embedded_cache, an_embedded_cache);
op_conformance!(local_catalog, a_local_catalog);
op_conformance!(catalog_of_objects, a_catalog_of_objects);
op_conformance!(catalog_in_memory, a_catalog_in_memory);
op_conformance!(memory_catalog, a_memory_catalog);
op_conformance!(memory_graph, a_memory_graph);
