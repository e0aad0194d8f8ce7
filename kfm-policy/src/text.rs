//! What must not be in texts about protected entities: places and persons (R66, CARE-E1-text).
//!
//! These are patterns, so they err in both directions; they rather find too much. They are the second line of
//! defence: the first is that messages about protected entities contain no text of theirs at all.
//! [`has_place`] finds places.

use std::borrow::Cow;

use kfm_lineage::document::has_place;
use kfm_lineage::text::shown;

/// The words in a message where a text was left out.
pub(crate) const WITHHELD: &str = "(withheld)";

/// Says whether a text contains an e-mail address.
pub(crate) fn has_person(text: &str) -> bool {
    text.match_indices('@').any(|(at, _)| {
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
        let host: String = text[at + 1..].chars().take_while(|c| is_name(*c)).collect();
        text[..at].chars().next_back().is_some_and(is_name) && host.trim_end_matches('.').contains('.')
    })
}

/// Returns a name for a message: the path of an entity, or the relation of a link.
///
/// It is withheld if it reads like a place or a person, since names of files have been both.
pub(crate) fn name(text: &str) -> Cow<'_, str> {
    if has_place(text) || has_person(text) { Cow::Borrowed(WITHHELD) } else { shown(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_found_by_their_address() {
        assert!(has_person("asked by ada@example.org"));
        assert!(!has_person("ops @ noon") && !has_person("@kfm") && !has_person("a@b"));
    }

    #[test]
    fn a_name_that_is_a_place_is_withheld() {
        assert_eq!(name("items/site_38.1234_-97.5678.json"), WITHHELD);
        assert_eq!(name("items/hydrography.json"), "items/hydrography.json");
        assert_eq!(name("a\nb"), "a\\nb");
    }
}
