//! Protection follows a reference in every spelling that some reader follows (RFC 3986, section 6).
#![allow(missing_docs, reason = "tests")]

use std::sync::Arc;

use kfm_lineage::DocumentFacts;
use kfm_lineage::integrity::CatalogView;

const SELF: &str = "https://example.org/stac/burial/collection.json";

fn view() -> CatalogView {
    let at = |path: &str, text: String| (path.to_owned(), Arc::new(DocumentFacts::project(text.as_bytes())));
    let link =
        format!(r#"{{"type": "Collection", "id": "b", "links": [{{"rel": "self", "href": "{SELF}"}}]}}"#);
    CatalogView::new([at("burial/collection.json", link), at("open/collection.json", "{}".to_owned())])
}

fn leads(href: &str) -> bool {
    view().may_lead("items/a.json", href).contains("burial/collection.json")
}

#[test]
fn an_address_is_compared_with_a_self_in_one_spelling() {
    for href in [
        SELF,
        "HTTPS://Example.ORG/stac/burial/collection.json",
        "https://example.org:443/stac/burial/collection.json",
        "https://example.org./stac/burial/collection.json",
        "https://a@example.org/stac/burial/collection.json",
        "https://example.org/stac/b%75rial/collection%2ejson",
        "https://example.org/stac/./x/../burial/collection.json",
        "https://example.org//stac//burial/collection.json",
        "https://example.org/stac/burial/collection.json?a=b#c",
        "https://example.org/stac/bur\tial/coll\nection.json",
        " https:\\\\example.org\\stac/burial/collection.json ",
    ] {
        assert!(leads(href), "{href}");
    }
    for href in [
        "https://example.com/stac/burial/collection.json",
        "https://example.org:8443/stac/burial/collection.json",
        "https://example.org/stac/open/collection.json",
        "https://example.org/stac/Burial/collection.json",
        "https://example.org/?to=/stac/burial/collection.json",
    ] {
        assert!(!leads(href), "{href}");
    }
}

#[test]
fn a_relative_reference_is_followed_in_every_spelling() {
    for href in [
        "../burial/collection.json",
        "..//burial//collection.json",
        "../bur\nial/collection.json",
        "..\\burial\\collection.json",
        "../burial/",
        "../burial",
        "../burial/.",
        "file:../burial/collection.json",
        "file:///burial/collection.json",
        "kfm-stac://catalog/burial/collection.json",
        "KFM-STAC://catalog/b%75rial/collection.json",
        "../../burial/collection.json",
        "/../burial/collection.json?v=1",
        "../burial/collection.json/",
    ] {
        assert!(leads(href), "{href}");
    }
    for href in [
        "../open/collection.json",
        "burial/collection.json",
        "../burial/a.json",
        "../burials/",
        "../",
        "",
        "#x",
    ] {
        assert!(!leads(href), "{href}");
    }
}

#[test]
fn a_document_that_is_gone_has_no_address() {
    let mut view = view();
    view.remove("burial/collection.json");
    assert!(view.may_lead("items/a.json", "https://example.org/stac//burial/collection.json").is_empty());
}
