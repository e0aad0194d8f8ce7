//! LNK-5: links of the version extension that cannot all be true (relations of RFC 5829).
//!
//! The rules: there is at most one `latest-version`. A deprecated document has one, and it leads to a
//! document that is not deprecated. Predecessors form no cycle. In the store every predecessor names its
//! successor, and every successor its predecessor.

use std::collections::{BTreeMap, HashSet};

use super::census::{Break, LinkClass};
use super::links::{Links, Listed, Resolved};

const LATEST: &str = "latest-version";
const PREDECESSOR: &str = "predecessor-version";
const SUCCESSOR: &str = "successor-version";

/// Says whether a relation is one of the version extension.
pub(super) fn is_version_link(rel: &str) -> bool {
    [LATEST, PREDECESSOR, SUCCESSOR].contains(&rel)
}

/// Judges the version links that lead to documents of the store.
pub(super) fn breaks(documents: &[Listed<'_>], links: &Links<'_>) -> Vec<Break> {
    let of = |rel: &'static str| {
        links.resolved.iter().filter(move |link| link.link.rel == rel && link.link.leads_to_json())
    };
    let predecessors: HashSet<(usize, usize)> = of(PREDECESSOR).map(|link| (link.from, link.to)).collect();
    let successors: HashSet<(usize, usize)> = of(SUCCESSOR).map(|link| (link.from, link.to)).collect();
    let on_cycle = cycles(&predecessors);

    let predecessor_fails = |link: &&Resolved<'_>| {
        on_cycle.get(&link.from).is_some_and(|cycle| on_cycle.get(&link.to) == Some(cycle))
            || !successors.contains(&(link.to, link.from))
    };
    let successor_fails = |link: &&Resolved<'_>| !predecessors.contains(&(link.to, link.from));
    let mut breaks: Vec<Break> = of(PREDECESSOR)
        .filter(predecessor_fails)
        .chain(of(SUCCESSOR).filter(successor_fails))
        .map(|link| link.broken(LinkClass::VersionLink, documents))
        .collect();
    breaks.extend(latest_breaks(documents, of(LATEST)));
    breaks
}

fn latest_breaks<'a>(documents: &[Listed<'_>], latest: impl Iterator<Item = &'a Resolved<'a>>) -> Vec<Break> {
    let mut breaks = Vec::new();
    let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
    for link in latest {
        let another = seen.get(&link.from).is_some_and(|first| *first != link.to);
        seen.entry(link.from).or_insert(link.to);
        let leads_to_deprecated =
            documents[link.from].facts.deprecated && documents[link.to].facts.deprecated;
        if another || leads_to_deprecated {
            breaks.push(link.broken(LinkClass::VersionLink, documents));
        }
    }
    let lacks_latest = |document: &&Listed<'_>| {
        document.facts.deprecated && document.facts.links_of(LATEST).next().is_none()
    };
    breaks.extend(documents.iter().filter(lacks_latest).map(|document| Break {
        class: LinkClass::VersionLink,
        document: document.path.to_owned(),
        rel: LATEST.to_owned(),
        target: String::new(),
    }));
    breaks
}

/// Finds the documents that are their own predecessors, each with the number of its cycle.
///
/// It finds strongly connected components as Tarjan (1972) does, without recursion, since a chain of versions
/// may be long.
fn cycles(edges: &HashSet<(usize, usize)>) -> BTreeMap<usize, usize> {
    let mut next: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &(from, to) in edges {
        next.entry(from).or_default().push(to);
        next.entry(to).or_default();
    }
    let mut order: BTreeMap<usize, usize> = BTreeMap::new();
    let mut low: BTreeMap<usize, usize> = BTreeMap::new();
    let mut open: Vec<usize> = Vec::new();
    let mut is_open: HashSet<usize> = HashSet::new();
    let mut on_cycle = BTreeMap::new();
    for &start in next.keys() {
        let mut path: Vec<(usize, usize)> = Vec::new();
        if !order.contains_key(&start) {
            path.push((start, 0));
        }
        // `path` replaces the call stack: each node with the number of its next edge.
        while let Some((node, edge)) = path.pop() {
            if edge == 0 {
                let number = order.len();
                order.insert(node, number);
                low.insert(node, number);
                open.push(node);
                is_open.insert(node);
            }
            if let Some(&to) = next[&node].get(edge) {
                path.push((node, edge + 1));
                if !order.contains_key(&to) {
                    path.push((to, 0));
                } else if is_open.contains(&to) {
                    low.insert(node, low[&node].min(order[&to]));
                }
                continue;
            }
            if let Some(&(parent, _)) = path.last() {
                low.insert(parent, low[&parent].min(low[&node]));
            }
            // No edge of the component leads to an older open node: all nodes opened since are the component.
            if low[&node] == order[&node] {
                close(node, &mut open, &mut is_open, edges, &mut on_cycle);
            }
        }
    }
    on_cycle
}

/// Takes one component off the stack. It is a cycle if it has several members, or if its member leads to
/// itself.
fn close(
    root: usize,
    open: &mut Vec<usize>,
    is_open: &mut HashSet<usize>,
    edges: &HashSet<(usize, usize)>,
    on_cycle: &mut BTreeMap<usize, usize>,
) {
    let first = open.iter().rposition(|node| *node == root).expect("a component's root is still open");
    let is_cycle = open.len() - first > 1 || edges.contains(&(root, root));
    for node in open.drain(first..) {
        is_open.remove(&node);
        if is_cycle {
            on_cycle.insert(node, root);
        }
    }
}
