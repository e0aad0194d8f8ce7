//! The headers with which a bucket serves a document.

use std::borrow::Cow;

use object_store::{Attribute, Attributes};
use serde::Deserialize;

/// What is said of each document that is put.
#[derive(Debug, Clone)]
pub(super) struct Served {
    /// How long it may be cached, as `Cache-Control` says it.
    pub cache_control: Option<String>,
}

/// What of a document tells its content type.
#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Cow<'a, str>>,
}

impl Served {
    pub(super) fn headers(&self, key: &str, bytes: &[u8]) -> Attributes {
        let mut headers = Attributes::new();
        headers.insert(Attribute::ContentType, content_type(key, bytes).into());
        if let Some(cache_control) = &self.cache_control {
            headers.insert(Attribute::CacheControl, cache_control.clone().into());
        }
        headers
    }
}

/// An item is GeoJSON by STAC's own media types; a catalog, a collection, and what cannot be read is JSON.
fn content_type(key: &str, bytes: &[u8]) -> &'static str {
    let kind = serde_json::from_slice::<Typed<'_>>(bytes).ok().and_then(|typed| typed.kind);
    match kind.as_deref() {
        Some("Feature" | "FeatureCollection") => "application/geo+json",
        _ if key.ends_with(".geojson") => "application/geo+json",
        _ => "application/json",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_geojson_and_the_rest_is_json() {
        for (key, text, expected) in [
            ("a.json", r#"{"id": "a", "type": "Feature"}"#, "application/geo+json"),
            ("a.json", r#"{"type": "Catalog", "id": "a"}"#, "application/json"),
            ("a.json", r#"{"id": "a", "properties": {"type": "Feature"}}"#, "application/json"),
            ("a.json", "{ not json", "application/json"),
            ("a.geojson", "{ not json", "application/geo+json"),
        ] {
            assert_eq!(content_type(key, text.as_bytes()), expected, "{key} {text}");
        }
        let served = Served { cache_control: Some("public, max-age=60".into()) };
        let headers = served.headers("a.json", b"{}");
        assert_eq!(headers.get(&Attribute::CacheControl).map(AsRef::as_ref), Some("public, max-age=60"));
    }
}
