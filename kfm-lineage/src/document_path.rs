//! [`DocumentPath`]: the place of a document in its catalog; and the keys of stores, of which it is one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// The longest key, in bytes: the limit of S3, GCS and Azure alike.
pub const KEY_BYTES_MAX: usize = 1024;

/// The longest segment of a key, in bytes: the limit of the usual file systems.
pub const SEGMENT_BYTES_MAX: usize = 255;

/// The ends of the names of documents; every other file in a catalog is an asset.
pub const DOCUMENT_SUFFIXES: [&str; 2] = [".json", ".geojson"];

/// Returns why a key is not valid; `None` if it is valid.
///
/// A key is a relative path: segments between slashes, none of them empty or beginning with a dot, so that no
/// key leads out of the store's folder or to its temporary files.
pub fn fault_of(key: &str) -> Option<&'static str> {
    if key.is_empty() {
        Some("it is empty")
    } else if key.len() > KEY_BYTES_MAX {
        Some("it is longer than 1,024 bytes")
    } else if key.contains('\\') {
        Some("it has a backslash")
    } else if key.chars().any(char::is_control) {
        Some("it has a control character")
    } else {
        key.split('/').find_map(|segment| match segment.as_bytes() {
            [] => Some("it has an empty segment"),
            [b'.', ..] => Some("a segment begins with a dot"),
            bytes if bytes.len() > SEGMENT_BYTES_MAX => Some("a segment is longer than 255 bytes"),
            _ => None,
        })
    }
}

/// Returns a key in a form for error messages: cut to a limited length, with visible control characters.
pub fn shown(key: &str) -> String {
    key.chars()
        .take(KEY_BYTES_MAX)
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}

/// The path of a document, relative to its catalog: `landsat/LC08/item.json`.
///
/// A value of this type never leads out of the catalog, and every blob store can hold it: segments between
/// slashes, none empty or beginning with a dot, at most 255 bytes each and 1,024 in all, no control character
/// and no backslash, and one of [`DOCUMENT_SUFFIXES`] at the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct DocumentPath(String);

impl DocumentPath {
    /// Parses a path.
    ///
    /// # Errors
    /// [`DocumentPathError`]: the text is not a valid path, for the reason that the error gives; rename the
    /// file, or correct the caller.
    pub fn parse(text: &str) -> Result<Self, DocumentPathError> {
        let no_document = || {
            let is_document = DOCUMENT_SUFFIXES.iter().any(|suffix| text.ends_with(suffix));
            (!is_document).then_some("it does not end with .json or .geojson")
        };
        match fault_of(text).or_else(no_document) {
            Some(why) => Err(DocumentPathError { why, path: shown(text) }),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// Returns the path as text, with slashes between its segments on every system.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not the path of a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the path of a document, {why}: path={path}")]
pub struct DocumentPathError {
    /// Why it is not the path of a document.
    pub why: &'static str,
    /// The text that was refused.
    pub path: String,
}

impl FromStr for DocumentPath {
    type Err = DocumentPathError;

    fn from_str(text: &str) -> Result<Self, DocumentPathError> {
        Self::parse(text)
    }
}

impl fmt::Display for DocumentPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for DocumentPath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<DocumentPath> for String {
    fn from(path: DocumentPath) -> Self {
        path.0
    }
}

impl<'de> Deserialize<'de> for DocumentPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_of_real_catalogs_are_paths() {
        for text in ["hydrography_<year>.json", "x#1.json", "a b/ç.geojson", "C:/x.json", "a%2e.json"] {
            assert_eq!(DocumentPath::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_leaves_the_catalog_or_is_no_document_is_refused_with_the_reason() {
        for (text, why) in [
            ("../x.json", "a segment begins with a dot"),
            ("a/../x.json", "a segment begins with a dot"),
            (".x.json", "a segment begins with a dot"),
            ("/x.json", "it has an empty segment"),
            ("a//x.json", "it has an empty segment"),
            ("a\\x.json", "it has a backslash"),
            ("a\0.json", "it has a control character"),
            ("a.tif", "it does not end with .json or .geojson"),
            ("a.json/", "it has an empty segment"),
            ("", "it is empty"),
        ] {
            assert_eq!(DocumentPath::parse(text).unwrap_err().why, why, "{text:?}");
        }
    }

    #[test]
    fn a_bad_path_does_not_deserialise() {
        assert!(serde_json::from_str::<DocumentPath>("\"../x.json\"").is_err());
    }
}
