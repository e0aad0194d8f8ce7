//! Catalogs and changes from a seed: documents of every kind that link to each other, to places where none stands, and out
//! of the store.

use std::sync::Arc;

use kfm_lineage::document::DocumentFacts;
use proptest::prelude::*;
use serde_json::{Value, json};

/// The paths at which documents come and go.
pub const PATHS: [&str; 8] = [
    "catalog.json",
    "other.json",
    "c/collection.json",
    "c/a.json",
    "c/b#1.json",
    "d/collection.json",
    "d/a.json",
    "e.json",
];

const ADDRESSES: [&str; 2] = ["https://example.org/c/a.json", "https://example.org/d/a.json"];

fn href() -> impl Strategy<Value = String> {
    let relative = prop::sample::select(PATHS.to_vec()).prop_map(|path| format!("/{path}"));
    let beside = prop::sample::select(vec![
        "a.json",
        "./collection.json",
        "../catalog.json",
        "b%231.json",
        "b#1.json",
        "../../lost.json",
        "a.tif",
        "..",
    ]);
    prop_oneof![
        4 => relative,
        2 => beside.prop_map(str::to_owned),
        2 => prop::sample::select(ADDRESSES.to_vec()).prop_map(str::to_owned),
    ]
}

fn link(href: BoxedStrategy<String>) -> impl Strategy<Value = Value> {
    let rels = vec![
        "child",
        "item",
        "parent",
        "collection",
        "self",
        "root",
        "derived_from",
        "latest-version",
        "predecessor-version",
        "successor-version",
    ];
    let media = prop::sample::select(vec![None, None, None, Some("application/geo+json"), Some("text/html")]);
    (prop::sample::select(rels), href, media).prop_map(|(rel, href, media)| match media {
        Some(media) => json!({ "rel": rel, "href": href, "type": media }),
        None => json!({ "rel": rel, "href": href }),
    })
}

/// A document, or none.
pub fn document() -> impl Strategy<Value = Option<Arc<DocumentFacts>>> {
    document_of(href().boxed(), 6)
}

/// A document with less than so many links, whose addresses are chosen so; or none.
pub fn document_of(
    href: BoxedStrategy<String>,
    links: usize,
) -> impl Strategy<Value = Option<Arc<DocumentFacts>>> {
    let kinds = prop::sample::select(vec!["Catalog", "Collection", "Feature", "other"]);
    // A document may state none.
    let ids = || prop::sample::select(vec![json!("a"), json!("b"), json!("c"), Value::Null]);
    let stated = (kinds, ids(), ids(), any::<bool>(), prop::collection::vec(link(href), 0..links));
    let stated = stated.prop_map(|(kind, id, collection, deprecated, links)| {
        json!({ "type": kind, "id": id, "collection": collection, "deprecated": deprecated, "links": links }).to_string()
    });
    prop_oneof![
        8 => stated.prop_map(|text| Some(Arc::new(DocumentFacts::project(text.as_bytes())))),
        1 => Just(Some(Arc::new(DocumentFacts::project(b"{")))),
        3 => Just(None),
    ]
}

pub type Change = Vec<(String, Option<Arc<DocumentFacts>>)>;

pub fn change() -> impl Strategy<Value = Change> {
    let path = prop::sample::select(PATHS.to_vec()).prop_map(str::to_owned);
    prop::collection::vec((path, document()), 1..4)
}
