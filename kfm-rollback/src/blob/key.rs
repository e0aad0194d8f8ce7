//! What a key may look like, in every blob store alike.

use super::BlobError;

/// Bytes of a whole key: the limit of S3, GCS and Azure alike.
pub const KEY_BYTES_MAX: usize = 1024;

/// Bytes of a segment: the limit of the usual file systems.
pub const SEGMENT_BYTES_MAX: usize = 255;

/// Says what is wrong with a key, if something is.
///
/// A key is a relative path: segments between slashes, none of them empty or beginning with a dot, so that
/// no key leaves the store's folder or lies among its temporary files.
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

/// Refuses a key that is none.
///
/// # Errors
/// [`BlobError::InvalidKey`]: repair the caller.
pub fn check(key: &str) -> Result<(), BlobError> {
    fault_of(key).map_or(Ok(()), |why| Err(BlobError::InvalidKey { key: shown(key), why }))
}

/// Cuts a key that may be of any length for an error message, and makes control characters visible.
pub(crate) fn shown(key: &str) -> String {
    key.chars()
        .take(KEY_BYTES_MAX)
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_keys() {
        for key in ["hydrography_<year>.json", "x#1.json", "a b/ç/日本.json", "a%2Fb", "c:/d", "..a/b"] {
            assert_eq!(fault_of(key).is_some(), key.starts_with('.'), "{key}");
        }
    }

    #[test]
    fn what_leaves_the_folder_or_hides_in_it_is_no_key() {
        for key in ["", "/a", "a/", "a//b", ".", "..", "a/../b", ".git/a", "a/.tmp", "a\\b", "a\0b", "a\nb"] {
            assert!(check(key).is_err(), "{key:?}");
        }
        assert!(check(&"a".repeat(256)).is_err());
        assert!(check(&vec!["a".repeat(200); 6].join("/")).is_err());
    }
}
