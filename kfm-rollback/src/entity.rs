//! Names of entities whose references move (R13).

use kfm_lineage::{CellId, EntityId};

/// Names a document's entity by its store and path. The document's STAC id is only an attribute, since real
/// catalogs repeat and change ids.
pub(crate) fn document_entity(store: &str, path: &str) -> EntityId {
    name("kfm-stac", store, path)
}

/// Names the entity of any cell.
pub(crate) fn cell_entity(cell: &CellId) -> EntityId {
    entity_in(cell.domain.as_str(), &cell.store, &cell.key)
}

/// Names the entity of a cell by its parts.
pub(crate) fn entity_in(domain: &str, store: &str, key: &str) -> EntityId {
    name(&format!("kfm-{domain}"), store, key)
}

/// Control characters, which an entity id cannot have, are percent-encoded, and so is the percent sign.
fn name(scheme: &str, store: &str, key: &str) -> EntityId {
    let mut text = format!("{scheme}://{store}/");
    for character in key.chars() {
        if character.is_control() || character == '%' {
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                text.push_str(&format!("%{byte:02X}"));
            }
        } else {
            text.push(character);
        }
    }
    EntityId::parse(&text).unwrap_or_else(|_| {
        let digest = kfm_lineage::Digest::of_bytes(text.as_bytes());
        EntityId::parse(&format!("{scheme}://{store}/-/{digest}"))
            .expect("short and without control characters")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_paths_have_entities_of_their_own() {
        let plain = document_entity("catalog", "stac/items/hydrography_<year>.json");
        assert_eq!(plain.as_str(), "kfm-stac://catalog/stac/items/hydrography_<year>.json");
        assert_ne!(document_entity("catalog", "a\nb.json"), document_entity("catalog", "a%0Ab.json"));
        assert!(document_entity("catalog", &"x".repeat(5_000)).as_str().len() < 200);
    }
}
