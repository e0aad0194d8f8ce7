//! CARE labels: how much of an entity may be shown (R60).

use kfm_lineage::document::Field;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A CARE label. There is no default: an entity without a label is denied.
///
/// The order is that of protection: a later label protects more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CareLabel {
    /// The entity may be shown as it is.
    Public,
    /// The entity may be shown generalised.
    Sensitive,
    /// The entity may be shown only strongly generalised, or without its place.
    Restricted,
}

/// The words of R60 and of neighbouring vocabularies, each with the stricter of our labels.
pub const VOCABULARY: [(&str, CareLabel); 6] = [
    ("public", CareLabel::Public),
    ("sensitive", CareLabel::Sensitive),
    ("community-controlled", CareLabel::Sensitive),
    ("restricted", CareLabel::Restricted),
    ("sovereign", CareLabel::Restricted),
    ("internal", CareLabel::Restricted),
];

/// Why an entity's label is not known; each reason denies.
///
/// The text that was found is not kept: it would get into messages, and what it says is not known (R66).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum UnknownLabel {
    /// Neither the document nor the registry has a label: add an entry to the registry.
    #[error("no label applies")]
    Absent,
    /// The document's label is not a text, or the document has two types: repair the document.
    #[error("the document's own label cannot be read")]
    Malformed,
    /// The document's label is a word that no vocabulary has: repair the document.
    #[error("the document's own label is not a known word")]
    Unrecognised,
}

impl CareLabel {
    /// Reads a label, in the words of this crate or of a mapped vocabulary, in any case.
    ///
    /// ```
    /// use kfm_policy::CareLabel;
    /// assert_eq!(CareLabel::parse("Community-Controlled"), Ok(CareLabel::Sensitive));
    /// assert!(CareLabel::parse("open").is_err());
    /// ```
    ///
    /// # Errors
    /// [`UnknownLabel::Unrecognised`]: no vocabulary has the word; deny the operation.
    pub fn parse(text: &str) -> Result<Self, UnknownLabel> {
        VOCABULARY
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(text))
            .map(|(_, label)| *label)
            .ok_or(UnknownLabel::Unrecognised)
    }

    /// Reads a document's own label; of several labels the strictest. `Ok(None)` if the document has none.
    ///
    /// # Errors
    /// [`UnknownLabel::Malformed`] and [`UnknownLabel::Unrecognised`]: the document has a label, and it
    /// cannot be told what it demands; deny the operation.
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
