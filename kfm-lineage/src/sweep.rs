//! The closure of a graph whose nodes are dense numbers, found in one sweep over a bitmap.
//!
//! Versions are numbered in the order of the log, and a version comes after the versions that it was made
//! from. So nearly every edge leads from a lower number to a higher one. The dependants of a set are found in
//! one pass upwards from its lowest number, without a queue or a sort, and its ancestors in one pass
//! downwards. An edge against the order (between documents of one publish that name each other) makes its end
//! a late node; late nodes are followed after the pass. Every node is expanded once: time and memory are
//! linear in the nodes and edges behind the first root, whatever the order.

/// With fewer edges in the tail than this, folding the tail into the base does not pay.
const TAIL_MIN: usize = 1 << 12;

/// The edges of a graph that only grows: a compact base, and a tail with the edges that came later.
///
/// The base is in compressed sparse rows (offsets and targets), which a sweep reads in order. The tail is a
/// list for each node. It is folded into the base once it has become longer than the base, so that an edge is
/// moved only a few times and adding one takes constant time on average.
#[derive(Debug, Default)]
pub(crate) struct Adjacency {
    offsets: Vec<usize>,
    targets: Vec<u32>,
    /// For each node, the first edge of its tail, plus one; 0 if its tail is empty.
    tail_first: Vec<usize>,
    tail: Vec<TailEdge>,
}

#[derive(Debug)]
struct TailEdge {
    target: u32,
    /// The next edge of the same node, plus one; 0 after the last edge.
    next: usize,
}

impl Adjacency {
    /// Adds an edge.
    pub(crate) fn add(&mut self, from: u32, to: u32) {
        let node = from as usize;
        if self.tail_first.len() <= node {
            self.tail_first.resize(node + 1, 0);
        }
        self.tail.push(TailEdge { target: to, next: self.tail_first[node] });
        self.tail_first[node] = self.tail.len();
        if self.tail.len() > self.targets.len().max(TAIL_MIN) {
            self.fold();
        }
    }

    /// Returns the ends of a node's edges, in any order.
    pub(crate) fn of(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        let node = node as usize;
        let base = match self.offsets.get(node..node + 2) {
            Some(range) => &self.targets[range[0]..range[1]],
            None => &[],
        };
        let mut at = self.tail_first.get(node).copied().unwrap_or(0);
        let tail = std::iter::from_fn(move || {
            let edge = &self.tail[at.checked_sub(1)?];
            at = edge.next;
            Some(edge.target)
        });
        base.iter().copied().chain(tail)
    }

    fn fold(&mut self) {
        let nodes = self.tail_first.len().max(self.offsets.len().saturating_sub(1));
        let mut offsets = Vec::with_capacity(nodes + 1);
        let mut targets = Vec::with_capacity(self.targets.len() + self.tail.len());
        offsets.push(0);
        for node in 0..u32::try_from(nodes).expect("nodes are numbered in u32") {
            targets.extend(self.of(node));
            offsets.push(targets.len());
        }
        *self = Self { offsets, targets, ..Self::default() };
    }
}

/// The direction of the edges of an [`Adjacency`], except the late ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Towards {
    /// From lower to higher numbers: to dependants.
    Higher,
    /// From higher to lower numbers: to sources.
    Lower,
}

/// Returns the roots and every node that edges lead to from them, in ascending order.
pub(crate) fn closure(edges: &Adjacency, nodes: usize, roots: &[u32], towards: Towards) -> Vec<u32> {
    let mut reached = Bitmap::new(nodes);
    for &root in roots {
        reached.insert(root);
    }
    let mut late = Vec::new();
    let mut at = match towards {
        Towards::Higher => reached.next(0),
        Towards::Lower => reached.previous(nodes),
    };
    while let Some(node) = at {
        for next in edges.of(node) {
            let is_passed = match towards {
                Towards::Higher => next < node,
                Towards::Lower => next > node,
            };
            if reached.insert(next) && is_passed {
                late.push(next);
            }
        }
        at = match towards {
            Towards::Higher => reached.next(node as usize + 1),
            Towards::Lower => reached.previous(node as usize),
        };
    }
    while let Some(node) = late.pop() {
        late.extend(edges.of(node).filter(|&next| reached.insert(next)));
    }
    reached.iter().collect()
}

/// A set of numbers below a limit.
#[derive(Debug)]
struct Bitmap {
    words: Vec<u64>,
}

impl Bitmap {
    fn new(bound: usize) -> Self {
        Self { words: vec![0; bound.div_ceil(64)] }
    }

    /// Inserts a number and says whether it is new.
    fn insert(&mut self, number: u32) -> bool {
        let (word, bit) = (number as usize / 64, 1 << (number % 64));
        let is_new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        is_new
    }

    /// Returns the lowest member from `from` on.
    fn next(&self, from: usize) -> Option<u32> {
        let mut word = from / 64;
        let mut bits = self.words.get(word)? & (u64::MAX << (from % 64));
        while bits == 0 {
            word += 1;
            bits = *self.words.get(word)?;
        }
        u32::try_from(word * 64 + bits.trailing_zeros() as usize).ok()
    }

    /// Returns the highest member below `below`.
    fn previous(&self, below: usize) -> Option<u32> {
        let mut word = below / 64;
        let mut bits = self.words.get(word).map_or(0, |bits| bits & !(u64::MAX << (below % 64)));
        while bits == 0 {
            word = word.checked_sub(1)?;
            bits = self.words[word];
        }
        u32::try_from(word * 64 + 63 - bits.leading_zeros() as usize).ok()
    }

    fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors(self.next(0), |&number| self.next(number as usize + 1))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn adjacency(edges: &[(u32, u32)]) -> Adjacency {
        let mut adjacency = Adjacency::default();
        for &(from, to) in edges {
            adjacency.add(from, to);
        }
        adjacency
    }

    /// The closure by its definition: repeats until nothing changes.
    fn by_definition(edges: &[(u32, u32)], roots: &[u32]) -> Vec<u32> {
        let mut reached: BTreeSet<u32> = roots.iter().copied().collect();
        loop {
            let more: Vec<u32> =
                edges.iter().filter(|(from, _)| reached.contains(from)).map(|(_, to)| *to).collect();
            let before = reached.len();
            reached.extend(more);
            if reached.len() == before {
                return reached.into_iter().collect();
            }
        }
    }

    #[test]
    fn a_sweep_follows_edges_against_the_order() {
        let edges = [(5, 1), (1, 3), (3, 5), (1, 70), (70, 0), (0, 69)];
        assert_eq!(closure(&adjacency(&edges), 71, &[5], Towards::Higher), [0, 1, 3, 5, 69, 70]);
    }

    #[test]
    fn a_reversed_chain_is_followed_in_one_go() {
        // Every edge is against the order: a sweep that repeats until nothing changes would take a second.
        let edges: Vec<(u32, u32)> = (1..200_000).map(|node| (node, node - 1)).collect();
        assert_eq!(closure(&adjacency(&edges), 200_000, &[199_999], Towards::Higher).len(), 200_000);
    }

    #[test]
    fn edges_survive_being_folded_into_the_base() {
        let edges: Vec<(u32, u32)> =
            (0..30_000).map(|n: u32| (n.wrapping_mul(7919) % 100, 100 + n)).collect();
        let adjacency = adjacency(&edges);
        assert!(adjacency.targets.len() > TAIL_MIN, "the tail was folded");
        for node in 0..110 {
            let mut ends: Vec<u32> = adjacency.of(node).collect();
            ends.sort_unstable();
            let expected: Vec<u32> =
                edges.iter().filter(|(from, _)| *from == node).map(|(_, to)| *to).collect();
            assert_eq!(ends, expected);
        }
    }

    proptest! {
        #[test]
        fn a_sweep_finds_what_the_definition_finds(
            edges in prop::collection::vec((0u32..150, 0u32..150), 0..200),
            roots in prop::collection::vec(0u32..150, 0..5),
        ) {
            let expected = by_definition(&edges, &roots);
            for towards in [Towards::Higher, Towards::Lower] {
                prop_assert_eq!(&closure(&adjacency(&edges), 150, &roots, towards), &expected);
            }
        }
    }
}
