//! A content of a cell, as the engine has it and as the graph has it.

use std::collections::BTreeSet;

use bytes::Bytes;
use kfm_lineage::canonical_json;
use serde_json::{Map, Value, json};

/// The place of a relationship in the content.
const PLACE: &str = "kfm_n";

/// The label of every version.
const VERSION: &str = "KfmVersion";

/// What the adapter itself keeps at a version.
const OWN: [&str; 6] = ["kfm_graph", "kfm_of", "v", "v_from", "v_to", "v_tag"];

/// What readers take for the adapter's.
const OWN_IN_NODES: [&str; 3] = ["deleted", "deleted_at", "deleted_by"];

/// A node, as a statement takes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Content {
    pub(super) labels: Value,
    pub(super) properties: Value,
    /// Type, label, id and properties of each.
    pub(super) relationships: Value,
}

impl Content {
    /// Reads a content that the graph can hold exactly.
    ///
    /// # Errors
    /// What the graph cannot hold.
    pub(super) fn parse(content: &[u8]) -> Result<Self, NotHeld> {
        let content: Value = serde_json::from_slice(content).unwrap_or_default();
        let is_node = content.as_object().is_some_and(|content| content.len() == 3)
            && content["labels"].is_array()
            && content["properties"].is_object()
            && content["relationships"].is_array();
        if !is_node {
            return Err(NotHeld::at("content", "it is an object of labels, properties and relationships"));
        }
        let labels = content["labels"].as_array().map_or(&[][..], Vec::as_slice);
        let labels: Option<Vec<&str>> = labels.iter().map(Value::as_str).collect();
        let labels = labels.filter(|labels| labels.is_sorted_by(|a, b| a < b));
        let Some(labels) = labels.filter(|labels| labels.iter().copied().all(is_name)) else {
            let why = "they are texts, distinct and ascending, not empty, and none begins with Kfm";
            return Err(NotHeld::at("labels", why));
        };
        let labels = json!(labels);
        let properties = &content["properties"];
        for (name, value) in properties.as_object().into_iter().flatten() {
            let is_reserved = (name.starts_with("kfm_") && name != "kfm_id")
                || OWN.contains(&name.as_str())
                || OWN_IN_NODES.contains(&name.as_str());
            if is_reserved || name.is_empty() {
                return Err(NotHeld::at(name, "a property of this name is the store's own"));
            }
            held(name, value)?;
        }
        let mut relationships = Vec::new();
        for (n, relationship) in content["relationships"].as_array().into_iter().flatten().enumerate() {
            relationships.push(row(n, relationship)?);
        }
        Ok(Self { labels, properties: properties.clone(), relationships: relationships.into() })
    }

    /// Makes the content of what a reader sees: labels, properties and rows of relationships of a version.
    pub(super) fn of_version(labels: &Value, properties: &Value, relationships: &Value) -> Bytes {
        let labels: BTreeSet<&str> = labels
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .filter(|label| *label != VERSION)
            .collect();
        let mut properties = properties.clone();
        if let Some(properties) = properties.as_object_mut() {
            properties.retain(|name, _| !OWN.contains(&name.as_str()));
        }
        let relationships: Vec<Value> =
            relationships.as_array().into_iter().flatten().map(relationship).collect();
        bytes(&json!({ "labels": labels, "properties": properties, "relationships": relationships }))
    }

    /// Makes the content of several versions that are all current, which no cell can have.
    pub(super) fn of_several(contents: &[Bytes]) -> Bytes {
        let contents: Vec<Value> =
            contents.iter().filter_map(|content| serde_json::from_slice(content).ok()).collect();
        bytes(&Value::Array(contents))
    }
}

/// What another hand wrote may have no canonical form; then it has no value that a cell can have either.
fn bytes(content: &Value) -> Bytes {
    canonical_json(content).unwrap_or_else(|_| content.to_string().into_bytes()).into()
}

fn row(n: usize, relationship: &Value) -> Result<Value, NotHeld> {
    let name = || format!("relationships[{n}]");
    let Some(members) = relationship.as_object() else {
        return Err(NotHeld::at(name(), "it is an object of type and to"));
    };
    let (kind, to) = (relationship["type"].as_str(), &relationship["to"]);
    let is_to = to.as_object().is_some_and(|to| to.len() == 2);
    let (Some(kind), Some(label), Some(id), true) = (kind, to["label"].as_str(), to["id"].as_str(), is_to)
    else {
        return Err(NotHeld::at(name(), "it has a type, and leads to a label and an id"));
    };
    if !is_name(kind) || ["CURRENT", "VERSION"].contains(&kind) || !is_name(label) {
        return Err(NotHeld::at(name(), "its type or label is empty, or the store's own"));
    }
    let mut properties = Map::from_iter([(PLACE.to_owned(), n.into())]);
    for (member, value) in members.iter().filter(|(member, _)| !["type", "to"].contains(&member.as_str())) {
        if member.is_empty() || member.starts_with("kfm_") {
            return Err(NotHeld::at(name(), "a property has the store's own name, or none"));
        }
        held(member, value)?;
        properties.insert(member.clone(), value.clone());
    }
    Ok(json!([kind, label, id, properties]))
}

/// The inverse of [`row`].
fn relationship(row: &Value) -> Value {
    let mut members = row[3].as_object().cloned().unwrap_or_default();
    members.remove(PLACE);
    members.insert("type".to_owned(), row[0].clone());
    members.insert("to".to_owned(), json!({ "label": row[1], "id": row[2] }));
    Value::Object(members)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with("Kfm") && !name.chars().any(char::is_control)
}

/// Refuses a value that no property can have, or that a property would give back as another one.
fn held(name: &str, value: &Value) -> Result<(), NotHeld> {
    let is_held = match value {
        Value::Bool(_) | Value::String(_) | Value::Number(_) => true,
        Value::Array(values) => {
            values.iter().all(Value::is_string)
                || values.iter().all(Value::is_boolean)
                || values.iter().all(Value::is_number)
        }
        Value::Null | Value::Object(_) => false,
    };
    let why = "a property is a text, a number, a truth value, or a list of one of these";
    if is_held { Ok(()) } else { Err(NotHeld::at(name, why)) }
}

/// Neo4j cannot hold a content exactly.
#[derive(Debug, thiserror::Error)]
#[error("the graph cannot hold this content, {why}: at={at}")]
pub(super) struct NotHeld {
    at: String,
    why: &'static str,
}

impl NotHeld {
    fn at(at: impl Into<String>, why: &'static str) -> Self {
        Self { at: at.into(), why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(properties: &Value, relationships: &Value) -> Vec<u8> {
        let content =
            json!({ "labels": ["StacItem"], "properties": properties, "relationships": relationships });
        canonical_json(&content).unwrap()
    }

    #[test]
    fn what_the_graph_shows_of_a_content_is_the_content() {
        let properties =
            json!({ "kfm_id": "a.json", "n": 1, "x": 0.5, "is": true, "many": ["a", "b"], "none": [] });
        let relationships = json!([
            { "type": "IN_COLLECTION", "to": { "label": "StacCollection", "id": "c" } },
            { "type": "HAS_ASSET", "key": "b", "to": { "label": "Asset", "id": "b.tif" } },
        ]);
        let content = node(&properties, &relationships);
        let held = Content::parse(&content).unwrap();
        let labels = json!(["StacItem", "KfmVersion"]);
        let mut seen = held.properties.clone();
        for own in OWN {
            seen[own] = "x".into();
        }
        assert_eq!(Content::of_version(&labels, &seen, &held.relationships), content);
    }

    #[test]
    fn what_the_graph_cannot_hold_is_refused() {
        for properties in [
            json!({ "a": null }),
            json!({ "a": {} }),
            json!({ "a": ["x", 1] }),
            json!({ "a": [[1]] }),
            json!({ "v": "x" }),
            json!({ "kfm_of": "x" }),
            json!({ "deleted": true }),
            json!({ "": 1 }),
        ] {
            assert!(Content::parse(&node(&properties, &json!([]))).is_err(), "{properties}");
        }
        for relationship in [
            json!({ "type": "R" }),
            json!({ "type": "R", "to": { "label": "L", "id": 1 } }),
            json!({ "type": "R", "to": { "label": "L", "id": "x", "more": 1 } }),
            json!({ "type": "CURRENT", "to": { "label": "L", "id": "x" } }),
            json!({ "type": "R", "to": { "label": "KfmNode", "id": "x" } }),
            json!({ "type": "R", "kfm_n": 1, "to": { "label": "L", "id": "x" } }),
            json!({ "type": "R", "more": null, "to": { "label": "L", "id": "x" } }),
        ] {
            assert!(Content::parse(&node(&json!({}), &json!([relationship]))).is_err(), "{relationship}");
        }
        for content in [
            json!([]),
            json!({ "labels": [] }),
            json!({ "labels": ["b", "a"], "properties": {}, "relationships": [] }),
            json!({ "labels": ["KfmNode"], "properties": {}, "relationships": [] }),
            json!({ "labels": [], "properties": {}, "relationships": [], "more": 1 }),
        ] {
            assert!(Content::parse(content.to_string().as_bytes()).is_err(), "{content}");
        }
    }
}
