use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// The paths at which documents come and go.
const PATHS: [&str; 8] = [
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

fn link() -> impl Strategy<Value = Value> {
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
    (prop::sample::select(rels), href(), media).prop_map(|(rel, href, media)| match media {
        Some(media) => json!({ "rel": rel, "href": href, "type": media }),
        None => json!({ "rel": rel, "href": href }),
    })
}

fn document() -> impl Strategy<Value = Option<Arc<DocumentFacts>>> {
    let kinds = prop::sample::select(vec!["Catalog", "Collection", "Feature", "other"]);
    // A document may state none.
    let ids = || prop::sample::select(vec![json!("a"), json!("b"), json!("c"), Value::Null]);
    let stated = (kinds, ids(), ids(), any::<bool>(), prop::collection::vec(link(), 0..6));
    let stated = stated.prop_map(|(kind, id, collection, deprecated, links)| {
        json!({ "type": kind, "id": id, "collection": collection, "deprecated": deprecated, "links": links }).to_string()
    });
    prop_oneof![
        8 => stated.prop_map(|text| Some(Arc::new(DocumentFacts::project(text.as_bytes())))),
        1 => Just(Some(Arc::new(DocumentFacts::project(b"{")))),
        3 => Just(None),
    ]
}

type Change = Vec<(String, Option<Arc<DocumentFacts>>)>;

fn change() -> impl Strategy<Value = Change> {
    let path = prop::sample::select(PATHS.to_vec()).prop_map(str::to_owned);
    prop::collection::vec((path, document()), 1..4)
}

/// 4,096 histories, or sixteen times as many as `PROPTEST_CASES` says.
fn histories() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases * 16, failure_persistence: None, ..config }
}

proptest! {
    #![proptest_config(histories())]

    /// R48: after every change the census that was kept is the one that is counted from the start, and changing back
    /// gives the one of before.
    #[test]
    fn what_is_kept_is_what_is_counted_from_the_start(changes in prop::collection::vec(change(), 4..24)) {
        let mut kept = CountedCatalog::default();
        let mut view = CatalogView::default();
        for change in changes {
            let before = kept.census().clone();
            let undo = kept.change(change.clone());
            let after = kept.census().clone();
            kept.change(undo.clone());
            prop_assert_eq!(kept.census(), &before, "changed back");
            kept.change(change.clone());
            prop_assert_eq!(kept.census(), &after, "changed again");
            for (path, document) in change {
                match document {
                    Some(document) => drop(view.insert(path, document)),
                    None => drop(view.remove(&path)),
                }
            }
            prop_assert_eq!(&after, &view.census());
            prop_assert!(kept.view().iter().eq(view.iter()));
            let anew = CountedCatalog::new(&view);
            prop_assert_eq!(anew.census(), &after, "made anew");
            // Views that share what did not change, as the engine has them.
            let mut led = anew.clone();
            let mut other = anew.view().clone();
            other.remove(PATHS[0]);
            other.insert(PATHS[7], Arc::new(DocumentFacts::project(b"{}")));
            led.change_to(&other);
            prop_assert_eq!(led.census(), &other.census(), "changed to another view");
            prop_assert!(other.iter().map(|(path, _)| path).is_sorted() && other.iter().count() == other.len());
            led.change_to(anew.view());
            prop_assert_eq!(led.census(), &after, "and back");
        }
    }
}
