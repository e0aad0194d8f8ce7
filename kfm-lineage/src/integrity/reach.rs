//! ORP-1 and ORP-2: the documents that a reader never meets when it starts at a root.

use super::links::{Links, Listed};
use crate::document::DocumentKind;

/// A document that no root reaches.
pub(super) struct Orphan {
    /// The document's number.
    pub(super) number: usize,
    /// Whether a document lists it, one that is not reached itself.
    pub(super) listed: bool,
}

/// Finds the documents that no root reaches over `child` and `item` links.
///
/// Roots are the catalogs to which no `child` link leads. Without a root every document is an orphan.
pub(super) fn orphans(documents: &[Listed<'_>], links: &Links<'_>) -> Vec<Orphan> {
    let mut listed = vec![false; documents.len()];
    let mut is_child = vec![false; documents.len()];
    let mut lists: Vec<Vec<usize>> = vec![Vec::new(); documents.len()];
    for link in links.resolved.iter().filter(|link| link.link.lists()) {
        listed[link.to] = true;
        is_child[link.to] |= link.link.rel == "child";
        lists[link.from].push(link.to);
    }

    let is_root =
        |number: &usize| documents[*number].facts.kind == DocumentKind::Catalog && !is_child[*number];
    let mut to_visit: Vec<usize> = (0..documents.len()).filter(is_root).collect();
    let mut reached = vec![false; documents.len()];
    for &root in &to_visit {
        reached[root] = true;
    }
    while let Some(number) = to_visit.pop() {
        for &next in &lists[number] {
            if !std::mem::replace(&mut reached[next], true) {
                to_visit.push(next);
            }
        }
    }
    let unreached = (0..documents.len()).filter(|&number| !reached[number]);
    unreached.map(|number| Orphan { number, listed: listed[number] }).collect()
}
