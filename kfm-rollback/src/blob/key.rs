//! What a key may look like, in every blob store alike.

use super::BlobError;

pub(crate) use kfm_lineage::document_path::shown;
pub use kfm_lineage::document_path::{KEY_BYTES_MAX, SEGMENT_BYTES_MAX, fault_of};

/// Refuses a key that no blob store can have.
///
/// # Errors
/// [`BlobError::InvalidKey`]: the key is not valid; repair the caller.
pub fn check(key: &str) -> Result<(), BlobError> {
    fault_of(key).map_or(Ok(()), |why| Err(BlobError::InvalidKey { key: shown(key), why }))
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
