//! Geometries (RFC 7946 section 3): coordinates as their type has them.

use serde_json::Value;

use super::bbox;
use super::fault::Faults;

/// How many geometry collections inside each other are followed; RFC 7946 recommends to nest none.
const NESTED_MAX: usize = 16;

/// Checks a value that should be a geometry.
pub(super) fn look(geometry: &Value, pointer: &str, faults: &mut Faults) {
    look_nested(geometry, pointer, NESTED_MAX, faults);
}

fn look_nested(geometry: &Value, pointer: &str, levels: usize, faults: &mut Faults) {
    if let Some(bbox) = geometry.get("bbox") {
        bbox::look(bbox, &format!("{pointer}/bbox"), faults);
    }
    let kind = geometry.get("type").and_then(Value::as_str).unwrap_or_default();
    let coordinates = geometry.get("coordinates");
    let is_valid = match kind {
        "Point" => coordinates.is_some_and(is_position),
        "MultiPoint" => coordinates.is_some_and(|it| all(it, 0, is_position)),
        "LineString" => coordinates.is_some_and(is_line),
        "MultiLineString" => coordinates.is_some_and(|it| all(it, 0, is_line)),
        "Polygon" => coordinates.is_some_and(is_polygon),
        "MultiPolygon" => coordinates.is_some_and(|it| all(it, 0, is_polygon)),
        "GeometryCollection" => match geometry.get("geometries").and_then(Value::as_array) {
            Some(geometries) if levels > 0 => {
                for (index, geometry) in geometries.iter().enumerate() {
                    look_nested(geometry, &format!("{pointer}/geometries/{index}"), levels - 1, faults);
                }
                true
            }
            _ => false,
        },
        _ => return faults.note(pointer, "has no type of a geometry"),
    };
    if !is_valid {
        faults.note(pointer, "has coordinates that its type does not have");
    }
    if !coordinates.is_none_or(is_in_range) {
        faults.note(pointer, "leaves the range of degrees");
    }
}

fn all(value: &Value, least: usize, is_one: fn(&Value) -> bool) -> bool {
    value.as_array().is_some_and(|elements| elements.len() >= least && elements.iter().all(is_one))
}

/// Longitude, latitude and perhaps a height.
fn is_position(value: &Value) -> bool {
    value.as_array().is_some_and(|it| (2..=3).contains(&it.len()) && it.iter().all(Value::is_number))
}

fn is_line(value: &Value) -> bool {
    all(value, 2, is_position)
}

/// Says whether a ring ends where it begins and has an area.
fn is_ring(value: &Value) -> bool {
    let is_closed =
        value.as_array().is_some_and(|it| it.first().zip(it.last()).is_some_and(|(a, b)| is_same(a, b)));
    is_closed && all(value, 4, is_position)
}

/// Compares positions by value: 1 and 1.0 are the same.
fn is_same(a: &Value, b: &Value) -> bool {
    let numbers =
        |value: &Value| -> Option<Vec<f64>> { value.as_array()?.iter().map(Value::as_f64).collect() };
    numbers(a).is_some_and(|a| numbers(b) == Some(a))
}

fn is_polygon(value: &Value) -> bool {
    all(value, 0, is_ring)
}

/// Says whether every position that can be read lies on the earth.
fn is_in_range(coordinates: &Value) -> bool {
    let Some(elements) = coordinates.as_array() else { return true };
    match elements.as_slice() {
        [longitude, latitude, ..] if longitude.is_number() && latitude.is_number() => {
            let is_within = |value: &Value, limit: f64| value.as_f64().is_some_and(|it| it.abs() <= limit);
            is_within(longitude, 180.0) && is_within(latitude, 90.0)
        }
        elements => elements.iter().all(is_in_range),
    }
}
