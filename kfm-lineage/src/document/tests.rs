use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn facts(text: &str) -> DocumentFacts {
    DocumentFacts::project(text.as_bytes())
}

fn labels(words: &[&str]) -> Field<Vec<String>> {
    Field::Present(words.iter().map(|word| (*word).to_owned()).collect())
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
    assert_eq!(facts.care, labels(&["public"]));
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
fn what_is_not_a_json_object_is_not_json() {
    let nested = "[".repeat(100_000);
    for text in ["", "\n", "[]", "4", "{\"a\": 1,}", "{\"a\": 1} {\"b\": 2}", "\u{0}", &nested] {
        let facts = facts(text);
        assert_eq!(facts.kind, DocumentKind::NotJson, "{text:.20}");
        assert_eq!(facts.digest, Digest::of_bytes(text.as_bytes()));
        assert_eq!((facts.id, facts.care), (None, Field::Absent), "{text:.20}");
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
fn of_a_member_that_occurs_twice_the_last_is_shown_and_all_count() {
    let facts = facts(
        r#"{"id": "first", "id": "last", "collection": "a", "collection": "b", "properties": {"collection": ["c"]},
            "geometry": {"type": "Point", "coordinates": [1, 2]}, "geometry": null,
            "kfm:care_label": "restricted", "kfm:care_label": "public",
            "links": [{"rel": "derived_from", "href": "a.json"}], "links": [{"rel": "item", "href": "b.json"}]}"#,
    );
    assert_eq!((facts.id.as_deref(), facts.collection.as_deref()), (Some("last"), Some("b")));
    assert_eq!(facts.ids().collect::<Vec<_>>(), ["last", "first"]);
    assert_eq!(facts.stated_collections().collect::<Vec<_>>(), ["b", "a", "c"]);
    assert_eq!(facts.care, labels(&["public", "restricted"]));
    assert!(facts.has_coordinates);
    let related: Vec<_> = facts.related().collect();
    assert_eq!(related, [(Relation::DerivedFrom, "a.json"), (Relation::Item, "b.json")]);
}

#[test]
fn a_document_of_two_types_has_no_label_that_can_be_read() {
    let twice = |a: &str, b: &str| facts(&format!(r#"{{"type": "{a}", "type": "{b}"}}"#)).care;
    assert_eq!(twice("Feature", "Collection"), Field::Malformed);
    assert_eq!(twice("Feature", "Feature"), Field::Absent);
}

#[test]
fn numbers_of_any_size_lone_surrogates_and_raw_control_characters_are_read() {
    for member in [
        r#""gsd": 1e999"#,
        r#""gsd": [NaN, Infinity, -Infinity]"#,
        r#""gsd": 123456789012345678901234567890.5e-400"#,
        r#""title": "\ud800""#,
        r#""title": "\udc00\ud800x""#,
        "\"title\": \"a\tb\nc\u{1}\"",
    ] {
        let facts = facts(&format!(r#"{{"type": "Feature", {member}, "id": "a"}}"#));
        assert_eq!((facts.kind, facts.id.as_deref()), (DocumentKind::Item, Some("a")), "{member}");
    }
}

#[test]
fn a_thousand_levels_are_json_and_what_goes_deeper_is_read_by_its_tokens() {
    let nested = |levels| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        facts(&format!(r#"{{"id": "a", "deep": {open}{close}, "kfm:care_label": "restricted"}}"#))
    };
    let (level, deeper) = (nested(999), nested(1000));
    assert_eq!((level.kind, level.id.as_deref()), (DocumentKind::Other, Some("a")));
    assert_eq!((deeper.kind, deeper.id.as_deref()), (DocumentKind::NotJson, None));
    assert_eq!(deeper.ids().collect::<Vec<_>>(), ["a"]);
    assert_eq!((level.care, deeper.care), (labels(&["restricted"]), labels(&["restricted"])));
}

#[test]
fn a_document_is_read_in_every_encoding_that_json_readers_guess() {
    let text = r#"{"type": "Catalog", "id": "p\u00e9 \ud83c\udf3e é🌾"}"#;
    let id = "pé 🌾 é🌾";
    let wide = |units: Vec<[u8; 4]>| units.concat();
    let utf16 = |swap: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(swap).collect::<Vec<u8>>();
    let marked = |mark: &[u8], text: &[u8]| [mark, text].concat();
    let (le, be) = (utf16(u16::to_le_bytes), utf16(u16::to_be_bytes));
    let le32 = wide(text.chars().map(|c| u32::from(c).to_le_bytes()).collect());
    let be32 = wide(text.chars().map(|c| u32::from(c).to_be_bytes()).collect());
    for bytes in [
        text.as_bytes().to_vec(),
        marked(b"\xef\xbb\xbf", text.as_bytes()),
        marked(b"\xff\xfe", &le),
        marked(b"\xfe\xff", &be),
        marked(b"\xff\xfe\0\0", &le32),
        marked(b"\0\0\xfe\xff", &be32),
        le,
        be,
        le32,
        be32,
        text.replace('🌾', "#")
            .bytes()
            .flat_map(|byte| match byte {
                b'#' => b"\xed\xa0\xbc\xed\xbc\xbe".to_vec(),
                byte => vec![byte],
            })
            .collect(),
    ] {
        let facts = DocumentFacts::project(&bytes);
        assert_eq!((facts.kind, facts.id.as_deref()), (DocumentKind::Catalog, Some(id)), "{bytes:x?}");
    }
}

#[test]
fn text_that_is_not_valid_is_read_by_its_tokens() {
    let item = r#""type": "Feature", "id": "site-42", "collection": "burial", "kfm:care_label": "restricted",
        "links": [{"rel": "derived_from", "href": "a.json"}]"#;
    for text in [
        format!("{{{item},}}"),
        format!("{{{item}"),
        format!("{{{item}}} {{\"type\": \"Catalog\"}}"),
        format!("{{\"type\": \"Catalog\"}}\n{{{item}}}"),
        format!("{{{}}}", item.replace("\",", "\"")),
        format!("{{{}}}", item.replace("\": ", "\" ")),
        format!("{{{}}}", item.replace('"', "'")),
        format!("// as it was\n{{ /* here */ {item} }}"),
        format!("{{\"title\": \"the \"old\" place\", {item}}}"),
        format!("{{\"path\": \"C:\\\", {item}}}"),
        format!("{{\"title\": \"no end,\n {item}}}"),
        format!("{{\"title\": \"no \\escape\", {item}}}"),
        format!("[{{{item}}}]"),
        format!("{{\"a\": [1, 2}}, {item}}}"),
        format!("{{\"gsd\": 01, {item}}}"),
    ] {
        let facts = facts(&text);
        assert_eq!((facts.kind, facts.id.as_deref()), (DocumentKind::NotJson, None), "{text}");
        assert!(facts.ids().any(|id| id == "site-42"), "{text}");
        assert!(facts.stated_collections().any(|collection| collection == "burial"), "{text}");
        let Field::Present(labels) = &facts.care else { panic!("{text}: {:?}", facts.care) };
        assert!(labels.iter().any(|label| label == "restricted"), "{text}");
        assert!(facts.related().any(|tie| tie == (Relation::DerivedFrom, "a.json")), "{text}");
        assert!(facts.has_coordinates && facts.links.is_empty());
    }
}

#[test]
fn half_a_name_is_a_name_and_a_quote_too_few_costs_one_text() {
    let ids = |text: &str| facts(text).other_ids.to_vec();
    assert_eq!(ids(r#"{"id": "site-4"#), ["site-4"]);
    let ids_of_two = ids("{\"id\": \"site-42,\n \"title\": \"x\"}");
    assert!(ids_of_two.contains(&"site-42".to_owned()), "{ids_of_two:?}");
    assert_eq!(ids(r#"{id: site-42, title: x}"#), ["site-42"]);
}

#[test]
fn what_has_no_tokens_states_nothing() {
    for text in [
        "{",
        "[",
        "x",
        "\"id\"",
        "<html><a href=\"id\">collection: a</a></html>",
        "PK\u{3}\u{4}id: a",
        "The id: a. \"kfm:care_label\" is a name, and so is 'license'.",
        "She said \"kfm:care_label\", id: a",
        "---\nid: a\nkfm:care_label: restricted\n",
        "4",
        "\"a \\\"quoted\\\" text\"",
    ] {
        let facts = facts(text);
        assert_eq!((facts.ids().count(), facts.stated_collections().count()), (0, 0), "{text}");
        assert_eq!(
            (facts.care, facts.licence, facts.ties.len()),
            (Field::Absent, Field::Absent, 0),
            "{text}"
        );
    }
}

#[test]
fn what_stands_before_a_document_hides_none_of_its_statements() {
    let item = r#"{"type": "Feature", "id": "site-42", "collection": "burial", "kfm:care_label": "restricted",
        "links": [{"rel": "derived_from", "href": "a.json"}], "license": "CC-BY-NC-4.0"}"#;
    let quoted = serde_json::to_string(item).unwrap();
    let before = |before: &str| [before.as_bytes(), item.as_bytes()].concat();
    let mut texts: Vec<Vec<u8>> = [
        ",",
        "null",
        "1 ",
        "\"\" ",
        ")]}',",
        ")]}'\n",
        "callback(",
        "\0",
        "\0\0",
        "\0\0\0",
        ":",
        ";",
        "(",
        "---\n",
        "while(1);",
        "for(;;);",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n\r\n",
        "ï»¿",
        "hello ",
        "<pre>",
        "</",
        "x\0",
        "var a = ",
        "'",
        "“",
        "1\0\0\0",
        "# a comment\n{}",
    ]
    .map(before)
    .into();
    texts.push([b"\xff\xfe", item.as_bytes()].concat());
    texts.push([b"\xfe\xff", item.as_bytes()].concat());
    texts.push(quoted.clone().into_bytes());
    texts.push(format!("{quoted},").into_bytes());
    texts.push(format!("x {quoted}").into_bytes());
    texts.push(format!("[{quoted}]").into_bytes());
    texts.push(serde_json::to_string(&quoted).unwrap().into_bytes());
    texts.push(format!("# {}", item.replace('\n', " ")).into_bytes());
    texts.push(format!("<html><script>{item}</script></html>").into_bytes());
    texts.push(format!("PK\u{3}\u{4}{item}PK\u{1}").into_bytes());
    for bytes in texts {
        let facts = DocumentFacts::project(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(facts.kind, DocumentKind::NotJson, "{text}");
        // A label that cannot be read denies.
        let labels =
            facts.care.present().is_some_and(|labels| labels.iter().any(|label| label == "restricted"));
        assert!(labels || facts.care == Field::Malformed, "{text}: {:?}", facts.care);
        assert!(facts.stated_collections().any(|collection| collection == "burial"), "{text}");
        assert!(facts.ids().any(|id| id == "site-42"), "{text}");
        assert!(facts.related().any(|tie| tie == (Relation::DerivedFrom, "a.json")), "{text}");
        assert!(facts.licences.iter().any(|licence| licence == "CC-BY-NC-4.0"), "{text}");
        assert!(facts.has_coordinates && facts.links.is_empty(), "{text}");
    }
}

#[test]
fn where_a_document_begins_among_other_text_it_cannot_be_told_whose_it_is() {
    assert!(facts(r#"hello {"id": "a"}"#).has_unread_names);
    assert!(!facts(r#"{"id": "a",}"#).has_unread_names);
    assert!(!facts(r#"[{"id": "a", "title": "the \"old\" one"}]"#).has_unread_names);
}

#[test]
fn a_digest_is_found_wherever_it_stands() {
    let digest = Digest::of_bytes(b"the asset");
    let hex = digest.hex();
    for text in [
        r#"{"assets": {"a": {"href": "a.tif", "file:checksum": "1220HEX"}}}"#,
        r#"{"assets": {"a": {"href": "a.tif", "file:checksum": "1220HEX",}}}"#,
        r#"{"assets": {"a": {"file:checksum": "1220HEX", "file:checksum": "1220"}}}"#,
        r#"{"assets": {"a": {"file:checksum": "1220HEX"}}, "assets": {}}"#,
        r#"{"assets": {"a": {"href": "a.tif", "alternate": {"s3": {"file:checksum": "1220HEX"}}}}}"#,
        r#"{"assets": {"a": {"href": 1, "File:Checksum": " 1220HEX"}}}"#,
        r#"{"assets": {"a": {"href": "a.tif", "checksum:multihash": "1220HEX"}}}"#,
        r#"{"assets": {"a": {"href": "a.tif", "checksum": "sha256:HEX"}}}"#,
        r#"{"assets": {"a": {"href": "a.tif", "sha256": "\u0020HEX"}}}"#,
        r#"{"assets": {"a": {"href": "a.tif", "hash": {"HEX": true}}}}"#,
        r#"{"item_assets": {"a": {"file:checksum": "1220HEX"}}}"#,
        r#"{"properties": {"processing:source": ["x", "f1220HEX"]}}"#,
        r#"{"links": [{"rel": "via", "href": "a.tif?sha256=HEX"}]}"#,
        r#"{"assets": {"a": {"file:checksum": 1220HEX"#,
        "the asset sha256:HEX was here",
        "<html>HEX</html>",
    ] {
        let text = text.replace("HEX", &hex);
        assert!(facts(&text).digests.contains(&digest), "{text}");
    }
    assert!(!facts(&format!(r#"{{"a": "{}"}}"#, &hex[1..])).digests.contains(&digest));
}

#[test]
fn every_reference_of_an_asset_counts_by_whichever_statement() {
    let reference = |place: &str, href: &str, has_auth| AssetReference {
        asset: Some("a".to_owned()),
        place: place.to_owned(),
        href: href.to_owned(),
        has_auth,
    };
    let (guarded, open) = (reference("", "x", true), reference("", "y", false));
    for text in [
        r#"{"assets": {"a": {"href": "x", "auth:refs": ["oauth"]}, "a": {"href": "y"}}}"#,
        r#"{"assets": {"a": {"href": "x", "auth:refs": ["oauth"]}}, "assets": {"a": {"href": "y"}}}"#,
        r#"{"assets": {"a": {"href": "x", "auth:refs": ["oauth"],}}, "assets": {"a": {"href": "y"}}}"#,
        r#"{"Assets": [{"a": {"HREF": "y", "auth:refs": []}, "a": {"href": "x", "auth:refs": ["oauth"]}}]}"#,
        r#"callback({"assets": {"a": {"href": "x", "auth:refs": ["oauth"]}, "a": {"href": "y"}}})"#,
    ] {
        let references = facts(text).references;
        assert!(references.contains(&guarded) && references.contains(&open), "{text}: {references:?}");
    }
    let twice =
        facts(r#"{"assets": {"a": {"href": "x", "href": "y", "auth:refs": ["o"], "auth:refs": []}}}"#);
    assert_eq!(*twice.references, [reference("", "x", false), open.clone()]);
    let beside =
        r#"{"assets": {"a": {"href": "x", "auth:refs": ["o"], "alternate": {"s3": {"href": "y"}}}}}"#;
    assert_eq!(*facts(beside).references, [guarded, reference("alternate/s3", "y", false)]);
    let unknown = facts(r#"{"links": [{"rel": "item", "href": "i"}], "a": "href": "y"},"#).references;
    assert_eq!(*unknown, [AssetReference { asset: None, ..open }]);
    assert_eq!(facts(r#"{"links": [{"rel": "item", "href": "i"}], "href": "y"}"#).references.len(), 0);
}

#[test]
fn every_licence_that_a_reader_may_see_is_listed() {
    for text in [
        r#"{"license": "A", "license": "B"}"#,
        r#"{"license": "A", "properties": {"license": "B"}}"#,
        r#"{"properties": {"license": "A"}, "properties": {"License": "B"}}"#,
        r#"{"license": ["B", "A"]}"#,
        r#"{"license": "A", "license": "B",}"#,
    ] {
        assert_eq!(*facts(text).licences, ["A", "B"], "{text}");
    }
    assert_eq!(facts(r#"{"license": null, "assets": {"license": "A"}}"#).licences.len(), 0);
}

#[test]
fn no_shape_of_a_document_costs_more_than_its_size() {
    let many = |text: &str| text.repeat(200_000);
    for text in [
        format!("{{\"assets\":{{\"a\":{{{}", many("\"href\":\"\",")),
        format!("{{\"assets\":{{\"{}\":{{\"x\":[{}", many("long"), many("{\"href\":\"\"},")),
        format!("{{\"assets\":{{\"a\":{}", many("{\"href\":[")),
        format!("{{\"links\":{{{}", many("\"item\":{\"links\":{")),
        format!("\"{}", many("\\\"")),
        format!("x{}", many("\"a\":\"b\",")),
        many("["),
        many("{\"a\":"),
        format!("{{{}", many("]")),
        format!("{}{}", "{".repeat(900), many("]")),
        format!("[{}", many("\\'")),
        format!("[{}", many("'a")),
        format!("[{}", many("\"a")),
        format!("{{\"geometry\":{}", many("{\"geometry\":")),
        format!(
            "{{\"links\":[{{\"rel\":[{}\"item\"],\"href\":[{}\"\"]}}]}}",
            many("\"item\","),
            many("\"a\",")
        ),
        format!("{{\"kfm\":{}", many("{\"kfm\":[")),
        format!("{{\"derived_from\":{}", many("{\"derived_from\":")),
    ] {
        let facts = facts(&text);
        assert_eq!(facts.bytes, text.len() as u64);
    }
}

#[test]
fn names_of_an_item_are_read_where_they_may_stand() {
    let names = |text: &str| {
        let facts = facts(text);
        let owned = |names: &mut dyn Iterator<Item = &str>| names.map(str::to_owned).collect::<Vec<_>>();
        (owned(&mut facts.ids()), owned(&mut facts.stated_collections()))
    };
    let none: [&str; 0] = [];
    let (ids, collections) = names(
        r#"{"type": "FeatureCollection", "features": [{"id": "plain", "geometry": null},
            {"id": "site-42", "assets": {}, "collection": "burial", "properties": {"id": "not one"}}]}"#,
    );
    let both = vec!["plain".to_owned(), "site-42".to_owned()];
    assert_eq!((ids, collections), (both, vec!["burial".to_owned()]));
    let (ids, collections) = names(r#"{"type": "feature", "id": 7, "Collection": "burial"}"#);
    assert_eq!((ids, collections), (vec!["7".to_owned()], vec!["burial".to_owned()]));
    let (ids, collections) = names(r#"{"id": null, "collection": [" "], "providers": [{"id": "x"}]}"#);
    assert_eq!((ids, collections), (none.map(str::to_owned).to_vec(), none.map(str::to_owned).to_vec()));
}

#[test]
fn labels_are_read_however_their_key_is_spelt_and_wherever_it_stands() {
    for text in [
        r#"{"kfm:Care_Label": "restricted"}"#,
        r#"{"KFM:care_label": "restricted"}"#,
        r#"{"kfm:care_label ": "restricted"}"#,
        r#"{"kfm:care-tag": "restricted"}"#,
        r#"{"kfm : care\u00a0label": "restricted"}"#,
        r#"{"kfm": {"care_label": "restricted"}}"#,
        r#"{"properties": {"governance": {"kfm:care_label": "restricted"}}}"#,
        r#"{"summaries": {"kfm:care_label": ["restricted"]}}"#,
        r#"{"features": [{"properties": {"kfm:careTag": "restricted"}}]}"#,
        r#"{"assets": {"a": {"kfm:care_tag": "restricted"}}}"#,
    ] {
        assert_eq!(facts(text).care, labels(&["restricted"]), "{text}");
    }
    for text in
        [r#"{"care_label": "restricted"}"#, r#"{"kfm:note": "restricted"}"#, r#"{"kfm": {"label": "a"}}"#]
    {
        assert_eq!(facts(text).care, Field::Absent, "{text}");
    }
    for text in [
        r#"{"kfm:care_label": ["public"]}"#,
        r#"{"summaries": {"kfm:care_label": [1]}}"#,
        r#"{"kfm:care_tag": null}"#,
    ] {
        assert_eq!(facts(text).care, Field::Malformed, "{text}");
    }
}

#[test]
fn ties_are_read_however_they_are_spelt() {
    let related = |text: &str| {
        facts(text).related().map(|(relation, target)| (relation, target.to_owned())).collect::<BTreeSet<_>>()
    };
    for text in [
        r#"{"links": [{"rel": "Derived_From", "href": "a.json"}]}"#,
        r#"{"links": [{"rel": "derived-from", "href": "a.json"}]}"#,
        r#"{"links": [{"rel": ["via", "derived_from"], "href": "a.json"}]}"#,
        r#"{"links": [{"rel": "related derived_from", "href": "a.json"}]}"#,
        r#"{"links": [{"rel": "via", "rel": "derived_from", "href": "a.json"}]}"#,
        r#"{"links": [{"Rel": "derived_from", "HREF": "a.json"}]}"#,
        r#"{"links": {"rel": "derived_from", "href": "a.json"}}"#,
        r#"{"properties": {"links": [{"rel": "derived_from", "href": "a.json"}]}}"#,
        r#"{"properties": {"derived_from": ["a.json"]}}"#,
        r#"{"assets": {"derived_from": {"href": "a.json"}}}"#,
        r#"{"assets": {"source": {"href": "a.json", "roles": ["derived_from"]}}}"#,
        r#"{"links": {"derived_from": "a.json"}}"#,
        r#"{"links": {"via": "b.json", "derived_from": ["a.json"]}}"#,
        r#"{"_links": {"derived_from": {"href": "a.json"}}}"#,
        r#"{"_links": {"derived-from": [{"href": "a.json"}]}}"#,
        r#"{"links": [{"rel": "https://example.org/rels/derived_from", "href": "a.json"}]}"#,
    ] {
        assert_eq!(related(text), BTreeSet::from([(Relation::DerivedFrom, "a.json".to_owned())]), "{text}");
    }
    for (text, relation) in [
        (r#"{"links": [{"rel": "up", "href": "a.json"}]}"#, Relation::Parent),
        (
            r#"{"links": [{"rel": "http://www.iana.org/assignments/relation/up", "href": "a.json"}]}"#,
            Relation::Parent,
        ),
        (
            r#"{"links": [{"rel": "http://www.iana.org/assignments/relation/collection", "href": "a.json"}]}"#,
            Relation::Collection,
        ),
        (r#"{"links": {"parent": "a.json"}}"#, Relation::Parent),
        (r#"{"_links": {"up": {"href": "a.json", "title": "b"}, "next": {"href": "c"}}}"#, Relation::Parent),
    ] {
        assert_eq!(related(text), BTreeSet::from([(relation, "a.json".to_owned())]), "{text}");
    }
    // The document was not made from documents beside it or before it.
    for rel in [
        "via",
        "source",
        "canonical",
        "predecessor-version",
        "derivative",
        "root",
        "self",
        "items",
        "http://www.iana.org/assignments/relation/self",
        "https://up/via",
    ] {
        assert_eq!(
            related(&format!(r#"{{"links": [{{"rel": "{rel}", "href": "a.json"}}]}}"#)),
            BTreeSet::new(),
            "{rel}"
        );
    }
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
fn care_labels_in_two_places_all_count_and_those_that_agree_are_one() {
    let twice = |a: &str, b: &str| {
        facts(&format!(r#"{{"kfm:careLabel": "{a}", "properties": {{"kfm:care_label": "{b}"}}}}"#)).care
    };
    assert_eq!(twice("public", "public"), labels(&["public"]));
    assert_eq!(twice("restricted", "public"), labels(&["public", "restricted"]));
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

/// Any JSON, so that every branch of the projector gets every type.
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
