//! The ids that a document states, and the collections that it names.

use std::collections::BTreeSet;

use super::reader::{Scalar, Statement, spells};

/// The members whose value, or the objects directly inside it, are entities with ids.
const HOLDERS: [&str; 8] =
    ["features", "items", "data", "collections", "feature", "item", "collection", "catalog"];

/// The types of entities with ids.
const ENTITIES: [&str; 6] =
    ["feature", "featurecollection", "item", "itemcollection", "collection", "catalog"];

/// The members that only entities with ids have.
const MEMBERS: [&str; 5] = ["geometry", "properties", "stacversion", "collection", "assets"];

/// A value that contains the current one.
struct Around {
    end: usize,
    holds_entities: bool,
    holds_assets: bool,
}

/// Every name that a document states about itself, each once and in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names<'a> {
    pub(super) ids: BTreeSet<&'a str>,
    pub(super) collections: BTreeSet<&'a str>,
    /// Whether one of them is named and cannot be read.
    pub(super) has_unread: bool,
}

impl<'a> Names<'a> {
    /// Reads the names of a JSON object: its own ids, those of everything inside it that is a feature, an item,
    /// a collection or a catalog, and every collection that is named.
    ///
    /// A number in the place of a name is a name, as it is written; in an array each element is one.
    pub(super) fn of_object(root: Statement<'a>) -> Self {
        let mut names = Self::default();
        root.children().for_each(|member| names.take(member));
        let mut around = vec![Around { end: root.end(), holds_entities: false, holds_assets: false }];
        for statement in root.inside() {
            while around.len() > 1 && around.last().is_some_and(|last| last.end <= statement.position()) {
                around.pop();
            }
            let Some(last) = around.last() else { break };
            let is_top = around.len() == 1;
            // The key of an asset says nothing about what it is.
            let is =
                |words: &[&str]| words.iter().any(|word| spells_name(statement, word)) && !last.holds_assets;
            let holds_entities = is(&HOLDERS);
            if statement.is_object() && (holds_entities || last.holds_entities || is_entity(statement)) {
                let ids = statement.children().filter(|member| spells_name(*member, "id"));
                ids.for_each(|id| names.take(id));
            }
            if !is_top && is(&["collection"]) {
                names.collections.extend(own_words(statement));
            }
            if statement.is_object() || statement.is_array() {
                let holds_assets = is(&["assets", "itemassets"]);
                around.push(Around { end: statement.end(), holds_entities, holds_assets });
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

/// Lists the words that a value is, or that are its items, without what is deeper.
fn own_words(value: Statement<'_>) -> impl Iterator<Item = &str> {
    let items = value.is_array().then(|| value.children()).into_iter().flatten();
    std::iter::once(value).chain(items).filter_map(|value| match value.scalar() {
        Scalar::Text(word) | Scalar::Number(word) if !word.trim().is_empty() => Some(word.as_ref()),
        _ => None,
    })
}

/// Says whether an object is a feature, an item, a collection or a catalog, by its type or by members that
/// others do not have.
fn is_entity(object: Statement<'_>) -> bool {
    let is = |name: &str, words: &[&str]| words.iter().any(|word| spells(name, word));
    object.children().any(|member| match member.name() {
        Some(name) if spells(name, "type") => member.words().any(|kind| is(kind, &ENTITIES)),
        Some(name) => is(name, &MEMBERS),
        None => false,
    })
}
