//! The projector `kfm-stac/2`: what graph, search and cache show of documents (`docs/states.md` section 1).
//!
//! Pure functions from facts to contents. A content is stored in canonical form and its digest is the cell's value.
//! So a change of these functions that changes any content makes a new projector, with a new name: the log names
//! the projector of each publish, and a rollback projects again.

mod listing;

use std::collections::BTreeSet;

use kfm_lineage::{Digest, DocumentFacts, DocumentKind};
use serde_json::{Map, Value, json};

pub(crate) use listing::{Listing, below};

/// Name and version of this projector, as the log has it.
pub(crate) const PROJECTOR: &str = "kfm-stac/2";

/// The most bytes of an alias: an index's suffix still fits into the 255 bytes that search engines allow.
const ALIAS_BYTES_MAX: usize = 200;

/// Bytes of the escaped id that a shortened alias keeps, so that people recognise it.
const ALIAS_KEPT_BYTES: usize = 160;

/// Projects a document to its node; `None` if the document is not a JSON object.
///
/// `label` is the CARE label in force at the path, which may be stricter than what the document says.
///
/// The node is keyed by the document's path (`kfm_id`), since real catalogs repeat and change ids. Its
/// relationships lead to bare nodes, named by label and id: the collection that an item names, and each asset,
/// named by its href, with the document's folder before it if the href is relative.
pub(crate) fn node(path: &str, facts: &DocumentFacts, label: Option<&str>) -> Option<Value> {
    let kind = match facts.kind {
        DocumentKind::Item => "StacItem",
        DocumentKind::Collection => "StacCollection",
        DocumentKind::Catalog => "StacCatalog",
        DocumentKind::Other => "StacDocument",
        DocumentKind::NotJson => return None,
    };
    let texts = [
        ("kfm_id", Some(path)),
        ("id", facts.id.as_deref()),
        ("collection", facts.collections()),
        ("datetime", facts.datetime.as_deref()),
        ("title", facts.title.as_deref()),
        ("care_label", label),
    ];
    let mut properties: Map<String, Value> =
        texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into()))).collect();
    properties.insert("digest".to_owned(), facts.digest.to_string().into());
    Some(json!({ "labels": [kind], "properties": properties, "relationships": relationships(path, facts) }))
}

fn relationships(path: &str, facts: &DocumentFacts) -> Vec<Value> {
    let collection = facts.collection.as_deref().filter(|_| facts.kind == DocumentKind::Item);
    let collection = collection
        .map(|id| json!({ "type": "IN_COLLECTION", "to": { "label": "StacCollection", "id": id } }));
    let assets = facts.assets.iter().map(|asset| {
        let id = asset_id(path, &asset.href);
        json!({ "type": "HAS_ASSET", "key": asset.key, "to": { "label": "Asset", "id": id } })
    });
    collection.into_iter().chain(assets).collect()
}

/// Names an asset by its place, as its document spells it.
fn asset_id(path: &str, href: &str) -> String {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    if href.contains("://") || href.starts_with('/') || folder.is_empty() {
        href.to_owned()
    } else {
        format!("{folder}/{href}")
    }
}

/// Names the alias of a collection, and its cache namespace: `kfm-` and the id.
///
/// Characters outside `[a-z0-9_-]` are written as `~` and two hex digits for each byte of their UTF-8, so that
/// different ids have different names that every search engine takes: `Landsat 9` is `kfm-~4candsat~209`. A name
/// above 200 bytes keeps its first 160; then come `~~`, with which no escape begins, and 32 hex digits of the id's
/// SHA-256.
pub(crate) fn alias_name(collection: &str) -> String {
    let mut name = String::from("kfm-");
    for byte in collection.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => name.push(char::from(byte)),
            _ => name.push_str(&format!("~{byte:02x}")),
        }
    }
    if name.len() > ALIAS_BYTES_MAX {
        name.truncate(ALIAS_KEPT_BYTES);
        name.push_str("~~");
        name.push_str(&Digest::of_bytes(collection.as_bytes()).hex()[..32]);
    }
    name
}

/// Lists the collections that a change of one document feeds: its old one and its new one.
pub(crate) fn fed_by(before: Option<&DocumentFacts>, after: Option<&DocumentFacts>) -> BTreeSet<String> {
    [before, after].into_iter().flatten().filter_map(|facts| facts.collections()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(text: &str) -> DocumentFacts {
        DocumentFacts::project(text.as_bytes())
    }

    const ITEM: &str = r#"{"type": "Feature", "id": "a", "collection": "c",
        "properties": {"datetime": "2025-11-14T00:00:00Z", "title": "T"},
        "assets": {"b": {"href": "./b.tif"}, "a": {"href": "https://x.org/a.tif"}}}"#;

    #[test]
    fn an_item_is_a_node_with_its_collection_and_its_assets() {
        let item = facts(ITEM);
        let node = node("f/a.json", &item, Some("public")).unwrap();
        assert_eq!(
            node,
            json!({
                "labels": ["StacItem"],
                "properties": { "kfm_id": "f/a.json", "id": "a", "collection": "c", "title": "T",
                    "datetime": "2025-11-14T00:00:00Z", "care_label": "public", "digest": item.digest.to_string() },
                "relationships": [
                    { "type": "IN_COLLECTION", "to": { "label": "StacCollection", "id": "c" } },
                    { "type": "HAS_ASSET", "key": "a", "to": { "label": "Asset", "id": "https://x.org/a.tif" } },
                    { "type": "HAS_ASSET", "key": "b", "to": { "label": "Asset", "id": "f/./b.tif" } },
                ],
            })
        );
    }

    #[test]
    fn a_node_keeps_its_golden_digest() {
        // Another digest is another projector: give it a new name.
        let node = node("f/a.json", &facts(ITEM), Some("public")).unwrap();
        assert_eq!(
            Digest::of_json(&node).unwrap().to_string(),
            "jcs-sha256:f5fa506f2416c94277eb8a287a4e1b24ba4a8db5b3860d6c36277649d956c29e"
        );
    }

    #[test]
    fn each_kind_of_document_has_its_label_and_what_is_no_json_object_has_no_node() {
        for (text, label) in [
            (r#"{"type": "Collection", "id": "c"}"#, Some("StacCollection")),
            (r#"{"type": "Catalog", "id": "c"}"#, Some("StacCatalog")),
            ("{}", Some("StacDocument")),
            ("[]", None),
            ("", None),
        ] {
            let node = node("c.json", &facts(text), None);
            assert_eq!(node.as_ref().map(|node| node["labels"][0].as_str().unwrap()), label, "{text}");
        }
    }

    #[test]
    fn different_collections_have_different_aliases() {
        let (long, other) = ("x".repeat(300), "x".repeat(301));
        let ids = ["a", "A", "~41", "a b", "a~20b", "", "landsat-c2_l2", "é", &long, &other];
        let aliases: BTreeSet<String> = ids.iter().map(|id| alias_name(id)).collect();
        assert_eq!(aliases.len(), ids.len());
        assert_eq!(alias_name("landsat-c2_l2"), "kfm-landsat-c2_l2");
        assert_eq!(alias_name("Landsat 9"), "kfm-~4candsat~209");
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-~".contains(&byte);
        assert!(aliases.iter().all(|alias| alias.len() <= 200 && alias.bytes().all(is_plain)));
    }

    #[test]
    fn an_item_that_changes_its_collection_feeds_both() {
        let before = facts(r#"{"type": "Feature", "id": "a", "collection": "old"}"#);
        let after = facts(r#"{"type": "Feature", "id": "a", "collection": "new"}"#);
        let collection = facts(r#"{"type": "Collection", "id": "new"}"#);
        let fed = |before, after| fed_by(before, after).into_iter().collect::<Vec<_>>();
        assert_eq!(fed(Some(&before), Some(&after)), ["new", "old"]);
        assert_eq!(fed(None, Some(&collection)), ["new"]);
        assert!(fed(Some(&facts("{}")), None).is_empty());
    }
}
