//! The mapping of an index: what of a document can be searched.

use serde_json::{Value, json};

/// The mapping of a collection's documents, without what a file of the user's own adds or takes away.
///
/// What it does not name is kept and not indexed, so that no document is refused for a member that nobody expected.
fn usual() -> Value {
    let keyword = json!({ "type": "keyword", "ignore_above": 1024 });
    let date = json!({ "type": "date", "ignore_malformed": true });
    let number = json!({ "type": "double", "ignore_malformed": true });
    let text = json!({ "type": "text" });
    json!({
        "dynamic": false,
        "properties": {
            "kfm": { "properties": {
                "path": { "type": "keyword" },
                "digest": { "type": "keyword", "index": false },
                "sum": { "type": "keyword", "index": false, "doc_values": false },
                "unindexed": { "type": "keyword" },
            } },
            "content": { "type": "object", "enabled": false },
            "id": keyword,
            "type": keyword,
            "collection": keyword,
            "stac_version": keyword,
            "license": keyword,
            "keywords": keyword,
            "title": text,
            "description": text,
            "geometry": { "type": "geo_shape", "ignore_malformed": true },
            "properties": { "properties": {
                "datetime": date,
                "start_datetime": date,
                "end_datetime": date,
                "created": date,
                "updated": date,
                "title": text,
                "description": text,
                "platform": keyword,
                "constellation": keyword,
                "instruments": keyword,
                "mission": keyword,
                "license": keyword,
                "gsd": number,
                "eo:cloud_cover": number,
            } },
        },
    })
}

/// Returns the mapping: the usual one, changed by a merge patch (RFC 7396) of the user's.
pub(super) fn with(patch: Option<&Value>) -> Value {
    let mut mapping = usual();
    let own = mapping["properties"]["kfm"].clone();
    if let Some(patch) = patch {
        merge(&mut mapping, patch);
    }
    // Without these the store cannot look at what it has built.
    mapping["properties"]["kfm"] = own;
    mapping
}

fn merge(to: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else { return to.clone_from(patch) };
    if !to.is_object() {
        *to = json!({});
    }
    let Some(to) = to.as_object_mut() else { return };
    for (name, value) in patch {
        if value.is_null() {
            to.remove(name);
        } else {
            merge(to.entry(name).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_adds_fields_and_takes_others_away_but_not_the_stores_own() {
        let patch = json!({ "properties": {
            "geometry": null, "kfm": null, "properties": { "properties": { "view:off_nadir": { "type": "float" } } },
        } });
        let mapping = with(Some(&patch));
        assert!(mapping["properties"]["geometry"].is_null());
        assert_eq!(mapping["properties"]["kfm"]["properties"]["path"]["type"], "keyword");
        let fields = &mapping["properties"]["properties"]["properties"];
        assert_eq!(
            (&fields["view:off_nadir"]["type"], &fields["datetime"]["type"]),
            (&"float".into(), &"date".into())
        );
    }
}
