use std::collections::{BTreeMap, BTreeSet};

use kfm_lineage::Digest;

use super::*;

fn documents(count: usize) -> BTreeMap<String, Digest> {
    (0..count as u64).map(|n| (format!("items/{n:06}.json"), Digest::of_bytes(&n.to_be_bytes()))).collect()
}

fn listing(documents: &BTreeMap<String, Digest>) -> Listing {
    let documents = documents.iter().map(|(path, digest)| (path.as_str(), *digest)).collect();
    Listing::of(&documents).unwrap().unwrap()
}

fn root_digest(listing: &Listing) -> Digest {
    Digest::of_json(&listing.root).unwrap()
}

/// Every document that a reader finds who starts at the root.
fn read_back(listing: &Listing) -> Vec<(String, String)> {
    fn leaves(listing: &Listing, content: &Value, found: &mut Vec<(String, String)>) {
        match content {
            Value::Array(entries) => {
                found.extend(entries.iter().map(|entry| {
                    (entry[0].as_str().unwrap().to_owned(), entry[1].as_str().unwrap().to_owned())
                }))
            }
            branch => {
                for entry in branch["below"].as_array().unwrap() {
                    let digest: Digest = entry[1].as_str().unwrap().parse().unwrap();
                    let bytes = &listing.below[&digest].bytes;
                    assert_eq!(Digest::of_canonical_bytes(bytes), digest);
                    let last = found.len();
                    leaves(listing, &serde_json::from_slice(bytes).unwrap(), found);
                    assert!(found.len() > last);
                    assert_eq!(
                        found.last().unwrap().0,
                        entry[0].as_str().unwrap(),
                        "named after its last document"
                    );
                }
            }
        }
    }
    let mut found = Vec::new();
    leaves(listing, &listing.root, &mut found);
    found
}

#[test]
fn no_documents_have_no_listing_and_few_are_one_sorted_leaf() {
    assert!(Listing::of(&BTreeMap::new()).unwrap().is_none());
    let (a, b) = (Digest::of_bytes(b"a"), Digest::of_bytes(b"b"));
    let two = Listing::of(&BTreeMap::from([("z.json", a), ("b/y.json", b)])).unwrap().unwrap();
    assert_eq!(two.root, json!([["b/y.json", b.to_string()], ["z.json", a.to_string()]]));
    assert!(listing(&documents(LEAF_MAX)).root.is_array());
    assert!(listing(&documents(LEAF_MAX + 1)).root["below"].is_array());
}

#[test]
fn a_listing_keeps_its_golden_digest() {
    // Another digest is another projector: give it a new name.
    let digests: Vec<String> = [1, 64, 65, 5_000]
        .map(|count| root_digest(&listing(&documents(count))).hex()[..16].to_owned())
        .into();
    assert_eq!(digests, ["1508dc1cac9f4dc9", "b06b96aef8bc5d6c", "b79e13aa26a28853", "d769b6e7b8163aaf"]);
}

#[test]
fn a_reader_finds_every_document_in_order() {
    for count in [1, 64, 65, 1_000, 20_000] {
        let documents = documents(count);
        let expected: Vec<_> =
            documents.iter().map(|(path, digest)| (path.clone(), digest.to_string())).collect();
        assert_eq!(read_back(&listing(&documents)), expected);
    }
}

#[test]
fn one_changed_added_or_retired_document_changes_one_path() {
    let before = documents(20_000);
    let tree = listing(&before);
    let known: BTreeSet<Digest> = tree.below.keys().copied().collect();
    let mut most = 0;
    for n in (0..20_000).step_by(611) {
        let path = format!("items/{n:06}.json");
        let (mut changed, mut retired, mut added) = (before.clone(), before.clone(), before.clone());
        changed.insert(path.clone(), Digest::of_bytes(b"changed"));
        retired.remove(&path);
        added.insert(format!("{path}x"), Digest::of_bytes(b"added"));
        for after in [changed, retired, added] {
            let after = listing(&after);
            assert_ne!(root_digest(&after), root_digest(&tree));
            most = most.max(after.nodes_but(&known).len());
        }
    }
    // Two levels below the root; where a node begins or ends, both of its halves are new.
    assert!((1..=4).contains(&most), "{most}");
}

#[test]
fn a_tree_does_not_depend_on_how_it_came_to_be() {
    let mut documents = documents(3_000);
    let tree = root_digest(&listing(&documents));
    documents.insert("items/extra.json".into(), Digest::of_bytes(b"extra"));
    assert_ne!(root_digest(&listing(&documents)), tree);
    documents.remove("items/extra.json");
    assert_eq!(root_digest(&listing(&documents)), tree);
}

#[test]
fn nodes_are_of_the_size_that_is_meant() {
    let tree = listing(&documents(20_000));
    let leaves: Vec<usize> =
        tree.below.values().filter(|node| node.children.is_empty()).map(|node| node.bytes.len()).collect();
    let mean = 20_000 / leaves.len();
    assert!((LEAF_MAX / 2..LEAF_MAX * 2).contains(&mean), "{mean} entries a leaf");
    assert!(leaves.iter().all(|bytes| *bytes < 128 << 10));
}
