//! Whether any coordinate can be read from a document.
//!
//! The answer measures what would become visible again (R61), so it errs towards yes: a global bounding box
//! counts, as does a number in a text where coordinates belong.

use serde_json::{Map, Value};

/// Members that hold coordinates wherever they stand: GeoJSON, STAC extents, the projection extension
/// (its transform contains the origin), and the plain names that pipelines use.
const COORDINATE_KEYS: [&str; 18] = [
    "geometry",
    "geometries",
    "coordinates",
    "bbox",
    "spatial",
    "centroid",
    "proj:geometry",
    "proj:bbox",
    "proj:centroid",
    "proj:transform",
    "lat",
    "latitude",
    "decimalLatitude",
    "lon",
    "lng",
    "long",
    "longitude",
    "decimalLongitude",
];

/// Says whether a member of the document, at any depth, holds a coordinate.
pub(super) fn any_in(document: &Map<String, Value>) -> bool {
    document.iter().any(|(key, value)| {
        if COORDINATE_KEYS.contains(&key.as_str()) { holds_a_digit(value) } else { nested(value) }
    })
}

fn nested(value: &Value) -> bool {
    match value {
        Value::Object(members) => any_in(members),
        Value::Array(items) => items.iter().any(nested),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn holds_a_digit(value: &Value) -> bool {
    match value {
        Value::Number(_) => true,
        Value::String(text) => text.chars().any(char::is_numeric),
        Value::Array(items) => items.iter().any(holds_a_digit),
        Value::Object(members) => members.values().any(holds_a_digit),
        Value::Null | Value::Bool(_) => false,
    }
}
