//! Ties: what a document says it belongs to, comes from and holds. Protection follows these statements.

use std::collections::BTreeSet;

use super::reader::{Statement, spells};

/// How a document is tied to another one; protection passes along ties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
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
    /// Reads a relation: its word, `up` for `parent` (RFC 8288), or an address that ends with the word. Case, blanks,
    /// `_` and `-` do not count.
    ///
    /// ```
    /// use kfm_lineage::document::Relation;
    /// assert_eq!(Relation::read("Derived-From"), Some(Relation::DerivedFrom));
    /// let registered = "http://www.iana.org/assignments/relation/up";
    /// assert_eq!(Relation::read(registered), Some(Relation::Parent));
    /// assert_eq!(Relation::read("via"), None);
    /// ```
    pub fn read(rel: &str) -> Option<Self> {
        let words = [
            ("item", Self::Item),
            ("child", Self::Child),
            ("parent", Self::Parent),
            ("up", Self::Parent),
            ("collection", Self::Collection),
            ("derivedfrom", Self::DerivedFrom),
        ];
        let word = match rel.contains("//") {
            true => rel.trim_end_matches(['/', '#', ' ']).rsplit(['/', '#']).next().unwrap_or(rel),
            false => rel,
        };
        words.into_iter().find(|(known, _)| spells(word, known)).map(|(_, relation)| relation)
    }

    /// Says whether the other is one of those that the document lists.
    pub fn lists(self) -> bool {
        matches!(self, Self::Item | Self::Child)
    }
}

/// A statement that ties a document to another one and is not a plain link.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Tie {
    /// The relation of the other to this document.
    pub relation: Relation,
    /// The address of the other, as it is written, not resolved; in a `derived_from` member it may be an id.
    pub target: String,
}

/// Reads the ties that a document states in other ways than by a plain link: by one relation among several,
/// in a link at another place, by a member named `derived_from`, by a member of `links` or `_links` with the name of
/// a relation, or in text that is not valid JSON.
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
            continue;
        }
        if statement.is_object() && statement.name().is_some_and(|name| spells(name, "links")) {
            ties.extend(statement.children().flat_map(of_named_link));
        }
        if statement.is_object() && !is_plain(statement) {
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

/// Reads a link whose name is its relation (HAL), with its address as the value, or in `href` below it.
fn of_named_link(link: Statement<'_>) -> Vec<Tie> {
    let relations: BTreeSet<Relation> = link.name().into_iter().flat_map(read_all).collect();
    let is_address = |item: &Statement<'_>| {
        item.position() == link.position() || item.name().is_none_or(|name| spells(name, "href"))
    };
    let of = |relation| {
        let targets =
            std::iter::once(link).chain(link.inside()).filter(is_address).filter_map(Statement::text);
        targets.map(move |target| Tie { relation, target: target.to_owned() })
    };
    relations.into_iter().flat_map(of).collect()
}

/// Reads a text with one relation, or with several separated by blanks.
fn read_all(rel: &str) -> impl Iterator<Item = Relation> {
    std::iter::once(rel).chain(rel.split_whitespace()).filter_map(Relation::read)
}
