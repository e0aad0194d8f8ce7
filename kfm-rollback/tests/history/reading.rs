//! Documents are judged by every statement that some reader could find in them, however it is written
//! (`docs/states.md` section 5, *Reading*). Each way of writing has a harmless twin, which is published.

use kfm_rollback::Error;
use kfm_rollback::report::{PublishReport, Status};

use crate::acts::try_roll_back;
use crate::support::World;

const PLACE: &str = r#""geometry": {"type": "Point", "coordinates": [-97.5678, 38.1234]},
    "bbox": [-97.5678, 38.1234, -97.5678, 38.1234]"#;

/// An item with the coordinates of a place, `other` in collection `c`, and more members before these.
fn item(more: &str) -> String {
    let kind = if more.contains("\"type\"") { "" } else { r#""type": "Feature", "# };
    format!(
        r#"{{{kind}"stac_version": "1.0.0", {more}{PLACE}, "assets": {{}},
            "properties": {{"datetime": "2025-01-01T00:00:00Z"}}}}"#
    )
}

async fn try_put(world: &World, documents: &[(&str, &[u8])]) -> Result<PublishReport, Error> {
    let mut publish = world.open().await.begin_publish("odd".parse().unwrap()).await?;
    for (path, bytes) in documents {
        publish.put(path, bytes.to_vec())?;
    }
    publish.complete().await
}

async fn put(world: &World, path: &str, text: &str) -> String {
    let report = try_put(world, &[(path, text.as_bytes())]).await.unwrap();
    assert_eq!(report.status, Status::Completed);
    report.publish_id.unwrap().to_string()
}

async fn retire(world: &World, path: &str) -> String {
    let mut publish = world.open().await.begin_publish("odd".parse().unwrap()).await.unwrap();
    publish.retire(path).unwrap();
    publish.complete().await.unwrap().publish_id.unwrap().to_string()
}

async fn is_denied(world: &World, path: &str, bytes: &[u8]) -> bool {
    match try_put(world, &[(path, bytes)]).await {
        Ok(report) => {
            assert_eq!(report.status, Status::Completed);
            false
        }
        Err(error) => {
            assert_eq!(error.kind(), "denied", "{error}");
            true
        }
    }
}

fn withdraw(world: &World, entity: &str) {
    let file = world.root().join("policy/suppressions.toml");
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let entry = format!("\n[[suppression]]\nentity = \"{entity}\"\nauthority = \"T\"\nreason = \"asked\"\n");
    std::fs::write(file, text + &entry).unwrap();
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Ways in which readers take a document that others refuse; `ID` stands for what it says of itself.
fn odd_documents() -> Vec<(&'static str, Vec<u8>)> {
    let nested = format!(r#"ID, "deep": {}{}, "#, "[".repeat(300), "]".repeat(300));
    let too_deep = format!(r#"ID, "deep": {}{}, "#, "[".repeat(3000), "]".repeat(3000));
    let of = |more: &str| item(more).into_bytes();
    vec![
        ("plain", of("ID, ")),
        ("a number above f64", of(r#"ID, "gsd": 1e999, "#)),
        ("NaN", of(r#"ID, "gsd": NaN, "#)),
        ("a lone surrogate", of(r#"ID, "title": "\ud800", "#)),
        ("300 levels", of(&nested)),
        ("3,000 levels", of(&too_deep)),
        ("a control character", of("ID, \"title\": \"a\u{1}b\", ")),
        ("UTF-16", utf16(&item("ID, "))),
        ("a byte order mark", [b"\xef\xbb\xbf", item("ID, ").as_bytes()].concat()),
        ("Latin-1", [item("ID, ").as_bytes(), b" \"Fl\xfcsse\""].concat()),
        ("text behind it", of("ID, ").into_iter().chain(*b" and so on").collect()),
        ("two documents", [b"{\"type\": \"Catalog\"}\n".to_vec(), of("ID, ")].concat()),
        ("a comma too few", item("ID, ").replace("\"1.0.0\", ", "\"1.0.0\" ").into_bytes()),
        ("half of it", item("ID, ").split("\"assets\"").next().unwrap().as_bytes().to_vec()),
        ("single quotes", item("ID, ").replace('"', "'").into_bytes()),
        ("an escape that is not one", of(r#"ID, "title": "\q", "#)),
        ("in an array", format!("[{}]", item("ID, ")).into_bytes()),
        ("a comment", format!("// as it was\n{}", item("ID, ")).into_bytes()),
    ]
}

/// Puts statements in the place of `ID`, in whatever encoding and quotes the document has.
fn saying(document: &[u8], says: &str) -> Vec<u8> {
    let put = |says: &[u8], id: &[u8]| {
        let at = document.windows(id.len()).position(|window| window == id);
        at.map(|at| [&document[..at], says, &document[at + id.len()..]].concat())
    };
    let says = if document.contains(&b'\'') { says.replace('"', "'") } else { says.to_owned() };
    put(&utf16(&says), &utf16("ID")).or_else(|| put(says.as_bytes(), b"ID")).unwrap()
}

#[tokio::test]
async fn a_document_that_only_some_readers_take_is_judged_by_what_they_find() {
    let world = World::keeping().await;
    for entity in ["site-42", "burial"] {
        world.label_document(entity, "restricted").await;
    }
    withdraw(&world, "gone");
    for (number, (name, document)) in odd_documents().into_iter().enumerate() {
        for says in [
            r#""id": "site-42", "collection": "c""#,
            r#""id": "x", "collection": "burial""#,
            r#""id": "gone", "collection": "c""#,
            r#""id": "x", "collection": "c", "kfm:care_label": "restricted""#,
            r#""id": "x", "collection": "c", "kfm:care_label": "nobody knows""#,
        ] {
            let path = format!("denied/{number}.json");
            assert!(is_denied(&world, &path, &saying(&document, says)).await, "{name}: {says}");
        }
        let harmless = saying(&document, r#""id": "x", "collection": "c", "kfm:care_label": "public""#);
        let path = format!("harmless/{number}.json");
        assert!(!is_denied(&world, &path, &harmless).await, "{name}");
    }
}

#[tokio::test]
async fn a_name_that_is_stated_at_an_unusual_place_counts() {
    let world = World::keeping().await;
    for entity in ["site-42", "burial", "7"] {
        world.label_document(entity, "restricted").await;
    }
    let denied = [
        r#""id": "site-42", "id": "x", "collection": "c", "#,
        r#""id": "x", "id": "site-42", "collection": "c", "#,
        r#""id": ["site-42"], "#,
        r#""id": 7, "#,
        r#""id": "x", "collection": "burial", "collection": "c", "#,
        r#""id": "x", "collection": ["burial"], "#,
        r#""id": "x", "collection": "Burial", "#,
        r#""id": "x", "collection": "burial ", "#,
        r#""id": "x", "type": "feature", "collection": "burial", "#,
        r#""id": "x", "type": null, "collection": "burial", "#,
        r#""id": "x", "properties": {"collection": "burial"}, "#,
        r#""id": "x", "kfm:care_label": "restricted", "kfm:care_label": "public", "#,
        r#""id": "x", "kfm:Care_Label": "restricted", "#,
        r#""id": "x", "kfm": {"care-label": "restricted"}, "#,
        r#""id": "x", "governance": {"KFM:care_label ": "restricted"}, "#,
        r#""id": "x", "summaries": {"kfm:care_label": ["public", "restricted"]}, "#,
        r#""features": [{"id": "site-42", "assets": {}}], "id": "x", "#,
        r#""features": [{"properties": {"kfm:care_tag": "restricted"}}], "id": "x", "#,
    ];
    for (number, more) in denied.into_iter().enumerate() {
        let path = format!("denied/{number}.json");
        assert!(is_denied(&world, &path, item(more).as_bytes()).await, "{more}");
    }
    let harmless = [
        r#""id": "site-43", "id": "site-43", "collection": "c", "#,
        r#""id": "SITE-42", "collection": "burials", "#,
        r#""id": "x", "title": "site-42", "keywords": ["burial"], "#,
        r#""id": 8, "providers": [{"id": "site-42"}], "#,
        r#""id": "x", "kfm:note": "restricted", "care": {"label": "restricted"}, "#,
        r#""features": [{"id": "site-43", "assets": {}}], "id": "x", "#,
    ];
    for (number, more) in harmless.into_iter().enumerate() {
        let path = format!("harmless/{number}.json");
        assert!(!is_denied(&world, &path, item(more).as_bytes()).await, "{more}");
    }
    // Another standing collection whose name is nearly the same is another collection.
    put(&world, "b/collection.json", r#"{"type": "Collection", "id": "Burial", "links": []}"#).await;
    let twin = item(r#""id": "x", "collection": "Burial", "#);
    assert!(!is_denied(&world, "b/twin.json", twin.as_bytes()).await);
}

#[tokio::test]
async fn what_hangs_below_a_restricted_catalog_is_restricted_however_it_hangs_there() {
    let world = World::keeping().await;
    let catalog = r#"{"type": "Catalog", "id": "secretcat", "description": "d", "links": [
        {"rel": "child", "href": "./c/collection.json"}, {"rel": "item", "href": ".\\listed.json"}]}"#;
    put(&world, "secret/catalog.json", catalog).await;
    let collection =
        r#"{"type": "Collection", "id": "c", "links": [{"rel": "item", "href": "../../far/listed.json"}]}"#;
    put(&world, "secret/c/collection.json", collection).await;
    world.label_document("secretcat", "restricted").await;

    let link =
        |rel: &str, href: &str| format!(r#""id": "x", "links": [{{"rel": {rel}, "href": "{href}"}}], "#);
    let denied = [
        ("secret/listed.json", r#""id": "x", "#.to_owned()),
        ("far/listed.json", r#""id": "x", "#.to_owned()),
        ("far/field.json", r#""id": "x", "collection": "c", "#.to_owned()),
        ("far/collection.json", link(r#""collection""#, "../secret/c/collection.json")),
        ("far/parent.json", link(r#""parent""#, "../secret/catalog.json")),
        ("far/array.json", link(r#"["Parent"]"#, "../secret/catalog.json")),
    ];
    for (path, more) in &denied {
        assert!(is_denied(&world, path, item(more).as_bytes()).await, "{path}");
    }
    let harmless = [
        ("secret/beside.json", r#""id": "x", "#.to_owned()),
        ("far/root.json", link(r#""root""#, "../secret/catalog.json")),
        ("far/related.json", link(r#""related""#, "../secret/catalog.json")),
    ];
    for (path, more) in &harmless {
        assert!(!is_denied(&world, path, item(more).as_bytes()).await, "{path}");
    }
}

#[tokio::test]
async fn what_was_made_from_a_withdrawn_source_is_found_however_it_says_so() {
    let world = World::keeping().await;
    put(
        &world,
        "s/gone.json",
        r#"{"type": "Feature", "id": "gone", "geometry": null, "properties": {}, "links": []}"#,
    )
    .await;
    withdraw(&world, "gone");
    let denied = [
        r#""links": [{"rel": "derived_from", "href": "./gone.json"}], "#,
        r#""links": [{"rel": "derived_from", "href": ".\\gone.json"}], "#,
        r#""links": [{"rel": "derived_from", "href": "..\\s\\gone.json"}], "#,
        r#""links": [{"rel": "derived_from", "href": " gone.json"}], "#,
        r#""links": [{"rel": "Derived_From", "href": "gone.json"}], "#,
        r#""links": [{"rel": "derived-from", "href": "gone.json"}], "#,
        r#""links": [{"rel": ["derived_from"], "href": "gone.json"}], "#,
        r#""links": [{"rel": "derived_from", "href": ["gone.json"]}], "#,
        r#""links": [{"rel": "derived_from", "href": "gone.json"}], "links": [], "#,
        r#""links": [], "links": [{"rel": "derived_from", "href": "gone.json"}], "#,
        r#""gsd": 1e999, "links": [{"rel": "derived_from", "href": "gone.json"}], "#,
        r#""links": [{"rel": "derived_from" "href": "gone.json"}], "#,
        r#""assets": {"source": {"rel": "derived_from", "href": "gone.json"}}, "#,
        r#""derived_from": "gone.json", "#,
        r#""properties": {"derived_from": ["gone"]}, "#,
    ];
    for (number, more) in denied.into_iter().enumerate() {
        let document = item(&format!(r#""id": "x", {more}"#));
        assert!(is_denied(&world, &format!("s/denied{number}.json"), document.as_bytes()).await, "{more}");
    }
    // These say what is beside the document or came before it, and not what it was made from.
    for (number, rel) in
        ["via", "source", "canonical", "predecessor-version", "related"].into_iter().enumerate()
    {
        let more = format!(r#""id": "x", "links": [{{"rel": "{rel}", "href": "gone.json"}}], "#);
        assert!(!is_denied(&world, &format!("s/beside{number}.json"), item(&more).as_bytes()).await, "{rel}");
    }
}

#[tokio::test]
async fn a_label_by_any_id_that_a_path_ever_carried_covers_what_is_restored_there() {
    for (name, document) in odd_documents() {
        let world = World::keeping().await;
        let odd = saying(&document, r#""id": "site-42", "collection": "burial""#);
        try_put(&world, &[("a.json", &odd)]).await.unwrap();
        let retired = retire(&world, "a.json").await;
        world.label_document("site-42", "restricted").await;
        let denied = try_roll_back(&world, &retired).await.unwrap_err();
        assert_eq!(denied.kind(), "denied", "{name}: {denied}");
    }
    // The id that it carried before it was replaced.
    let world = World::keeping().await;
    put(&world, "a.json", r#"{"type": "Feature" "id": "site-42""#).await;
    put(&world, "a.json", r#"{"type": "Feature", "id": "x"}"#).await;
    world.label_document("site-42", "restricted").await;
    assert!(is_denied(&world, "a.json", item(r#""id": "y", "#).as_bytes()).await);
}

#[tokio::test]
async fn what_is_not_json_and_states_no_id_passes_while_no_entry_could_be_about_it() {
    let world = World::keeping().await;
    let broken: [&[u8]; 4] = [b"\n", b"<html>not found</html>", b"PK\x03\x04", b"{\"type\": \"Feature\", "];
    for (number, bytes) in broken.iter().enumerate() {
        assert!(!is_denied(&world, &format!("before/{number}.json"), bytes).await);
    }
    // Entries by path, and entries that ask for nothing, are about what they name.
    world.label_document("elsewhere/a.json", "restricted").await;
    world.label_document("open-data", "public").await;
    for (number, bytes) in broken.iter().enumerate() {
        assert!(!is_denied(&world, &format!("by-path/{number}.json"), bytes).await);
    }
    world.label_document("burial", "restricted").await;
    for (number, bytes) in broken.iter().enumerate() {
        let path = format!("after/{number}.json");
        assert!(is_denied(&world, &path, bytes).await, "{number}");
        world.label_document(&path, "public").await;
        assert!(!is_denied(&world, &path, bytes).await, "{number}");
    }
    let with_an_id = br#"{"type": "Feature", "id": "x","#;
    assert!(!is_denied(&world, "after/named.json", with_an_id).await);
    // Taking such a document away shows nothing to readers.
    retire(&world, "before/0.json").await;
}

#[tokio::test]
async fn what_says_that_it_is_of_two_types_is_denied() {
    let world = World::keeping().await;
    let two = item(r#""id": "x", "type": "Feature", "type": "Collection", "#);
    assert!(is_denied(&world, "a.json", two.as_bytes()).await);
    let one = item(r#""id": "x", "type": "Feature", "type": "Feature", "#);
    assert!(!is_denied(&world, "a.json", one.as_bytes()).await);
}

#[tokio::test]
async fn a_place_that_is_stated_before_something_else_counts() {
    let world = World::keeping().await;
    world.label("hidden/", "restricted").await;
    let of = |members: &str| format!(r#"{{"type": "Feature", "id": "x", "links": [], {members}}}"#);
    let denied = [
        r#""geometry": {"type": "Point", "coordinates": [-97.5678, 38.1234]}, "geometry": null"#,
        r#""bbox": [-97.5678, 38.1234, -97.5678, 38.1234], "bbox": []"#,
        r#""properties": {"latitude": 38.1234, "longitude": -97.5678}, "properties": {}"#,
        r#""assets": {"a": {"href": "a.tif", "proj:bbox": [224985.5, 6790215.5]}}, "assets": {}"#,
    ];
    for (number, members) in denied.into_iter().enumerate() {
        let path = format!("hidden/{number}.json");
        assert!(is_denied(&world, &path, of(members).as_bytes()).await, "{members}");
    }
    let harmless = of(r#""geometry": null, "geometry": null, "properties": {}, "properties": {"gsd": 30}"#);
    assert!(!is_denied(&world, "hidden/harmless.json", harmless.as_bytes()).await);
}

#[tokio::test]
async fn adoption_finds_what_cannot_be_told_and_denies_nothing() {
    let world = World::keeping().await;
    world.label_document("burial", "restricted").await;
    let documents: [(&str, &[u8]); 3] = [
        ("html.json", b"<html></html>"),
        ("half.json", b"{\"id\": \"x\""),
        ("two.json", b"{\"type\": 1, \"type\": 2}"),
    ];
    for (path, bytes) in documents {
        std::fs::write(world.catalog().join(path), bytes).unwrap();
    }
    let adopted = world.open().await.adopt(None, Some("it was there")).await.unwrap();
    assert_eq!(adopted.documents, 3);
}
