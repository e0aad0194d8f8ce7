//! A document's own CARE labels: every label that it states, at any place.

use std::collections::BTreeSet;

use super::Field;
use super::reader::{Scalar, Statement, spells};

/// The names under which documents state their own CARE label (R60).
///
/// Case, blanks, `_` and `-` do not count, and `kfm` may be an object in which the rest of the name stands.
pub const CARE_KEYS: [&str; 3] = ["kfm:care_label", "kfm:careLabel", "kfm:care_tag"];

/// Reads all labels that a document states, each once.
///
/// [`Field::Malformed`] if one is not a text: a label that cannot be read denies. Only the summaries of a
/// collection, which list the values of its items, may have several in an array.
pub(super) fn stated(root: Statement<'_>) -> Field<Vec<String>> {
    let mut labels = BTreeSet::new();
    let (mut kfm_end, mut summaries_end) = (0, 0);
    for statement in root.inside() {
        let Some(name) = statement.name() else { continue };
        let (in_kfm, in_summaries) = (statement.position() < kfm_end, statement.position() < summaries_end);
        if names_a_label(name, in_kfm) {
            match statement.scalar() {
                Scalar::Text(label) => {
                    labels.insert(label.as_ref());
                }
                Scalar::Array if in_summaries && statement.children().all(|item| item.text().is_some()) => {
                    labels.extend(statement.words());
                }
                _ => return Field::Malformed,
            }
        } else if spells(name, "kfm") {
            kfm_end = kfm_end.max(statement.end());
        } else if spells(name, "summaries") {
            summaries_end = summaries_end.max(statement.end());
        }
    }
    let labels: Vec<String> = labels.into_iter().map(str::to_owned).collect();
    if labels.is_empty() { Field::Absent } else { Field::Present(labels) }
}

fn names_a_label(name: &str, in_kfm: bool) -> bool {
    let is = |word| spells(name, word);
    is("kfmcarelabel") || is("kfmcaretag") || in_kfm && (is("carelabel") || is("caretag"))
}
