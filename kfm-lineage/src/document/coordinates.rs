//! Whether any coordinate can be read from a document.
//!
//! The answer measures what would become visible again (R61), so it errs towards yes: a global bounding box
//! counts, as does a number in a text where coordinates belong.

use super::reader::{Scalar, Statement};

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
pub(super) fn any_in(document: Statement<'_>) -> bool {
    let mut passed = 0;
    document.inside().any(|statement| {
        if statement.position() < passed
            || !statement.name().is_some_and(|name| COORDINATE_KEYS.contains(&name))
        {
            return false;
        }
        // Where it holds none, nothing inside it does.
        passed = statement.end();
        std::iter::once(statement).chain(statement.inside()).any(holds_a_digit)
    })
}

fn holds_a_digit(statement: Statement<'_>) -> bool {
    match statement.scalar() {
        Scalar::Number(_) => true,
        Scalar::Text(text) => text.chars().any(char::is_numeric),
        Scalar::Null | Scalar::Bool(_) | Scalar::Array | Scalar::Object => false,
    }
}
