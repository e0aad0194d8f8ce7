//! The version store: what is taken, what is given, and what is refused.
#![cfg(feature = "test-util")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::sync::Arc;

use bytes::Bytes;
use kfm_lineage::{Digest, DigestKind};
use kfm_rollback::blob::{LocalBlobs, ObjectBlobs};
use kfm_rollback::versions::{VersionError, VersionStore, segment_of};

fn in_memory() -> VersionStore {
    VersionStore::new(Arc::new(ObjectBlobs::in_memory()))
}

fn version(bytes: &'static [u8]) -> (Digest, Bytes) {
    (Digest::of_bytes(bytes), Bytes::from_static(bytes))
}

#[tokio::test]
async fn bytes_come_back_under_their_digest() {
    let store = in_memory();
    let canonical = Digest::of_json(&serde_json::json!({})).unwrap();
    store.put(vec![version(b""), version(b"\0\xff"), (canonical, Bytes::from_static(b"{}"))]).await.unwrap();
    assert_eq!(store.get(&Digest::of_bytes(b"")).await.unwrap(), Bytes::new());
    assert_eq!(store.get(&Digest::of_bytes(b"\0\xff")).await.unwrap(), Bytes::from_static(b"\0\xff"));
    assert_eq!(store.get(&canonical).await.unwrap(), Bytes::from_static(b"{}"));
    assert!(!store.contains(&Digest::of_bytes(b"{}")).await.unwrap(), "kinds are apart");
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let store = in_memory();
    let (digest, bytes) = version(b"a");
    assert!(
        matches!(store.get(&digest).await, Err(VersionError::Missing { digest: named }) if named == digest)
    );
    assert_eq!(store.lacking(&[digest]).await.unwrap(), [digest]);
    store.put(vec![(digest, bytes)]).await.unwrap();
    assert!(store.lacking(&[digest]).await.unwrap().is_empty());
}

#[tokio::test]
async fn damaged_bytes_are_not_given_and_are_healed_by_putting_them_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = VersionStore::new(Arc::new(LocalBlobs::new(folder.path())));
    let (digest, bytes) = version(b"content");
    store.put(vec![(digest, bytes.clone())]).await.unwrap();
    let hex = digest.hex();
    fs::write(folder.path().join("sha256").join(&hex[..2]).join(&hex), b"c0ntent").unwrap();

    assert!(matches!(store.get(&digest).await, Err(VersionError::Damaged { .. })));
    assert!(!store.contains(&digest).await.unwrap());
    store.put(vec![(digest, bytes.clone())]).await.unwrap();
    assert_eq!(store.get(&digest).await.unwrap(), bytes);
}

#[tokio::test]
async fn bytes_under_a_wrong_digest_are_not_taken_nor_any_with_them() {
    let store = in_memory();
    let (good, bytes) = version(b"a");
    let wrong = Digest::of_bytes(b"b");
    let unverifiable = Digest::from_parts(DigestKind::Keyed, *good.bytes());
    for digest in [wrong, unverifiable] {
        let put = store.put(vec![(good, bytes.clone()), (digest, bytes.clone())]).await;
        assert!(matches!(put, Err(VersionError::Mismatch { digest: named }) if named == digest));
    }
    assert!(!store.contains(&good).await.unwrap());
}

#[cfg(unix)]
#[test]
fn a_private_folder_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let blobs = LocalBlobs::create_private(folder.path().join("versions")).unwrap();
    assert_eq!(fs::metadata(blobs.root()).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn a_segment_reads_back_line_by_line() {
    let store = in_memory();
    for lines in [vec![], vec!["a".to_owned()], vec!["b".to_owned(), "line\nfeed".to_owned()]] {
        let segment = store.put_segment(&lines).await.unwrap();
        assert_eq!(segment.count, lines.len() as u64);
        assert_eq!(segment, segment_of(&lines).unwrap().0);
        assert_eq!(store.read_segment::<String>(&segment).await.unwrap(), lines);
    }
}

#[tokio::test]
async fn a_segment_of_another_size_than_recorded_is_refused() {
    let store = in_memory();
    let mut segment = store.put_segment(&[1, 2, 3]).await.unwrap();
    segment.count = 2;
    let read = store.read_segment::<u64>(&segment).await;
    assert!(matches!(read, Err(VersionError::Count { expected: 2, found: 3, .. })));
}

#[tokio::test]
async fn a_line_that_cannot_be_read_is_named() {
    let store = in_memory();
    let segment = store.put_segment(&["1", "2", "x"]).await.unwrap();
    assert!(matches!(store.read_segment::<u64>(&segment).await, Err(VersionError::BadLine { line: 1, .. })));
}
