//! CARE labels: what an entity may be shown as (R60).

use kfm_lineage::document::Field;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A CARE label; there is no default, what carries none is denied.
///
/// The order is that of protection: a later one protects more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CareLabel {
    /// May be shown as it is.
    Public,
    /// May be shown generalised.
    Sensitive,
    /// May be shown only strongly generalised, or without its place.
    Restricted,
}

/// Words of the owner's and of neighbouring vocabularies, each with the stricter of our labels (R60).
pub const VOCABULARY: [(&str, CareLabel); 6] = [
    ("public", CareLabel::Public),
    ("sensitive", CareLabel::Sensitive),
    ("community-controlled", CareLabel::Sensitive),
    ("restricted", CareLabel::Restricted),
    ("sovereign", CareLabel::Restricted),
    ("internal", CareLabel::Restricted),
];

/// Why an entity's label is not known; each denies.
///
/// The text that was found is not kept: it would end in messages, and nobody knows what it says (R66).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum UnknownLabel {
    /// Neither the document nor the registry has one: add an entry to the registry.
    #[error("no label applies")]
    Absent,
    /// The document's label is not a text, or the document says that it is of two types: repair the document.
    #[error("the document's own label cannot be read")]
    Malformed,
    /// The document's label is a word that no vocabulary has: repair the document.
    #[error("the document's own label is not a known word")]
    Unrecognised,
}

impl CareLabel {
    /// Reads a label, in our words or a mapped vocabulary's, in capitals or not.
    ///
    /// ```
    /// use kfm_policy::CareLabel;
    /// assert_eq!(CareLabel::parse("Community-Controlled"), Ok(CareLabel::Sensitive));
    /// assert!(CareLabel::parse("open").is_err());
    /// ```
    ///
    /// # Errors
    /// [`UnknownLabel::Unrecognised`]: no vocabulary has the word; deny.
    pub fn parse(text: &str) -> Result<Self, UnknownLabel> {
        VOCABULARY
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(text))
            .map(|(_, label)| *label)
            .ok_or(UnknownLabel::Unrecognised)
    }

    /// Reads a document's own label, which it need not have: of several the strictest.
    ///
    /// # Errors
    /// [`UnknownLabel::Malformed`] and [`UnknownLabel::Unrecognised`]: it has one and nobody can tell what it
    /// asks for; deny.
    pub fn of_document(field: &Field<Vec<String>>) -> Result<Option<Self>, UnknownLabel> {
        match field {
            Field::Present(labels) => {
                labels.iter().try_fold(None, |strictest, label| Ok(strictest.max(Some(Self::parse(label)?))))
            }
            Field::Absent => Ok(None),
            Field::Malformed => Err(UnknownLabel::Malformed),
        }
    }

    /// Returns the word used in files and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Sensitive => "sensitive",
            Self::Restricted => "restricted",
        }
    }
}

impl std::fmt::Display for CareLabel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_vocabularies_map_to_the_stricter_label() {
        assert_eq!(CareLabel::parse("sovereign"), Ok(CareLabel::Restricted));
        assert_eq!(CareLabel::parse("Internal"), Ok(CareLabel::Restricted));
        assert_eq!(CareLabel::parse("Community-Controlled"), Ok(CareLabel::Sensitive));
        assert_eq!(CareLabel::parse("Public"), Ok(CareLabel::Public));
    }

    #[test]
    fn a_word_that_no_vocabulary_has_is_no_label() {
        for text in ["", "open", "public ", "sensitiv", "PUBLIC\n", "null"] {
            assert_eq!(CareLabel::parse(text), Err(UnknownLabel::Unrecognised), "{text:?}");
        }
    }

    #[test]
    fn of_labels_that_disagree_the_strictest_holds_and_one_that_is_unknown_denies() {
        let of = |labels: &[&str]| {
            CareLabel::of_document(&Field::Present(labels.iter().map(|label| (*label).to_owned()).collect()))
        };
        assert_eq!(of(&["public", "sovereign", "sensitive"]), Ok(Some(CareLabel::Restricted)));
        assert_eq!(of(&["public", "open"]), Err(UnknownLabel::Unrecognised));
    }

    #[test]
    fn a_malformed_label_is_not_an_absent_one() {
        assert_eq!(CareLabel::of_document(&Field::Absent), Ok(None));
        assert_eq!(CareLabel::of_document(&Field::Malformed), Err(UnknownLabel::Malformed));
    }
}
