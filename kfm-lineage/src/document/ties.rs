//! Ties: what a document says it belongs to, comes from and holds. Protection follows these statements.

use std::collections::BTreeSet;

use super::reader::{Statement, spells};

/// How a document is tied to another one; protection passes along ties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Relation {
    /// The other is the collection of this document: a `collection` link.
    Collection,
    /// The other is above this document: a `parent` link.
    Parent,
    /// This document was made from the other: `derived_from`.
    DerivedFrom,
    /// The other is an item of this document: an `item` link.
    Item,
    /// The other is below this document: a `child` link.
    Child,
}

impl Relation {
    /// Reads a relation. Case, blanks, `_` and `-` do not count.
    ///
    /// ```
    /// use kfm_lineage::document::Relation;
    /// assert_eq!(Relation::read("Derived-From"), Some(Relation::DerivedFrom));
    /// assert_eq!(Relation::read("via"), None);
    /// ```
    pub fn read(rel: &str) -> Option<Self> {
        let words = [
            ("item", Self::Item),
            ("child", Self::Child),
            ("parent", Self::Parent),
            ("collection", Self::Collection),
            ("derivedfrom", Self::DerivedFrom),
        ];
        words.into_iter().find(|(word, _)| spells(rel, word)).map(|(_, relation)| relation)
    }

    /// Says whether the other is one of those that the document lists.
    pub fn lists(self) -> bool {
        matches!(self, Self::Item | Self::Child)
    }
}

/// A statement that ties a document to another one and is not a plain link.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tie {
    /// The relation of the other to this document.
    pub relation: Relation,
    /// The address of the other, as it is written, not resolved; in a `derived_from` member it may be an id.
    pub target: String,
}

/// Reads the ties that a document states in other ways than by a plain link: by one relation among several,
/// in a link at another place, by a member named `derived_from`, or in text that is not valid JSON.
pub(super) fn stated(root: Statement<'_>, is_plain: impl Fn(Statement<'_>) -> bool) -> Box<[Tie]> {
    let mut ties = BTreeSet::new();
    let mut passed = 0;
    for statement in root.inside() {
        if statement.position() < passed {
            continue;
        }
        if statement.name().is_some_and(|name| spells(name, "derivedfrom")) {
            let tie = |target: &str| Tie { relation: Relation::DerivedFrom, target: target.to_owned() };
            ties.extend(statement.words().map(tie));
            passed = statement.end();
        } else if statement.is_object() && !is_plain(statement) {
            ties.extend(of_link(statement));
        }
    }
    ties.into_iter().collect()
}

/// Reads an object that says what its target is and where it is: a link, or an asset with a role.
fn of_link(link: Statement<'_>) -> impl Iterator<Item = Tie> {
    let of = |names: &[&str]| {
        let named = link
            .children()
            .filter(|member| member.name().is_some_and(|name| names.iter().any(|word| spells(name, word))));
        named.flat_map(Statement::words).collect::<Vec<&str>>()
    };
    let relations: BTreeSet<Relation> = of(&["rel", "roles"]).into_iter().flat_map(read_all).collect();
    let targets = if relations.is_empty() { Vec::new() } else { of(&["href"]) };
    relations.into_iter().flat_map(move |relation| {
        targets.clone().into_iter().map(move |target| Tie { relation, target: target.to_owned() })
    })
}

/// Reads a text with one relation, or with several separated by blanks.
fn read_all(rel: &str) -> impl Iterator<Item = Relation> {
    std::iter::once(rel).chain(rel.split_whitespace()).filter_map(Relation::read)
}
