//! The laws of `DomainOp` on every store of this crate, and proof that each can be broken.
#![cfg(feature = "test-util")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::sync::Arc;
use std::time::SystemTime;

use kfm_lineage::Domain;
use kfm_retry::{Clock, ManualClock};
use kfm_rollback::blob::ObjectBlobs;
use kfm_rollback::conformance::Fixture;
use kfm_rollback::embedded::{Cache, Embedded, Graph, Search, Semantics};
use kfm_rollback::memory::MemoryOp;
use kfm_rollback::op_conformance;
use kfm_rollback::stac::StaticCatalog;

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
    .keeping(folder)
}

async fn a_catalog_of_objects() -> Fixture {
    let blobs = Arc::new(ObjectBlobs::in_memory());
    Fixture::new(move || Arc::new(StaticCatalog::new("catalog", Arc::clone(&blobs) as _)))
}

async fn a_catalog_in_memory() -> Fixture {
    let op = StaticCatalog::in_memory("catalog");
    Fixture::new(move || Arc::new(op.clone()))
}

async fn a_memory_catalog() -> Fixture {
    let op = MemoryOp::new("catalog", Domain::Stac);
    Fixture::new(move || Arc::new(op.clone()))
}

async fn a_memory_graph() -> Fixture {
    let op = MemoryOp::new("graph", Domain::Graph);
    Fixture::new(move || Arc::new(op.clone()))
}

/// A store in a folder that is not there yet.
fn embedded<D: Semantics>() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    fs::create_dir(&root).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
    Fixture::new(move || Arc::new(Embedded::<D>::new("store", &root, Arc::clone(&clock))))
        .in_folder(folder.path())
        .keeping(folder)
}

async fn an_embedded_graph() -> Fixture {
    embedded::<Graph>()
}

async fn an_embedded_search_engine() -> Fixture {
    embedded::<Search>()
}

async fn an_embedded_cache() -> Fixture {
    embedded::<Cache>()
}

op_conformance!(embedded_graph, an_embedded_graph);
op_conformance!(embedded_search, an_embedded_search_engine);
op_conformance!(embedded_cache, an_embedded_cache);
op_conformance!(local_catalog, a_local_catalog);
op_conformance!(catalog_of_objects, a_catalog_of_objects);
op_conformance!(catalog_in_memory, a_catalog_in_memory);
op_conformance!(memory_catalog, a_memory_catalog);
op_conformance!(memory_graph, a_memory_graph);
