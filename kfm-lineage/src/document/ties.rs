//! What a document says it belongs to, comes from and holds: the statements that protection follows.

use std::collections::BTreeSet;

use super::reader::{Statement, spells};

/// How a document is tied to another; protection passes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Relation {
    /// The other is its collection: a `collection` link.
    Collection,
    /// The other is above it: a `parent` link.
    Parent,
    /// It was made from the other: `derived_from`.
    DerivedFrom,
    /// The other is one of its items: an `item` link.
    Item,
    /// The other is below it: a `child` link.
    Child,
}

impl Relation {
    /// Reads a relation; case, blanks, `_` and `-` do not count.
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

    /// Says whether the other is among what the document lists.
    pub fn lists(self) -> bool {
        matches!(self, Self::Item | Self::Child)
    }
}

/// A statement that ties a document to another and is no plain link.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tie {
    /// What the other is to the document.
    pub relation: Relation,
    /// Where the other is, not resolved; of a `derived_from` member it may be an id.
    pub target: String,
}

/// Reads the ties that a document states otherwise than by a plain link: by a relation among several, in a link
/// at another place, by a member named `derived_from`, in text that is not valid JSON.
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

/// Reads an object that says what its target is and where: a link, or an asset with a role.
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

/// Reads a text that is one relation, or several with blanks between them.
fn read_all(rel: &str) -> impl Iterator<Item = Relation> {
    std::iter::once(rel).chain(rel.split_whitespace()).filter_map(Relation::read)
}
