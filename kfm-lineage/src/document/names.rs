//! The ids that a document states, and the collections that it names.

use std::collections::BTreeSet;

use super::reader::{Scalar, Statement, spells};

/// Every name that a document states about itself, each once and in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names<'a> {
    pub(super) ids: BTreeSet<&'a str>,
    pub(super) collections: BTreeSet<&'a str>,
    /// Whether one of them is named and cannot be read.
    pub(super) has_unread: bool,
}

impl<'a> Names<'a> {
    /// Reads the names of a JSON object: its own names, and those of the items in a collection of features.
    ///
    /// A number in the place of a name is a name, as it is written; in an array each element is one.
    pub(super) fn of_object(root: Statement<'a>) -> Self {
        let mut names = Self::default();
        let mut carriers = vec![root];
        while let Some(carrier) = carriers.pop() {
            for member in carrier.children() {
                names.take(member);
                match member.name() {
                    Some(name) if spells(name, "properties") => {
                        let inner = member.children().filter(|inner| !spells_name(*inner, "id"));
                        inner.for_each(|inner| names.take(inner));
                    }
                    Some(name) if spells(name, "features") => {
                        carriers.extend(member.children().filter(|feature| is_item(*feature)));
                    }
                    _ => {}
                }
            }
        }
        names
    }

    /// Reads all names, at any depth, of a text that is not valid JSON.
    pub(super) fn of_tokens(root: Statement<'a>) -> Self {
        let mut names = Self::default();
        for statement in root.inside() {
            let is_a_name = spells_name(statement, "id") || spells_name(statement, "collection");
            names.has_unread |= is_a_name && is_unread(statement);
            names.take(statement);
        }
        names
    }

    fn take(&mut self, statement: Statement<'a>) {
        let into = match statement.name() {
            Some(name) if spells(name, "id") => &mut self.ids,
            Some(name) if spells(name, "collection") => &mut self.collections,
            _ => return,
        };
        into.extend(statement.words().filter(|word| !word.trim().is_empty()));
    }
}

fn spells_name(statement: Statement<'_>, word: &str) -> bool {
    statement.name().is_some_and(|name| spells(name, word))
}

/// Says whether a value is neither null nor contains a word.
fn is_unread(statement: Statement<'_>) -> bool {
    match statement.scalar() {
        Scalar::Unread => true,
        Scalar::Object | Scalar::Array => statement.words().next().is_none(),
        _ => false,
    }
}

/// Says whether a feature is more than a geometry: an item of STAC, with an id of its own.
fn is_item(feature: Statement<'_>) -> bool {
    let of_items =
        |member: Statement<'_>| matches!(member.name(), Some("stac_version" | "collection" | "assets"));
    feature.children().any(of_items)
}
