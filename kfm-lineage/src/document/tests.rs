use proptest::prelude::*;

use super::*;

fn facts(text: &str) -> DocumentFacts {
    DocumentFacts::project(text.as_bytes())
}

#[test]
fn an_item_is_projected_whole() {
    let facts = facts(
        r#"{"type": "Feature", "stac_version": "1.1.0", "id": "scene", "collection": "landsat",
            "stac_extensions": ["https://stac-extensions.github.io/file/v2.1.0/schema.json"],
            "geometry": {"type": "Point", "coordinates": [-98.5, 38.1]}, "bbox": [-98.5, 38.1, -98.5, 38.1],
            "properties": {"datetime": null, "start_datetime": "2025-01-01T00:00:00Z", "title": "A scene",
                "end_datetime": "2025-01-02T00:00:00Z", "version": "v5", "deprecated": true,
                "license": "CC-BY-4.0", "kfm:care_label": "public"},
            "links": [{"rel": "self", "href": "./scene.json"},
                {"rel": "derived_from", "href": "./source.json", "type": "application/geo+json"}],
            "assets": {"red": {"href": "./red.tif", "type": "image/tiff", "roles": ["data"],
                "file:checksum": "1220ab", "file:size": 12, "auth:refs": ["oauth"]}}}"#,
    );
    assert_eq!(facts.kind, DocumentKind::Item);
    assert_eq!(facts.id.as_deref(), Some("scene"));
    assert_eq!(facts.collections(), Some("landsat"));
    assert_eq!(facts.title.as_deref(), Some("A scene"));
    assert_eq!(facts.datetime.as_deref(), Some("2025-01-01T00:00:00Z"));
    assert_eq!(facts.version.as_deref(), Some("v5"));
    assert!(facts.deprecated && facts.has_coordinates);
    assert_eq!(facts.licence, Field::Present("CC-BY-4.0".to_owned()));
    assert_eq!(facts.care, Field::Present("public".to_owned()));
    assert_eq!(
        facts.links_of("derived_from").map(|link| link.href.as_str()).collect::<Vec<_>>(),
        ["./source.json"]
    );
    let [red] = facts.assets.as_slice() else { panic!("one asset") };
    assert_eq!(
        (red.key.as_str(), red.size, red.auth_refs.as_slice()),
        ("red", Some(12), &["oauth".to_owned()][..])
    );
    assert_eq!(facts.shape_faults, []);
}

#[test]
fn a_collection_belongs_to_itself_and_a_catalog_to_nothing() {
    assert_eq!(facts(r#"{"type": "Collection", "id": "a", "collection": "b"}"#).collections(), Some("a"));
    assert_eq!(facts(r#"{"type": "Catalog", "id": "a"}"#).collections(), None);
    assert_eq!(facts(r#"{"type": "Feature", "id": "a"}"#).collections(), None);
}

#[test]
fn what_is_not_a_json_object_has_no_facts_but_its_bytes() {
    let nested = "[".repeat(100_000);
    for text in ["", "\n", "[]", "4", "{\"a\": 1,}", "{\"a\": 1} {\"b\": 2}", "\u{0}", &nested] {
        let facts = facts(text);
        assert_eq!(facts.kind, DocumentKind::NotJson, "{text:.20}");
        assert_eq!(facts.digest, Digest::of_bytes(text.as_bytes()));
        assert_eq!((facts.id, facts.care), (None, Field::Absent));
    }
}

#[test]
fn only_blank_bytes_that_are_not_json_certainly_hold_no_coordinate() {
    assert!(!facts(" \n").has_coordinates);
    assert!(facts("{\"bbox\": [1, 2,]}").has_coordinates);
}

#[test]
fn a_byte_order_mark_does_not_hide_a_document() {
    assert_eq!(facts("\u{feff}{\"type\": \"Catalog\"}").kind, DocumentKind::Catalog);
}

#[test]
fn of_a_key_that_occurs_twice_the_last_counts() {
    assert_eq!(facts(r#"{"id": "first", "id": "last"}"#).id.as_deref(), Some("last"));
}

#[test]
fn members_of_the_wrong_type_are_left_out_or_malformed() {
    let facts = facts(
        r#"{"type": "Feature", "id": 7, "properties": [], "license": null, "kfm:care_tag": ["public"],
            "links": [{"rel": "item"}, {"href": "a.json"}, 4, {"rel": "root", "href": "b.json", "type": 1}],
            "assets": {"a": "a.tif", "b": {"href": 1}, "c": {"href": "c.tif", "file:size": -1}}}"#,
    );
    assert_eq!((facts.id, facts.datetime), (None, None));
    assert_eq!((facts.licence, facts.care), (Field::Malformed, Field::Malformed));
    assert_eq!(facts.links, [LinkFact { rel: "root".into(), href: "b.json".into(), media_type: None }]);
    assert_eq!(facts.assets.len(), 1);
    assert_eq!(facts.assets[0].size, None);
}

#[test]
fn care_labels_that_disagree_are_malformed_and_those_that_agree_are_one() {
    let twice = |a: &str, b: &str| {
        facts(&format!(r#"{{"kfm:careLabel": "{a}", "properties": {{"kfm:care_label": "{b}"}}}}"#)).care
    };
    assert_eq!(twice("public", "public"), Field::Present("public".to_owned()));
    assert_eq!(twice("public", "restricted"), Field::Malformed);
}

#[test]
fn coordinates_are_found_wherever_they_stand() {
    for text in [
        r#"{"geometry": {"type": "Point", "coordinates": [1, 2]}}"#,
        r#"{"geometry": "POINT (1 2)"}"#,
        r#"{"bbox": ["-98.5"]}"#,
        r#"{"extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}}}"#,
        r#"{"properties": {"proj:centroid": {"lat": 34.5}}}"#,
        r#"{"assets": {"data": {"proj:transform": [30, 0, 224985, 0, -30, 6790215]}}}"#,
        r#"{"properties": {"sites": [{"name": "a", "longitude": -98.5}]}}"#,
    ] {
        assert!(facts(text).has_coordinates, "{text}");
    }
}

#[test]
fn a_document_without_coordinates_has_none() {
    for text in [
        "{}",
        r#"{"geometry": null, "bbox": [], "properties": {"gsd": 30, "proj:epsg": 4326}}"#,
        r#"{"geometry": {"type": "Point", "coordinates": []}, "extent": {"temporal": {"interval": [[null]]}}}"#,
    ] {
        assert!(!facts(text).has_coordinates, "{text}");
    }
}

#[test]
fn the_shape_of_each_kind_is_checked_and_of_other_kinds_not() {
    let pointers = |text: &str| {
        facts(text).shape_faults.iter().map(|fault| (fault.pointer, fault.fault)).collect::<Vec<_>>()
    };
    assert_eq!(
        pointers(r#"{"type": "Catalog", "id": "a", "stac_version": 1, "links": []}"#),
        [("/description", Fault::Missing), ("/stac_version", Fault::WrongType)]
    );
    assert_eq!(
        pointers(
            r#"{"type": "Feature", "id": "a", "stac_version": "1.0.0", "geometry": {}, "assets": {},
                "properties": {"datetime": null}, "links": [{"rel": "collection", "href": "c.json"}]}"#
        ),
        [
            ("/bbox", Fault::Missing),
            ("/collection", Fault::Missing),
            ("/properties/end_datetime", Fault::Missing),
            ("/properties/start_datetime", Fault::Missing)
        ]
    );
    assert_eq!(pointers(r#"{"type": "Collection", "extent": {"spatial": {"bbox": 1}}}"#).len(), 7);
    assert_eq!(pointers(r#"{"type": "FeatureCollection"}"#), []);
}

#[test]
fn a_link_for_people_leads_to_no_json() {
    let link = |media_type: Option<&str>| {
        LinkFact { rel: "item".into(), href: "a".into(), media_type: media_type.map(str::to_owned) }
            .leads_to_json()
    };
    assert!(link(None) && link(Some("application/json")) && link(Some("Application/geo+JSON; profile=x")));
    assert!(!link(Some("text/html")) && !link(Some("image/tiff")));
}

/// Any JSON, so that every branch of the projector meets every type.
fn any_json() -> impl Strategy<Value = Value> {
    let keys = [
        "type",
        "id",
        "links",
        "assets",
        "properties",
        "license",
        "rel",
        "href",
        "geometry",
        "extent",
        "datetime",
        "kfm:care_label",
        "collection",
        "spatial",
        "auth:refs",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec!["Feature", "Collection", "Catalog", "collection", "a.json", ""])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(keys.to_vec()), inner), 0..8).prop_map(|members| {
                members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_projected(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let facts = DocumentFacts::project(&bytes);
        prop_assert_eq!(facts.bytes, bytes.len() as u64);
        prop_assert!(facts.digest.matches(&bytes));
    }

    #[test]
    fn any_json_is_projected(value in any_json()) {
        let facts = DocumentFacts::project(value.to_string().as_bytes());
        prop_assert_eq!(facts.kind == DocumentKind::NotJson, !value.is_object());
    }

    #[test]
    fn a_document_that_is_cut_off_is_not_json(value in any_json(), cut in any::<prop::sample::Index>()) {
        let text = serde_json::json!({ "properties": value }).to_string();
        let end = cut.index(text.len());
        let facts = DocumentFacts::project(&text.as_bytes()[..end]);
        prop_assert_eq!(facts.kind, DocumentKind::NotJson);
    }
}
