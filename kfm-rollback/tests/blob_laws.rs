//! The laws of `BlobStore`, on each implementation; and what only a folder can do.
#![cfg(feature = "test-util")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use kfm_lineage::Digest;
use kfm_rollback::blob::fault::{Fault, Faults};
use kfm_rollback::blob::{
    BlobError, BlobStore, BlobStoreExt, BlobSwap, LocalBlobs, ObjectBlobs, Precondition, SwapOutcome,
};

const ODD: [&str; 5] =
    ["hydrography_<year>.json", "a b/x#1.json", "日本/ç.json", "a%2Fb.json", "c:d|*?.json"];

/// Both implementations, each empty; the folder lives as long as the test.
fn stores() -> (tempfile::TempDir, Vec<Arc<dyn BlobStore>>) {
    let folder = tempfile::tempdir().unwrap();
    let local = Arc::new(LocalBlobs::new(folder.path()));
    (folder, vec![local, Arc::new(ObjectBlobs::in_memory())])
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn digest(text: &str) -> Option<Digest> {
    Some(Digest::of_bytes(text.as_bytes()))
}

fn swap(key: &str, from: Option<&str>, to: Option<&str>) -> BlobSwap {
    let precondition = Precondition::Is(from.and_then(digest));
    BlobSwap { key: key.to_owned(), precondition, to: to.map(bytes) }
}

async fn put(store: &dyn BlobStore, key: &str, text: &str) {
    store.put(vec![(key.to_owned(), bytes(text))]).await.unwrap();
}

/// Every file below a folder, with its bytes and its time of change; files whose name begins with a dot too.
fn files(root: &Path) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                let changed = entry.metadata().unwrap().modified().unwrap();
                files.insert(name, (fs::read(entry.path()).unwrap_or_default(), changed));
            }
        }
    }
    files
}

#[tokio::test]
async fn what_was_put_is_read_listed_and_digested_under_its_exact_name() {
    let (_folder, stores) = stores();
    for store in stores {
        for key in ODD {
            put(store.as_ref(), key, key).await;
        }
        let mut keys: Vec<String> = ODD.map(str::to_owned).to_vec();
        for key in &keys {
            assert_eq!(store.get(key).await.unwrap(), Some(bytes(key)), "{store:?}");
        }
        let digests: Vec<_> = keys.iter().map(|key| digest(key)).collect();
        assert_eq!(store.digests(&keys).await.unwrap(), digests);
        keys.sort();
        assert_eq!(store.list(&[]).await.unwrap(), keys);
    }
}

#[tokio::test]
async fn nothing_is_at_a_key_that_was_never_put() {
    let (_folder, stores) = stores();
    for store in stores {
        put(store.as_ref(), "a.json", "1").await;
        let keys = ["b.json", "no/folder.json", "a.json/below.json"].map(str::to_owned);
        assert_eq!(store.digests(&keys).await.unwrap(), vec![None; 3], "{store:?}");
        assert_eq!(store.get("b.json").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_key_of_another_value_is_left_alone() {
    let (_folder, stores) = stores();
    for store in stores {
        put(store.as_ref(), "a", "foreign").await;
        let observed = digest("foreign");
        for refused in
            [swap("a", Some("x"), Some("y")), swap("a", None, Some("y")), swap("a", Some("x"), None)]
        {
            let answer = store.swap(vec![refused]).await.unwrap();
            assert_eq!(answer, [SwapOutcome::Conflict { observed }], "{store:?}");
        }
        assert_eq!(
            store.swap(vec![swap("gone", Some("x"), Some("y"))]).await.unwrap(),
            [SwapOutcome::Conflict { observed: None }]
        );
        assert_eq!(store.get("a").await.unwrap(), Some(bytes("foreign")));
        assert_eq!(store.list(&[]).await.unwrap(), ["a"]);
    }
}

#[tokio::test]
async fn a_swap_made_twice_is_made_once() {
    let (_folder, stores) = stores();
    for store in stores {
        for (again, expected) in [(1, SwapOutcome::Applied), (2, SwapOutcome::Already)] {
            let answer = store.swap(vec![swap("a", None, Some("1"))]).await.unwrap();
            assert_eq!(answer, [expected], "{store:?} {again}");
        }
        for (again, expected) in [(1, SwapOutcome::Applied), (2, SwapOutcome::Already)] {
            let answer = store.swap(vec![swap("a", Some("1"), None)]).await.unwrap();
            assert_eq!(answer, [expected], "{store:?} {again}");
        }
    }
}

#[tokio::test]
async fn swaps_of_one_key_in_a_batch_follow_each_other() {
    let (_folder, stores) = stores();
    for store in stores {
        let batch = vec![
            swap("a", None, Some("1")),
            swap("b", None, Some("1")),
            swap("a", Some("1"), Some("2")),
            swap("a", Some("1"), Some("3")),
            swap("a", Some("2"), None),
        ];
        let answer = store.swap(batch).await.unwrap();
        let conflict = SwapOutcome::Conflict { observed: digest("2") };
        let applied = SwapOutcome::Applied;
        assert_eq!(answer, [applied, applied, applied, conflict, applied], "{store:?}");
        assert_eq!(store.list(&[]).await.unwrap(), ["b"]);
    }
}

#[tokio::test]
async fn a_list_holds_what_ends_as_asked_and_nothing_hidden() {
    let (folder, stores) = stores();
    fs::create_dir(folder.path().join(".git")).unwrap();
    fs::write(folder.path().join(".git/x.json"), "").unwrap();
    fs::write(folder.path().join(".hidden.json"), "").unwrap();
    for store in stores {
        for key in ["b/2.json", "b/1.geojson", "a.json", "a.json.tif", "json"] {
            put(store.as_ref(), key, key).await;
        }
        let listed = store.list(&[".json", ".geojson"]).await.unwrap();
        assert_eq!(listed, ["a.json", "b/1.geojson", "b/2.json"], "{store:?}");
    }
}

#[tokio::test]
async fn a_key_that_leads_elsewhere_is_refused_and_nothing_of_its_batch_is_done() {
    let (folder, stores) = stores();
    for store in stores {
        for key in ["../a.json", "/a.json", "a/../../b.json", ".kfm-1-1.tmp", "a//b.json", "a\nb.json", ""] {
            let batch = vec![swap("ok.json", None, Some("1")), swap(key, None, Some("1"))];
            assert!(matches!(store.swap(batch).await, Err(BlobError::InvalidKey { .. })), "{key:?}");
            assert!(matches!(store.get(key).await, Err(BlobError::InvalidKey { .. })), "{key:?}");
        }
        assert!(store.list(&[]).await.unwrap().is_empty(), "{store:?}");
    }
    assert!(files(folder.path()).is_empty());
}

#[tokio::test]
async fn a_file_is_replaced_whole_and_keeps_its_rights() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalBlobs::new(folder.path());
    put(&store, "a/b.json", "old").await;
    let path = folder.path().join("a/b.json");
    let mut rights = fs::metadata(&path).unwrap().permissions();
    rights.set_readonly(true);
    fs::set_permissions(&path, rights).unwrap();

    put(&store, "a/b.json", "new").await;

    assert!(fs::metadata(&path).unwrap().permissions().readonly());
    assert_eq!(files(folder.path()).into_keys().collect::<Vec<_>>(), ["a/b.json"]);
}

#[tokio::test]
async fn what_is_there_already_is_not_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalBlobs::new(folder.path());
    put(&store, "a", "1").await;
    let before = files(folder.path());
    put(&store, "a", "1").await;
    store.get("a").await.unwrap();
    store.list(&[]).await.unwrap();
    assert_eq!(files(folder.path()), before);
}

#[tokio::test]
async fn a_missing_folder_is_an_error_and_not_an_empty_store() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    for place in ["gone", "file"] {
        let store = LocalBlobs::new(folder.path().join(place));
        assert!(matches!(store.list(&[]).await, Err(BlobError::Missing { .. })));
        assert!(matches!(store.get("a").await, Err(BlobError::Missing { .. })));
        assert!(matches!(store.digests(&[]).await, Err(BlobError::Missing { .. })));
        assert!(matches!(store.sweep().await, Err(BlobError::Missing { .. })));
        let put = store.put(vec![("a".to_owned(), bytes("1"))]).await;
        assert!(matches!(put, Err(BlobError::Missing { .. })));
    }
    assert!(!folder.path().join("gone").exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_symbolic_link_is_named_and_never_followed() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("x.json"), "outside").unwrap();
    symlink(outside.path().join("x.json"), folder.path().join("file.json")).unwrap();
    symlink(outside.path(), folder.path().join("folder")).unwrap();
    let store = LocalBlobs::new(folder.path());

    for (key, link) in
        [("file.json", "file.json"), ("folder/x.json", "folder"), ("folder/new/y.json", "folder")]
    {
        let link = folder.path().join(link).display().to_string();
        let is_link = |error: &BlobError| matches!(error, BlobError::Link { path } if *path == link);
        assert!(store.get(key).await.is_err_and(|error| is_link(&error)), "{key}");
        assert!(store.digests(&[key.to_owned()]).await.is_err_and(|error| is_link(&error)), "{key}");
        let put = store.put(vec![(key.to_owned(), bytes("1"))]).await;
        assert!(put.is_err_and(|error| is_link(&error)), "{key}");
        let delete = store.delete(vec![key.to_owned()]).await;
        assert!(delete.is_err_and(|error| is_link(&error)), "{key}");
    }
    assert!(store.list(&[".json"]).await.unwrap().is_empty());
    let strays = store.strays(&[".json"]).await.unwrap();
    assert_eq!(strays.iter().map(|stray| stray.path.as_str()).collect::<Vec<_>>(), ["file.json", "folder"]);
    assert_eq!(fs::read_to_string(outside.path().join("x.json")).unwrap(), "outside");
    assert_eq!(files(outside.path()).len(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_that_is_an_asset_is_none_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/elsewhere/big.tif", folder.path().join("big.tif")).unwrap();
    let store = LocalBlobs::new(folder.path());
    assert!(store.list(&[".json"]).await.unwrap().is_empty());
    assert!(store.strays(&[".json"]).await.unwrap().is_empty());
    assert_eq!(store.strays(&[]).await.unwrap()[0].path, "big.tif");
}

#[cfg(unix)]
#[tokio::test]
async fn what_cannot_be_a_key_is_left_alone_and_stops_nothing() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(std::ffi::OsStr::from_bytes(b"\xff.tif")), "").unwrap();
    let store = LocalBlobs::new(folder.path());
    assert!(store.list(&[".json"]).await.unwrap().is_empty());
    fs::write(folder.path().join(std::ffi::OsStr::from_bytes(b"\xff.json")), "").unwrap();
    for name in ["a\\b.json", "a\u{1}b.json"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    std::os::unix::net::UnixListener::bind(folder.path().join("socket.json")).unwrap();
    store.put(vec![("x.json".to_owned(), bytes("1"))]).await.unwrap();
    assert_eq!(store.list(&[".json"]).await.unwrap(), ["x.json"]);
    let strays = store.strays(&[".json"]).await.unwrap();
    assert_eq!(strays.len(), 4, "{strays:?}");
    store.delete(vec!["x.json".to_owned()]).await.unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5);
}

fn swap_of(from: Option<&str>, to: Option<&str>) -> Vec<BlobSwap> {
    let precondition = Precondition::Is(from.map(|text| Digest::of_bytes(text.as_bytes())));
    vec![BlobSwap { key: "a.json".into(), precondition, to: to.map(bytes) }]
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_another_hand_writes_between_the_last_look_and_the_act_is_kept() {
    for (from, to, meanwhile) in [
        (Some("1"), Some("2"), Some("3")),
        (Some("1"), None, Some("3")),
        (None, Some("2"), Some("3")),
        (Some("1"), Some("2"), None),
        (Some("1"), Some("2"), Some("2")),
        (Some("1"), Some("2"), Some("1")),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let faults = Faults::default();
        let store = LocalBlobs::with_faults(folder.path(), faults.clone());
        if let Some(from) = from {
            store.put(vec![("a.json".to_owned(), bytes(from))]).await.unwrap();
        }
        faults.meanwhile(meanwhile.map(str::as_bytes));
        let outcome = store.swap(swap_of(from, to)).await.unwrap();
        let stands = store.get("a.json").await.unwrap();
        if meanwhile == from {
            assert_eq!((&outcome[..], stands), (&[SwapOutcome::Applied][..], to.map(bytes)));
        } else if meanwhile == to {
            assert_eq!((&outcome[..], stands), (&[SwapOutcome::Already][..], to.map(bytes)));
        } else {
            let observed = meanwhile.map(|text| Digest::of_bytes(text.as_bytes()));
            assert_eq!(outcome, [SwapOutcome::Conflict { observed }], "{from:?} {to:?} {meanwhile:?}");
            assert_eq!(stands, meanwhile.map(bytes), "{from:?} {to:?} {meanwhile:?}");
        }
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(
            left,
            usize::from(store.get("a.json").await.unwrap().is_some()),
            "nothing temporary stays"
        );
    }
}

#[tokio::test]
async fn a_folder_that_was_emptied_gives_way_to_a_file_and_one_with_files_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalBlobs::new(folder.path());
    fs::create_dir_all(folder.path().join("a.json/b/c")).unwrap();
    assert_eq!(store.get("a.json").await.unwrap(), None);
    assert_eq!(store.swap(swap_of(None, Some("1"))).await.unwrap(), [SwapOutcome::Applied]);

    fs::remove_file(folder.path().join("a.json")).unwrap();
    fs::create_dir_all(folder.path().join("a.json/b")).unwrap();
    fs::write(folder.path().join("a.json/b/asset.tif"), "kept").unwrap();
    let refused = store.swap(swap_of(None, Some("1"))).await;
    assert!(matches!(refused, Err(BlobError::Permanent { .. })), "{refused:?}");
    assert_eq!(fs::read(folder.path().join("a.json/b/asset.tif")).unwrap(), b"kept");
}

#[tokio::test]
async fn a_write_that_fails_halfway_changes_nothing_and_its_rest_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let faults = Faults::default();
    let store = LocalBlobs::with_faults(folder.path(), faults.clone());
    put(&store, "b", "old").await;
    let foreign = folder.path().join(".kfm-of-somebody-else");
    fs::write(&foreign, "").unwrap();
    let before = files(folder.path());
    faults.fail_nth(2, Fault::HalfWritten);

    let batch = vec![swap("a", None, Some("new")), swap("b", Some("old"), Some("new"))];
    assert!(matches!(store.swap(batch.clone()).await, Err(BlobError::Permanent { key, .. }) if key == "b"));

    let left: Vec<_> =
        files(folder.path()).into_iter().filter(|file| !before.contains_key(&file.0)).collect();
    assert!(
        matches!(&left[..], [(name, (half, _))] if name.starts_with(".kfm-") && half == b"n"),
        "{left:?}"
    );
    assert_eq!(store.list(&[]).await.unwrap(), ["b"]);
    store.sweep().await.unwrap();
    assert_eq!(files(folder.path()), before);
    assert_eq!(store.swap(batch).await.unwrap(), [SwapOutcome::Applied; 2]);
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_the_swap_can_be_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let faults = Faults::default();
    let store = LocalBlobs::with_faults(folder.path(), faults.clone());
    faults.fail_nth(1, Fault::Unanswered);
    let batch = vec![swap("a", None, Some("1")), swap("b", None, Some("1"))];
    assert!(matches!(store.swap(batch.clone()).await, Err(BlobError::Unknown { .. })));
    assert_eq!(store.list(&[]).await.unwrap(), ["a"]);
    assert_eq!(store.swap(batch).await.unwrap(), [SwapOutcome::Already, SwapOutcome::Applied]);
}

#[tokio::test]
async fn a_busy_store_changes_nothing_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let faults = Faults::default();
    let store = LocalBlobs::with_faults(folder.path(), faults.clone());
    faults.fail_nth(1, Fault::Busy);
    let batch = vec![swap("a", None, Some("1"))];
    assert!(matches!(store.swap(batch.clone()).await, Err(BlobError::Transient { .. })));
    assert!(files(folder.path()).is_empty());
    assert_eq!(store.swap(batch).await.unwrap(), [SwapOutcome::Applied]);
}

#[tokio::test]
async fn a_dropped_swap_has_ended_before_the_next_call_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalBlobs::new(folder.path());
    let batch: Vec<_> = (0..300).map(|n| swap(&format!("{n:03}"), None, Some("1"))).collect();
    let dropped = tokio::time::timeout(std::time::Duration::from_millis(1), store.swap(batch)).await;
    let seen = store.list(&[]).await.unwrap().len();
    assert!(dropped.is_ok() || seen == 0 || seen == 300, "{seen}");
    assert_eq!(store.list(&[]).await.unwrap().len(), seen);
}

#[tokio::test]
async fn a_reader_never_sees_a_part_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalBlobs::new(folder.path());
    let (one, two) = ("1".repeat(300_000), "2".repeat(300_000));
    put(&store, "a", &one).await;
    let path = folder.path().join("a");
    let (whole, done) = ([one.clone().into_bytes(), two.clone().into_bytes()], Arc::new(()));
    let reader = {
        let running = Arc::downgrade(&done);
        std::thread::spawn(move || {
            let mut read = 0;
            while running.upgrade().is_some() {
                assert!(whole.contains(&fs::read(&path).unwrap()));
                read += 1;
            }
            read
        })
    };
    for _ in 0..50 {
        put(&store, "a", &two).await;
        put(&store, "a", &one).await;
    }
    drop(done);
    assert!(reader.join().unwrap() > 0);
}
