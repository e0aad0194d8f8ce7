//! What depends on a cache, and is rebuilt or purged when a namespace of it changes (R53).

use std::collections::BTreeSet;

use serde_json::Value;

/// All classes, in the order of their names.
const CLASSES: [&str; 9] = [
    "AI_CACHE",
    "API_CACHE",
    "CATALOG",
    "CDN",
    "DOWNSTREAM_DERIVATIVES",
    "SEARCH_INDEX",
    "TILES",
    "TRIPLETS",
    "VECTOR_INDEX",
];

/// Reads a list of classes; they are separated by blanks in a change.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(list: &Value) -> Result<String, String> {
    let known = || format!("it is not a list of {}", CLASSES.join(", "));
    let class = |said: &Value| CLASSES.into_iter().find(|class| said == class);
    let classes: Option<BTreeSet<&str>> = list.as_array().ok_or_else(known)?.iter().map(class).collect();
    Ok(classes.ok_or_else(known)?.into_iter().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nine_classes_are_known_and_no_other() {
        assert_eq!(parse(&serde_json::json!(["TILES", "CDN", "TILES"])).unwrap(), "CDN TILES");
        assert_eq!(parse(&serde_json::json!(CLASSES)).unwrap(), CLASSES.join(" "));
        assert!(CLASSES.is_sorted());
        for list in [serde_json::json!("TILES"), serde_json::json!(["TILE"]), serde_json::json!([1])] {
            assert!(parse(&list).unwrap_err().contains("VECTOR_INDEX"), "{list}");
        }
    }
}
