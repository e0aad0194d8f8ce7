//! The names in entries, for lookups that are not exact.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use kfm_lineage::text::{is_hidden, lookalike};

use super::RegistryEntry;
use crate::label::CareLabel;
use crate::treatment::Treatment;

/// What the entries of a registry, taken together, say about ids and collections.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    /// Whether an entry by id or by collection demands more than public.
    pub(super) ask_more: bool,
    /// The names in entries, by their form without case and blanks.
    alike: BTreeMap<String, BTreeSet<String>>,
}

impl Names {
    /// Takes note of an entry for an entity: an id, a collection or a path.
    pub(super) fn note(&mut self, entity: &str, entry: &RegistryEntry) {
        self.ask_more |= asks_more(entry) && !is_path_of_a_document(entity);
        self.alike.entry(read(entity)).or_default().insert(entity.to_owned());
    }

    /// Lists the names in entries that differ from `name` only by case and blanks.
    pub(super) fn like(&self, name: &str) -> impl Iterator<Item = &str> {
        self.alike.get(&read(name)).into_iter().flatten().map(String::as_str)
    }
}

/// Returns the form of a name by which entries are found: two names that look the same (composed and decomposed
/// letters, a character without width) are the same name.
pub(super) fn looks(name: &str) -> Cow<'_, str> {
    match name.is_ascii() && !name.contains(is_hidden) {
        true => Cow::Borrowed(name),
        false => Cow::Owned(lookalike(name)),
    }
}

fn read(name: &str) -> String {
    looks(name).chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

fn is_path_of_a_document(entity: &str) -> bool {
    entity.ends_with(".json") || entity.ends_with(".geojson")
}

fn asks_more(entry: &RegistryEntry) -> bool {
    match entry {
        RegistryEntry::Label(label) => {
            label.care > CareLabel::Public || label.masking.is_some_and(|masking| masking > Treatment::Public)
        }
        RegistryEntry::Hold(_) | RegistryEntry::Suppression(_) => true,
    }
}
