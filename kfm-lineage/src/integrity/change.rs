//! What an operation does to broken links and orphans: introduces them, brings them back, or leaves them.
//!
//! The policy decides which of these deny, depending on the operation; which is which is a fact.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::census::{Break, Census};

/// A broken link or an orphan, as a finding of an operation.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum IntegrityFinding {
    /// A broken link, LNK-1 to LNK-5.
    BrokenLink(Break),
    /// A document that no root reaches, ORP-1.
    Orphan {
        /// The path of the document that no root reaches.
        document: String,
    },
}

impl IntegrityFinding {
    /// Returns the path of the document that has the broken link or is the orphan.
    pub fn document(&self) -> &str {
        match self {
            Self::BrokenLink(broken) => &broken.document,
            Self::Orphan { document } => document,
        }
    }
}

/// What an operation does to the integrity of a catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegrityChange {
    /// The catalog before the operation.
    pub before: Census,
    /// The catalog after the operation, as it is planned or as it was observed.
    pub after: Census,
    /// What was not there before the operation, and does not come back from an older state.
    pub introduced: Vec<IntegrityFinding>,
    /// What is not there now, but was there before the undone operation: the old state has it.
    pub returned: Vec<IntegrityFinding>,
    /// What the undone operation made in a document that this operation moves, and that is still there
    /// afterwards.
    pub left: Vec<IntegrityFinding>,
}

impl IntegrityChange {
    /// Compares the states before and after a publish or a hotfix: everything new is introduced.
    pub fn of_publish(before: Census, after: Census) -> Self {
        let introduced = added(&before, &after).collect();
        Self { before, after, introduced, returned: Vec::new(), left: Vec::new() }
    }

    /// Compares the states before and after a rollback, a revert or an abort.
    ///
    /// `undone_before` and `undone_after` are the states before and after the undone operation, when it was
    /// made; `moved` are the paths of the documents that this operation moves. Takes time linear in the size
    /// of the censuses, whatever the size of the catalog.
    pub fn of_rollback(
        before: Census,
        after: Census,
        undone_before: &Census,
        undone_after: &Census,
        moved: &BTreeSet<String>,
    ) -> Self {
        let (returned, introduced) =
            added(&before, &after).partition(|finding| is_in(finding, undone_before));
        let left = added(undone_before, undone_after)
            .filter(|finding| moved.contains(finding.document()))
            .filter(|finding| is_in(finding, &before) && is_in(finding, &after))
            .collect();
        Self { before, after, introduced, returned, left }
    }
}

/// Lists what the second census has and the first has not: first broken links, then orphans, each in order.
fn added<'a>(before: &'a Census, after: &'a Census) -> impl Iterator<Item = IntegrityFinding> + 'a {
    let breaks = after.breaks.difference(&before.breaks).cloned().map(IntegrityFinding::BrokenLink);
    let orphans = after.orphans.difference(&before.orphans).cloned();
    breaks.chain(orphans.map(|document| IntegrityFinding::Orphan { document }))
}

fn is_in(finding: &IntegrityFinding, census: &Census) -> bool {
    match finding {
        IntegrityFinding::BrokenLink(broken) => census.breaks.contains(broken),
        IntegrityFinding::Orphan { document } => census.orphans.contains(document),
    }
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
