//! What is not valid in a STAC document: by RFC 3339, RFC 7946, the rules for boxes and, with the feature
//! `stac-schemas`, the JSON schemas of STAC.
//!
//! Validity is checked where a change is judged, before and after it, and is not part of a document's facts:
//! real catalogs have many faults, and what counts is whether there are new ones.

mod bbox;
mod fault;
mod geometry;
mod moment;
#[cfg(feature = "stac-schemas")]
mod schema;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::digest::Digest;

pub use fault::ValidityFault;

use fault::Faults;

/// Lists what is not valid in a document; empty for a document that is not an item, a collection or a
/// catalog.
///
/// ```
/// let item = |datetime: &str| format!(r#"{{"type": "Feature", "properties": {{"datetime": "{datetime}"}}}}"#);
/// let is_dated = |text: &str| !kfm_lineage::validity::faults(item(text).as_bytes())
///     .iter()
///     .any(|fault| fault.to_string().contains("RFC 3339"));
/// assert!(is_dated("2016-01-01T23:00:49.089420+00:00"));
/// assert!(!is_dated("2016-01-01 23:00:49.089420+00:00"));
/// ```
pub fn faults(document: &[u8]) -> BTreeSet<ValidityFault> {
    let mut faults = Faults::default();
    let json = document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document);
    match serde_json::from_slice::<Value>(json) {
        Ok(document) => look(&document, &mut faults),
        Err(_) => faults.note("", "is not JSON that common readers take"),
    }
    faults.into_set()
}

fn look(document: &Value, faults: &mut Faults) {
    let kind = document.get("type").and_then(Value::as_str);
    match kind {
        Some("Feature") => {
            if let Some(geometry) = document.get("geometry").filter(|geometry| !geometry.is_null()) {
                geometry::look(geometry, "/geometry", faults);
            }
            if let Some(bbox) = document.get("bbox") {
                bbox::look(bbox, "/bbox", faults);
            }
            moment::look_at_item(document, faults);
        }
        Some("Collection") => {
            let boxes = document.pointer("/extent/spatial/bbox").and_then(Value::as_array);
            for (index, bbox) in boxes.into_iter().flatten().enumerate() {
                bbox::look(bbox, &format!("/extent/spatial/bbox/{index}"), faults);
            }
            moment::look_at_collection(document, faults);
        }
        Some("Catalog") => {}
        _ => return,
    }
    #[cfg(feature = "stac-schemas")]
    schema::look(document, kind.unwrap_or_default(), faults);
}

/// Returns the digest of the schemas by which documents are judged; `None` if this build has no schemas.
pub fn schemas_digest() -> Option<Digest> {
    #[cfg(feature = "stac-schemas")]
    return Some(schema::digest());
    #[cfg(not(feature = "stac-schemas"))]
    None
}

#[cfg(test)]
mod tests;
