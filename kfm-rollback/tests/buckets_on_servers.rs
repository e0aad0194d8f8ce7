//! The laws of `DomainOp` on a catalog in a bucket, on real servers, as `testing/servers/up` starts them.
//!
//! Every test is ignored without servers; `.ci/servers` starts them and runs all of them.
#![cfg(all(feature = "s3", feature = "azure", feature = "test-util"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::disallowed_methods, reason = "a test that needs servers is told where they are")]

#[path = "support/wire.rs"]
mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use futures::TryStreamExt;
use kfm_rollback::blob::{BlobError, BlobStore, ObjectBlobs};
use kfm_rollback::conformance::{Fixture, State, broken_laws, run};
use kfm_rollback::op::DomainOp;
use kfm_rollback::stac::StaticCatalog;
use kfm_wal::entropy::{Entropy, SystemEntropy};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use wire::OverACutWire;

type Pairs = Vec<(String, String)>;

/// A place on a server at which there never was anything, and what authenticates there.
fn new_place(server: &str) -> (String, Pairs) {
    let folder = PathBuf::from(
        std::env::var("KFM_SERVERS_RUN").expect("the folder that testing/servers/up was given"),
    );
    let text = std::fs::read_to_string(folder.join(format!("{server}.env"))).unwrap();
    let pairs: Pairs = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let url = &pairs.iter().find(|(name, _)| name == "KFM_WAL_URL").unwrap().1;
    let name: String = SystemEntropy.bytes16().iter().map(|byte| format!("{byte:02x}")).collect();
    (format!("{url}/{name}"), pairs)
}

/// A catalog of its own for each law, below a place that was proved once.
fn catalogs(
    (url, pairs): (String, Pairs),
    blobs: ObjectBlobs,
) -> impl Fn() -> std::future::Ready<Fixture> + Clone {
    let (store, prefix) = kfm_wal::slots::cloud::object_store(&url, &pairs).unwrap();
    let n = Arc::new(AtomicU32::new(0));
    move || {
        let prefix = Path::from(format!("{prefix}/{}", n.fetch_add(1, Ordering::SeqCst)));
        let blobs = blobs.clone().below(prefix.clone()).serving(None);
        let catalog =
            move || -> Arc<dyn DomainOp> { Arc::new(StaticCatalog::new("catalog", Arc::new(blobs.clone()))) };
        let over_a_wire = catalog.clone();
        let (edited, read, looked) = (Arc::clone(&store), Arc::clone(&store), Arc::clone(&store));
        let (edit_below, read_below, all_below) = (prefix.clone(), prefix.clone(), prefix);
        let fixture = Fixture::new(catalog)
            .cut_by(move |cut| OverACutWire::to(over_a_wire(), cut))
            .edited_by(move |key, content| {
                let (store, path) = (Arc::clone(&edited), below(&edit_below, &key));
                async move { drop(store.put(&path, content.into()).await.unwrap()) }
            })
            .read_by(move |key| {
                let (store, path) = (Arc::clone(&read), below(&read_below, &key));
                async move { read_object(&*store, &path).await }
            })
            .in_state(move || {
                let (store, prefix) = (Arc::clone(&looked), all_below.clone());
                async move { state_of(&*store, &prefix).await }
            });
        std::future::ready(fixture)
    }
}

fn below(prefix: &Path, key: &str) -> Path {
    Path::parse(format!("{prefix}/{key}")).unwrap()
}

async fn read_object(store: &dyn ObjectStore, path: &Path) -> Option<Bytes> {
    match store.get(path).await {
        Ok(found) => Some(found.bytes().await.unwrap()),
        Err(object_store::Error::NotFound { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

/// Every object with its time and its bytes.
async fn state_of(store: &dyn ObjectStore, prefix: &Path) -> State {
    let objects: Vec<_> = store.list(Some(prefix)).try_collect().await.unwrap();
    let mut state = State::new();
    for object in objects {
        let bytes = read_object(store, &object.location).await.unwrap_or_default();
        let about = format!("{} {:?} ", object.last_modified, object.e_tag);
        state.insert(object.location.to_string(), [about.as_bytes(), &bytes].concat());
    }
    state
}

fn keeps_the_laws(server: &str) {
    run(async {
        let place = new_place(server);
        let blobs = ObjectBlobs::in_bucket(&place.0, &place.1).unwrap();
        blobs.reach().await.unwrap();
        blobs.prove().await.unwrap();
        assert!(blobs.compares_on_replacement() && blobs.compares_on_removal(), "{server} binds both");
        assert_eq!(broken_laws(catalogs(place, blobs)).await, [""; 0], "{server}");
    });
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn ministack_keeps_the_laws() {
    keeps_the_laws("ministack");
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn seaweedfs_keeps_the_laws() {
    keeps_the_laws("seaweedfs");
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn azurite_keeps_the_laws() {
    keeps_the_laws("azurite");
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_store_that_lets_two_writers_win_is_refused_and_taken_under_the_lock() {
    run(async {
        let place = new_place("moto");
        let blobs = ObjectBlobs::in_bucket(&place.0, &place.1).unwrap();
        let refused = blobs.prove().await;
        assert!(matches!(refused, Err(BlobError::Unfit { .. })), "{refused:?}");
        let under_lock = blobs.under_lock();
        under_lock.prove().await.unwrap();
        let seen = under_lock.look(&["a.json".to_owned()]).await.unwrap().remove(0);
        let change = kfm_rollback::blob::BlobChange {
            key: "a.json".into(),
            from: seen,
            to: Some(Bytes::from_static(b"{}")),
        };
        under_lock.change(vec![change]).await.unwrap().remove(0).unwrap();
        assert_eq!(under_lock.list(&[".json"]).await.unwrap(), ["a.json"]);
    });
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_bucket_that_is_missing_says_so_and_a_wrong_key_is_no_outage() {
    run(async {
        for server in ["ministack", "seaweedfs", "azurite"] {
            let (url, mut pairs) = new_place(server);
            let gone = url.replacen("://kfm/", "://never-made/", 1);
            let missing = ObjectBlobs::in_bucket(&gone, &pairs).unwrap().reach().await;
            assert!(matches!(missing, Err(BlobError::Missing { .. })), "{server}: {missing:?}");
            // MiniStack checks no signature.
            if server == "ministack" {
                continue;
            }
            for (name, value) in &mut pairs {
                if name.ends_with("SECRET_ACCESS_KEY") || name.ends_with("ACCOUNT_KEY") {
                    "d3Jvbmc=".clone_into(value);
                }
            }
            let denied = ObjectBlobs::in_bucket(&url, &pairs).unwrap().reach().await;
            assert!(matches!(denied, Err(BlobError::Permanent { .. })), "{server}: {denied:?}");
        }
    });
}
