//! Conditions of a bucket: kept, proved once, and refused where they are not.

use std::collections::BTreeMap;

use bytes::Bytes;
use kfm_lineage::Digest;

use super::ObjectBlobs;
use super::odd::{Does, Odd};
use crate::blob::{BlobChange, BlobError, BlobStore, BlobStoreExt};
use crate::swap::{Seen, Swapped};

fn bytes(text: &str) -> Bytes {
    Bytes::from(text.to_owned())
}

fn change(from: Seen, to: Option<&str>) -> Vec<BlobChange> {
    vec![BlobChange { key: "a.json".into(), from, to: to.map(bytes) }]
}

async fn look(blobs: &ObjectBlobs) -> Seen {
    blobs.look(&["a.json".to_owned()]).await.unwrap().remove(0)
}

async fn make(blobs: &ObjectBlobs, from: Seen, to: Option<&str>) -> Swapped {
    blobs.change(change(from, to)).await.unwrap().remove(0).unwrap()
}

fn asked(pairs: &[(&'static str, u64)]) -> BTreeMap<&'static str, u64> {
    pairs.iter().copied().collect()
}

#[tokio::test]
async fn a_product_that_keeps_conditions_is_tried_once_and_not_for_each_process() {
    let odd = Odd::new(Does::Keeps, Does::Keeps);
    let blobs = odd.blobs();
    assert!(!blobs.compares_on_removal(), "nothing is promised that was not seen");
    blobs.prove().await.unwrap();
    assert!(blobs.compares_on_removal());
    assert!(odd.taken()["PUT"] > 50);

    let another = odd.blobs();
    another.reach().await.unwrap();
    another.prove().await.unwrap();
    assert_eq!(odd.taken(), asked(&[("GET", 1)]));
    assert!(another.compares_on_removal());
    // What is noted lies beside the documents, and nothing else stays.
    assert_eq!(blobs.list(&[]).await.unwrap(), [""; 0]);
    let elsewhere = another.below(object_store::path::Path::from("stac/.kfm"));
    assert_eq!(elsewhere.list(&[]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_product_that_ignores_conditions_or_looks_first_is_refused() {
    for does in [Does::Ignores, Does::LooksFirst] {
        let odd = Odd::new(does, Does::Keeps);
        for _ in 0..2 {
            let refused = odd.blobs().prove().await;
            assert!(matches!(refused, Err(BlobError::Unfit { .. })), "{does:?}: {refused:?}");
        }
        assert_eq!(odd.blobs().below(object_store::path::Path::default()).names_of_all().await, [""; 0]);
        let under_lock = odd.blobs().under_lock();
        under_lock.prove().await.unwrap();
        assert!(!under_lock.compares_on_replacement() && !under_lock.compares_on_removal());
    }
}

#[tokio::test]
async fn a_product_that_does_not_bind_removals_promises_none() {
    for does in [Does::Ignores, Does::LooksFirst] {
        let blobs = Odd::new(Does::Keeps, does).blobs();
        blobs.prove().await.unwrap();
        assert!(blobs.compares_on_replacement() && !blobs.compares_on_removal(), "{does:?}");
    }
}

#[tokio::test]
async fn what_was_seen_is_not_read_again() {
    let odd = Odd::new(Does::Keeps, Does::Keeps);
    let blobs = odd.blobs();
    blobs.prove().await.unwrap();
    odd.taken();
    let Swapped::Applied { generation } = make(&blobs, Seen::default(), Some("1")).await else { panic!() };
    assert!(generation.is_some());
    assert_eq!(odd.taken(), asked(&[("PUT", 1)]));
    let seen = Seen { value: Some(Digest::of_bytes(b"1")), generation };
    let Swapped::Applied { generation } = make(&blobs, seen, Some("2")).await else { panic!() };
    assert_eq!(odd.taken(), asked(&[("PUT", 1)]));
    let seen = Seen { value: Some(Digest::of_bytes(b"2")), generation };
    assert_eq!(make(&blobs, seen, None).await, Swapped::Applied { generation: None });
    assert_eq!(odd.taken(), asked(&[("DELETE If-Match", 1)]));
    // A new version is one request, one that is there already is two.
    blobs.keep(vec![("v".into(), bytes("v"))]).await.unwrap();
    assert_eq!(odd.taken(), asked(&[("PUT", 1)]));
    blobs.keep(vec![("v".into(), bytes("v"))]).await.unwrap();
    assert_eq!(odd.taken(), asked(&[("GET", 1), ("PUT", 1)]));
}

#[tokio::test]
async fn what_another_hand_wrote_after_the_look_is_neither_replaced_nor_removed() {
    let blobs = Odd::new(Does::Keeps, Does::Keeps).blobs();
    blobs.prove().await.unwrap();
    make(&blobs, Seen::default(), Some("1")).await;
    let seen = look(&blobs).await;
    blobs.put(vec![("a.json".into(), bytes("foreign"))]).await.unwrap();
    for to in [Some("2"), None] {
        let conflict = make(&blobs, seen.clone(), to).await;
        let expected = Some(Digest::of_bytes(b"foreign"));
        assert!(
            matches!(&conflict, Swapped::Conflict { observed } if observed.value == expected),
            "{conflict:?}"
        );
    }
    assert_eq!(blobs.get("a.json").await.unwrap(), Some(bytes("foreign")));
}

#[tokio::test]
async fn damaged_bytes_under_a_version_are_replaced() {
    let blobs = Odd::new(Does::Keeps, Does::Keeps).blobs();
    blobs.put(vec![("v".into(), bytes("damaged"))]).await.unwrap();
    blobs.keep(vec![("v".into(), bytes("v"))]).await.unwrap();
    assert_eq!(blobs.get("v").await.unwrap(), Some(bytes("v")));
}
