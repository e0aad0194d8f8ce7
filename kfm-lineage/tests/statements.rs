//! What stands between a name and its value in text that is not valid JSON (`docs/states.md` section 5, *Reading*).

#![allow(missing_docs, reason = "tests")]

use kfm_lineage::{DocumentFacts, Field};

fn facts(text: &str) -> DocumentFacts {
    DocumentFacts::project(text.as_bytes())
}

fn names(facts: &DocumentFacts) -> (Vec<&str>, Vec<&str>) {
    (facts.ids().collect(), facts.stated_collections().collect())
}

/// Ways to write `NAME: VALUE` that some reader takes.
const WAYS: [&str; 45] = [
    r#""NAME": /* was 41 */ "VALUE""#,
    r#""NAME" /*x*/: "VALUE""#,
    r#""NAME"/* } ] , x: "y */:/* "old" */"VALUE""#,
    "\"NAME\": // c, don't\n \"VALUE\"",
    "\"NAME\" // c: \"d\"\r : # {\r\"VALUE\"",
    "\"NAME\": # c\n \"VALUE\"",
    "\"NAME\": <!-- c --> \"VALUE\"",
    "\"NAME\"\u{a0}:\u{a0}\"VALUE\"",
    "\"NAME\"\u{feff}:\u{feff}\"VALUE\"",
    "\"NAME\"\u{2028}:\u{2029}\"VALUE\"",
    "\"NAME\"\u{200b}:\u{c}\u{b}\"VALUE\"",
    "NAME\u{a0}:\u{a0}VALUE\u{a0}",
    "\"NAME\"\u{fffd}: \"VALUE\"",
    "'NAME':/**/'VALUE'",
    "NAME /* a */ : /* b */ VALUE",
    r#""NAME": """VALUE""""#,
    r#""NAME": u"VALUE""#,
    r#"u"NAME": u"VALUE""#,
    "u'NAME': b'VALUE'",
    r#""NAME": b"VALUE""#,
    r#""NAME": rb"VALUE""#,
    r#""NAME": @"VALUE""#,
    r#""NAME": String("VALUE")"#,
    r#""NAME": Array ["VALUE"]"#,
    r#""NAME" = "VALUE""#,
    r#""NAME" => "VALUE""#,
    r#""NAME" := "VALUE""#,
    r#""NAME" "VALUE""#,
    r#""NAME" /* a, b */ "VALUE""#,
    r#""NAME" u"VALUE""#,
    r#""NAME": !!str "VALUE""#,
    r#""NAME": !<tag:yaml.org,2002:str> "VALUE""#,
    r#"!!str "NAME": !x &a "VALUE""#,
    r#""NAME": + "VALUE""#,
    "\"NAME\":\n<<<<<<< HEAD\n \"x\",\n=======\n \"VALUE\",\n>>>>>>> b\n",
    "\"NAME\":\n<<<<<<< HEAD\n \"VALUE\",\n=======\n \"x\",\n>>>>>>> b\n",
    "\"NAME\": <<<<<<< HEAD\n \"VALUE\"",
    "\"NAME\":\n<<<<<<< HEAD\n \"x\",\n||||||| a\n \"VALUE\",\n=======\n \"y\",\n>>>>>>> b\n",
    "“NAME”: “VALUE”",
    "\"x\": \"y\"z, \"NAME\": \"VALUE\"",
    r#""title": "an "old" one", "NAME": "VALUE""#,
    r#""u": http://x.org/a?b, "NAME": "VALUE""#,
    r#""u": "a" /* "NAME": "VALUE" */"#,
    "# \"NAME\": \"VALUE\"\n",
    r#""NAME": "VALUE" "x": "y""#,
];

#[test]
fn what_stands_between_a_name_and_its_value_does_not_part_them() {
    for way in WAYS {
        let of = |name: &str, value: &str| way.replace("NAME", name).replace("VALUE", value);
        let (id, collection) = (of("id", "site-42"), of("collection", "burial"));
        for text in [
            format!("{{{id}, {collection}, \"a\": [1,]}}"),
            format!("{{\"a\": {{{collection}\n}}, {id}\n, \"a\": 01}}"),
            format!("{{{id}\n, {collection}"),
            format!("<!-- a -->{{{collection}\n, {id}"),
        ] {
            let facts = facts(&text);
            let (ids, collections) = names(&facts);
            assert!(
                ids.contains(&"site-42") && collections.contains(&"burial"),
                "{text}: {ids:?} {collections:?}"
            );
        }
        let label = facts(&format!("{{{}\n, \"a\": [1,]}}", of("kfm:care_label", "restricted")));
        let labels = label.care.present().is_some_and(|labels| labels.contains(&"restricted".to_owned()));
        assert!(labels || label.care == Field::Malformed, "{way}: {:?}", label.care);
    }
}

#[test]
fn a_value_in_pieces_is_stated_as_a_whole() {
    for value in [
        r#""bur" "ial""#,
        r#""bur"+"ial""#,
        r#""bur" + 'ial'"#,
        r#""bur" /* "x" */ "ial""#,
        r#""b"u"ur"."ial""#,
        "\"bur\\\nial\"",
        "\"bur\\\r\nial\"",
    ] {
        for text in [
            format!("{{\"id\": \"x\", \"collection\": {value}, \"a\": \"b\"}}"),
            format!("{{\"id\": \"x\", \"collection\": {value}"),
        ] {
            let facts = facts(&text);
            assert!(names(&facts).1.contains(&"burial"), "{text}: {:?}", names(&facts));
        }
    }
    assert!(names(&facts("{id: burial ground, a: 1}")).0.contains(&"burial ground"));
}

#[test]
fn a_name_without_a_value_is_unread() {
    for text in [
        r#"{"id": "x", "id": , "a": 1}"#,
        r#"{"id": "x", "collection": }"#,
        r#"{"id": "x", "collection":"#,
        r#"{"id": "x", "collection": /* "burial" */"#,
        r#"{"id": "x", "collection": ~, }"#,
        r#"{"id": "x", "collection": {}, }"#,
        r#"{"id": urn:x:y, "a": 1}"#,
    ] {
        assert!(facts(text).has_unread_names, "{text}");
    }
    for text in [
        r#"{"id": "x", "collection": null,}"#,
        r#"{"id": "x", "rel": "collection", "title": "id",}"#,
        r#"{"id": "x", "keywords": ["collection", "id"],}"#,
        r#"{"id": "x", "title": "collection: , id: ","#,
        "{\"id\": \"x\", // the collection: see below\n \"a\": 1",
        r#"{"id": "x", "collection": "a" "title": "b","#,
        r#"{"id": "x", "collection": []}"#,
    ] {
        assert!(!facts(text).has_unread_names, "{text}");
    }
    assert_eq!(facts(r#"{"id": "x", "kfm:care_label":"#).care, Field::Malformed);
}

#[test]
fn a_comment_inside_a_text_and_a_title_that_mentions_an_id_state_nothing() {
    for text in [
        r#"{"id": "x", "title": "/* \"id\": */ site-42", "collection": "c", "a": [1,]}"#,
        r#"{"id": "x", "title": "id: site-42", "collection": "c", "a": [1,]}"#,
        "{\"id\": \"x\", \"title\": \"# id\", \"description\": \"site-42\", \"collection\": \"c\",",
        r#"{"title": "site-42" "id": "x" "collection": "c" "description": "burial"}"#,
        r#"{"id": /* the first */ "x", "collection": "c", "title": "burial"#,
    ] {
        let facts = facts(text);
        let (ids, collections) = names(&facts);
        assert!(ids.contains(&"x") && collections.contains(&"c"), "{text}: {ids:?}");
        assert!(!ids.contains(&"site-42") && !collections.contains(&"burial"), "{text}: {ids:?}");
    }
}

#[test]
fn every_entity_inside_a_document_states_its_id_and_every_collection_counts() {
    let feature =
        r#"{"type": "Feature", "id": "site-42", "geometry": null, "properties": {"collection": "burial"}}"#;
    let bare = r#"{"id": "site-42", "collection": "burial"}"#;
    for (around, entity) in [
        (r#"{"type": "FeatureCollection", "features": [ENTITY]}"#, feature),
        (
            r#"{"type": "FeatureCollection", "Features": [{"type": "FeatureCollection", "features": [ENTITY]}]}"#,
            feature,
        ),
        (r#"{"type": "ItemCollection", "features": [ENTITY]}"#, bare),
        (r#"{"features": [ENTITY]}"#, bare),
        (r#"{"FEATURES": {"a": ENTITY}}"#, bare),
        (r#"{"data": ENTITY}"#, bare),
        (r#"{"data": [ENTITY]}"#, bare),
        (r#"{"items": [ENTITY]}"#, bare),
        (r#"{"type": "Feature", "id": "x", "assets": {"a": {"href": "a", "x": ENTITY}}}"#, feature),
        (r#"{"type": "Feature", "id": "x", "assets": {"data": ENTITY}}"#, feature),
        (r#"{"type": "Feature", "id": "x", "properties": {"was": [[ENTITY]]}}"#, feature),
        (
            r#"{"a": {"b": ENTITY}}"#,
            r#"{"ID": "site-42", "Type": ["FEATURE"], "c": {"Collection": ["burial"]}}"#,
        ),
    ] {
        let text = around.replace("ENTITY", entity);
        let facts = facts(&text);
        let (ids, collections) = names(&facts);
        assert!(
            ids.contains(&"site-42") && collections.contains(&"burial"),
            "{text}: {ids:?} {collections:?}"
        );
    }
    let numbers = facts(r#"{"collections": [{"id": "site-42"}, {"id": 7}]}"#);
    assert_eq!(names(&numbers).0, ["7", "site-42"]);
}

#[test]
fn ids_of_what_is_no_entity_are_not_ids_of_the_document() {
    let text = r#"{"type": "Feature", "id": "x", "collection": "c", "keywords": ["site-42", "burial"],
        "title": "the collection burial", "providers": [{"id": "site-42", "name": "burial"}],
        "properties": {"id": "site-42", "bands": [{"id": "site-42", "type": "Point"}]},
        "assets": {"data": {"id": "site-42", "href": "a.tif", "eo:bands": [{"id": "site-42"}]},
            "collection": {"href": "burial", "title": "burial"}},
        "links": [{"rel": "via", "href": "a", "id": "site-42"}]}"#;
    assert_eq!(names(&facts(text)), (vec!["x"], vec!["c"]));
}

#[test]
fn no_shape_of_comments_and_pieces_costs_more_than_its_size() {
    let many = |text: &str| text.repeat(200_000);
    for text in [
        format!("{{{}", many("/*")),
        format!("{{{}*/", many("/*")),
        format!("{{{}", many("<!--")),
        format!("{{{}", many("!<")),
        format!("{{{}", many("#\n")),
        format!("{{\"\\t{}\": {}", many("long"), many("/*a*/")),
        format!("{{\"\\t{}\": {}", many("long"), many("a \"b\" ")),
        format!("{{\"id\": {}", many("\"a\" ")),
        format!("{{\"id\": {}", many("<<<<<<<\n=======\n")),
        format!("{{\"id\": {}", many("\"a\"b")),
    ] {
        assert_eq!(facts(&text).bytes, text.len() as u64);
    }
}
