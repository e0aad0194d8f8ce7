use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::document::DocumentFacts;
use crate::integrity::Lead;

/// A catalog of the given documents, by path.
fn view(documents: &[(&str, Value)]) -> CatalogView {
    let facts = |value: &Value| match value {
        Value::String(text) => DocumentFacts::project(text.as_bytes()),
        other => DocumentFacts::project(other.to_string().as_bytes()),
    };
    documents.iter().map(|(path, value)| ((*path).to_owned(), Arc::new(facts(value)))).collect()
}

fn link(rel: &str, href: &str) -> Value {
    json!({ "rel": rel, "href": href })
}

fn document(kind: &str, id: &str, links: &[Value]) -> Value {
    json!({ "type": kind, "id": id, "links": links })
}

fn item(id: &str, collection: &str, links: &[Value]) -> Value {
    json!({ "type": "Feature", "id": id, "collection": collection, "links": links })
}

/// A sound catalog: a root, a collection, an item.
fn sound() -> Vec<(&'static str, Value)> {
    vec![
        ("catalog.json", document("Catalog", "root", &[link("child", "c/collection.json")])),
        (
            "c/collection.json",
            document(
                "Collection",
                "c",
                &[
                    link("self", "./collection.json"),
                    link("parent", "../catalog.json"),
                    link("item", "./a.json"),
                ],
            ),
        ),
        (
            "c/a.json",
            item("a", "c", &[link("parent", "collection.json"), link("collection", "collection.json")]),
        ),
    ]
}

/// A sound catalog with one document replaced or added.
fn with(path: &'static str, value: Value) -> CatalogView {
    let mut documents = sound();
    documents.retain(|(other, _)| *other != path);
    documents.push((path, value));
    view(&documents)
}

fn breaks(view: &CatalogView) -> Vec<String> {
    view.census().breaks.iter().map(Break::to_string).collect()
}

#[test]
fn a_sound_catalog_has_no_break_and_no_orphan() {
    let census = view(&sound()).census();
    assert_eq!(census, Census { documents: 3, links: 5, ..Census::default() });
}

#[test]
fn an_empty_catalog_has_nothing_to_count() {
    assert_eq!(CatalogView::default().census(), Census::default());
}

#[test]
fn lnk_1_is_a_relative_link_that_climbs_out_of_the_store() {
    let view =
        with("c/b.json", item("b", "c", &[link("root", "../../catalog.json"), link("license", "../../..")]));
    assert_eq!(breaks(&view), ["LNK-1 c/b.json --root--> ../../catalog.json"]);
}

#[test]
fn lnk_2_is_a_link_to_a_document_that_is_not_there() {
    let view = with(
        "c/b.json",
        item(
            "b",
            "c",
            &[
                link("derived_from", "../lost.geojson"),
                link("derived_from", "../c/../lost.geojson"),
                link("derived_from", "../lost.tif"),
                link("license", "https://example.org/licence.json"),
            ],
        ),
    );
    assert_eq!(breaks(&view), ["LNK-2 c/b.json --derived_from--> lost.geojson"]);
    assert_eq!(view.census().links, 5 + 2);
}

#[test]
fn lnk_3_is_a_listing_of_the_wrong_kind() {
    let view = with(
        "catalog.json",
        document(
            "Catalog",
            "root",
            &[link("child", "c/a.json"), link("item", "c/collection.json"), link("item", "broken.json")],
        ),
    );
    let mut view = view;
    view.insert("broken.json", Arc::new(DocumentFacts::project(b"{")));
    assert_eq!(
        breaks(&view),
        [
            "LNK-3 catalog.json --child--> c/a.json",
            "LNK-3 catalog.json --item--> broken.json",
            "LNK-3 catalog.json --item--> c/collection.json",
        ]
    );
}

#[test]
fn lnk_4_is_a_listed_document_that_names_another_parent() {
    let other = document("Catalog", "other", &[link("child", "c/collection.json")]);
    assert_eq!(breaks(&with("other.json", other)), ["LNK-4 other.json --child--> c/collection.json"]);
}

#[test]
fn lnk_4_counts_a_listing_once_however_many_back_links_fail() {
    let view = with("c/a.json", item("a", "x", &[link("parent", "a.json"), link("collection", "lost.json")]));
    let found = breaks(&view);
    assert_eq!(
        found,
        ["LNK-2 c/a.json --collection--> c/lost.json", "LNK-4 c/collection.json --item--> c/a.json"]
    );
}

#[test]
fn lnk_4_wants_the_collection_link_and_the_collection_field_of_an_item() {
    let lnk_4 = ["LNK-4 c/collection.json --item--> c/a.json"];
    let to_collection = link("collection", "collection.json");
    assert_eq!(breaks(&with("c/a.json", item("a", "c", &[]))), lnk_4, "no link");
    assert_eq!(
        breaks(&with("c/a.json", item("a", "x", std::slice::from_ref(&to_collection)))),
        lnk_4,
        "other field"
    );
    assert_eq!(
        breaks(&with("c/a.json", document("Feature", "a", std::slice::from_ref(&to_collection)))),
        lnk_4,
        "no field"
    );
    assert!(
        breaks(&with("c/a.json", item("a", "c", &[to_collection]))).is_empty(),
        "a parent is not required"
    );
}

#[test]
fn lnk_4_wants_the_parent_of_an_item_to_be_its_lister_though_its_collection_agrees() {
    let elsewhere =
        item("a", "c", &[link("parent", "../catalog.json"), link("collection", "collection.json")]);
    assert_eq!(breaks(&with("c/a.json", elsewhere)), ["LNK-4 c/collection.json --item--> c/a.json"]);
}

#[test]
fn an_item_without_a_collection_does_not_name_a_collection_without_an_id() {
    let view = view(&[
        ("c.json", json!({ "type": "Collection", "links": [link("item", "a.json")] })),
        ("a.json", document("Feature", "a", &[link("collection", "c.json")])),
    ]);
    assert_eq!(breaks(&view), ["LNK-4 c.json --item--> a.json"]);
}

#[test]
fn a_catalog_that_lists_an_item_is_owed_no_collection_link() {
    let view = view(&[
        ("catalog.json", document("Catalog", "root", &[link("item", "a.json")])),
        ("a.json", document("Feature", "a", &[link("parent", "catalog.json")])),
    ]);
    assert!(breaks(&view).is_empty());
}

#[test]
fn a_back_link_that_leads_outside_the_store_is_not_judged() {
    let outside = item(
        "a",
        "c",
        &[
            link("parent", "https://example.org/collection.json"),
            link("collection", "https://example.org/collection.json"),
        ],
    );
    assert!(breaks(&with("c/a.json", outside)).is_empty());
}

#[test]
fn a_link_for_people_is_no_edge_of_the_catalog() {
    let page = json!({ "rel": "child", "href": "c/a.json", "type": "text/html" });
    let view = with("catalog.json", document("Catalog", "root", &[page]));
    assert!(breaks(&view).is_empty());
    let census = view.census();
    assert_eq!(census.orphans.into_iter().collect::<Vec<_>>(), ["c/a.json", "c/collection.json"]);
}

#[test]
fn an_absolute_link_equal_to_a_documents_self_leads_to_it() {
    let url = "https://example.org/collections/c";
    let view = view(&[
        ("catalog.json", document("Catalog", "root", &[link("child", url)])),
        ("c.json", document("Collection", "c", &[link("self", url), link("item", "a.json")])),
        ("a.json", item("a", "c", &[link("collection", url)])),
    ]);
    assert_eq!(view.census(), Census { documents: 3, links: 3, ..Census::default() });
}

#[test]
fn a_document_overwritten_with_anothers_bytes_does_not_take_its_links_along() {
    let topo = document("Collection", "topo", &[link("self", "https://example.org/collections/topo.json")]);
    let view = view(&[
        (
            "catalog.json",
            document("Catalog", "root", &[link("child", "https://example.org/collections/topo.json")]),
        ),
        ("collections/elevation.json", topo.clone()),
        ("collections/topo.json", topo),
    ]);
    let census = view.census();
    assert_eq!(census.wrong_self_links.into_iter().collect::<Vec<_>>(), ["collections/elevation.json"]);
    assert_eq!(census.orphans.into_iter().collect::<Vec<_>>(), ["collections/elevation.json"]);
    assert_eq!(census.duplicate_ids["topo"], ["collections/elevation.json", "collections/topo.json"]);
}

#[test]
fn the_sources_of_a_document_are_where_derived_from_leads_in_the_store() {
    let derived = item(
        "b",
        "c",
        &[
            link("derived_from", "a.json"),
            link("derived_from", "./a.json"),
            link("derived_from", "b.json"),
            link("derived_from", "lost.json"),
            link("derived_from", "a.tif"),
            link("derived_from", "https://example.org/a.json"),
            link("collection", "collection.json"),
            link("predecessor-version", "collection.json"),
        ],
    );
    let view = with("c/b.json", derived);
    assert_eq!(view.sources("c/b.json").into_iter().collect::<Vec<_>>(), ["c/a.json"]);
    assert!(view.sources("c/a.json").is_empty() && view.sources("lost.json").is_empty());
}

#[test]
fn a_document_that_is_gone_or_replaced_claims_no_self() {
    let url = "https://example.org/a";
    let mut view = view(&[("a.json", document("Catalog", "a", &[link("self", url)]))]);
    assert_eq!(view.lead("b.json", url), Lead::Document("a.json"));
    view.insert("a.json", Arc::new(DocumentFacts::project(b"{}")));
    assert_eq!(view.lead("b.json", url), Lead::External);
    assert!(view.remove("a.json").is_some() && view.remove("a.json").is_none());
}

#[test]
fn a_relative_self_that_leads_elsewhere_is_wrong_and_no_break() {
    let selves =
        [("./b.json", false), ("../c/b.json", false), ("a.json", true), ("../../b.json", true), ("b", true)];
    for (href, is_wrong) in selves {
        let census = with("c/b.json", item("b", "c", &[link("self", href)])).census();
        assert_eq!(census.wrong_self_links.contains("c/b.json"), is_wrong, "{href}");
        assert!(census.breaks.is_empty(), "{href}");
    }
}

#[test]
fn names_with_odd_characters_are_led_to_as_written_and_as_escaped() {
    for href in ["x#1.json", "./x%231.json", "../c/x#1.json"] {
        let view = with("c/x#1.json", item("x", "c", &[link("related", href)]));
        assert!(breaks(&view).is_empty(), "{href}");
        assert_eq!(view.lead("c/x#1.json", href), Lead::Document("c/x#1.json"), "{href}");
    }
}

#[test]
fn orp_1_counts_what_no_root_reaches_and_orp_2_what_nothing_lists() {
    let mut view = with("d/collection.json", document("Collection", "d", &[link("item", "e.json")]));
    view.insert("d/e.json", Arc::new(DocumentFacts::project(b"not json")));
    let census = view.census();
    assert_eq!(census.orphans.into_iter().collect::<Vec<_>>(), ["d/collection.json", "d/e.json"]);
    assert_eq!(census.unlisted.into_iter().collect::<Vec<_>>(), ["d/collection.json"]);
}

#[test]
fn without_a_root_every_document_is_an_orphan() {
    let view = view(&[
        ("a.json", document("Catalog", "a", &[link("child", "b.json")])),
        ("b.json", document("Catalog", "b", &[link("child", "a.json")])),
    ]);
    let census = view.census();
    assert_eq!((census.orphans.len(), census.unlisted.len()), (2, 0));
}

#[test]
fn a_catalog_stays_a_root_whatever_leads_to_it_but_a_child_link() {
    let census =
        with("c/b.json", item("b", "c", &[link("item", "../catalog.json"), link("root", "../catalog.json")]))
            .census();
    assert_eq!(census.orphans.into_iter().collect::<Vec<_>>(), ["c/b.json"]);
}

#[test]
fn version_links_that_agree_are_no_breaks() {
    let view = with(
        "c/b.json",
        item("b", "c", &[link("successor-version", "b2.json"), link("latest-version", "b2.json")]),
    );
    let mut view = view;
    let newer = item("b2", "c", &[link("predecessor-version", "b.json")]).to_string();
    view.insert("c/b2.json", Arc::new(DocumentFacts::project(newer.as_bytes())));
    assert!(breaks(&view).is_empty());
}

#[test]
fn lnk_5_is_a_version_link_that_the_other_end_does_not_know() {
    for rel in ["predecessor-version", "successor-version"] {
        let view = with("c/b.json", item("b", "c", &[link(rel, "a.json")]));
        assert_eq!(breaks(&view), [format!("LNK-5 c/b.json --{rel}--> c/a.json")]);
    }
}

#[test]
fn lnk_5_is_every_link_of_a_cycle_of_predecessors() {
    let both = |other: &str| [link("predecessor-version", other), link("successor-version", other)];
    let mut documents = sound();
    documents.push(("c/x.json", item("x", "c", &both("y.json"))));
    documents.push(("c/y.json", item("y", "c", &both("x.json"))));
    assert_eq!(
        breaks(&view(&documents)),
        [
            "LNK-5 c/x.json --predecessor-version--> c/y.json",
            "LNK-5 c/y.json --predecessor-version--> c/x.json",
        ]
    );
}

#[test]
fn a_long_chain_of_versions_is_no_cycle_and_no_recursion() {
    let path = |n: usize| format!("v{n}.json");
    let version = |n: usize| {
        let mut links = vec![link("successor-version", &path(n + 1))];
        if n > 0 {
            links.push(link("predecessor-version", &path(n - 1)));
        }
        (path(n), Arc::new(DocumentFacts::project(item("v", "c", &links).to_string().as_bytes())))
    };
    let census = CatalogView::new((0..20_000).map(version)).census();
    assert_eq!(census.breaks.len(), 1, "only the last successor is not there");
}

#[test]
fn lnk_5_is_a_second_latest_version() {
    let view = with(
        "c/b.json",
        item("b", "c", &[link("latest-version", "a.json"), link("latest-version", "collection.json")]),
    );
    assert_eq!(breaks(&view), ["LNK-5 c/b.json --latest-version--> c/collection.json"]);
}

#[test]
fn lnk_5_is_a_deprecated_document_without_a_latest_version_or_with_a_deprecated_one() {
    let deprecated = |id: &str, links: &[Value]| json!({ "type": "Feature", "id": id, "links": links, "properties": { "deprecated": true } });
    assert_eq!(breaks(&with("c/b.json", deprecated("b", &[]))), ["LNK-5 c/b.json --latest-version--> "]);
    let latest = |href: &str| with("c/b.json", deprecated("b", &[link("latest-version", href)]));
    assert!(breaks(&latest("a.json")).is_empty());
    assert_eq!(breaks(&latest("b.json")), ["LNK-5 c/b.json --latest-version--> c/b.json"]);
    assert_eq!(breaks(&latest("lost.json")), ["LNK-2 c/b.json --latest-version--> c/lost.json"]);
}

#[test]
fn ten_thousand_documents_with_as_many_parents_each_are_counted_once_over() {
    // One item that every collection lists and that names every collection: the time would be quadratic if
    // back links were searched for each listing.
    let collection = |n: usize| {
        let document = document("Collection", &n.to_string(), &[link("item", "a.json")]);
        (format!("c{n}.json"), Arc::new(DocumentFacts::project(document.to_string().as_bytes())))
    };
    let parents: Vec<Value> = (0..10_000).map(|n| link("parent", &format!("c{n}.json"))).collect();
    let mut view = CatalogView::new((0..10_000).map(collection));
    view.insert("a.json", Arc::new(DocumentFacts::project(item("a", "0", &parents).to_string().as_bytes())));
    let census = view.census();
    assert_eq!((census.links, census.breaks.len()), (20_000, 10_000));
}
