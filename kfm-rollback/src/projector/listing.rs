//! The listing of a collection: a tree over its sorted list of (path, digest), so that one changed document changes the
//! nodes of one path and no others.
//!
//! Where a node ends follows from the paths alone: an entry ends its leaf if the hash of its path ends in six zero bits,
//! the branch above it if it ends in twelve, and so on. So the same list has the same tree, whatever its history was, and
//! a node has 64 entries on average. A list of at most 64 entries is one leaf.
//!
//! A leaf is the list `[[path, digest], …]`; a branch is `{"below": [[last path, digest of the node], …]}`.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use kfm_lineage::{CanonicalError, Digest, canonical_json};
use serde_json::{Value, json};

/// Zero bits for each level; a node has two to the power of this many entries on average.
const BITS: u32 = 6;

/// Entries up to which a list is one leaf.
const LEAF_MAX: usize = 1 << BITS;

/// A collection's listing: its root, which is the content of its alias and namespace, and the nodes below.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    /// The root.
    pub(crate) root: Value,
    /// Every node but the root, by digest.
    below: BTreeMap<Digest, Node>,
    /// The nodes right below the root.
    top: Vec<Digest>,
}

#[derive(Debug, Clone)]
struct Node {
    bytes: Bytes,
    children: Vec<Digest>,
}

/// An entry of a node: a document, or a node named after its last document.
type Entry<'a> = (&'a str, Digest);

impl Listing {
    /// Makes the listing of a collection's documents; `None` if it has none.
    ///
    /// # Errors
    /// [`CanonicalError`]: a path has no canonical form.
    pub(crate) fn of(documents: &BTreeMap<&str, Digest>) -> Result<Option<Self>, CanonicalError> {
        let mut entries: Vec<Entry<'_>> = documents.iter().map(|(path, digest)| (*path, *digest)).collect();
        if entries.is_empty() {
            return Ok(None);
        }
        let mut below = BTreeMap::new();
        let mut level = 0;
        while entries.len() > LEAF_MAX {
            let mut above: Vec<Entry<'_>> = Vec::new();
            for node in entries.split_inclusive(|(path, _)| height(path) > level) {
                let Some((last, _)) = node.last() else { continue };
                let bytes = Bytes::from(canonical_json(&content(node, level))?);
                let digest = Digest::of_canonical_bytes(&bytes);
                below.insert(digest, Node { bytes, children: children(node, level) });
                above.push((last, digest));
            }
            entries = above;
            level += 1;
        }
        Ok(Some(Self { root: content(&entries, level), below, top: children(&entries, level) }))
    }

    /// Returns the nodes below the root that are not in `known`, and neither below one that is.
    pub(crate) fn nodes_but(&self, known: &BTreeSet<Digest>) -> Vec<(Digest, Bytes)> {
        let mut nodes = Vec::new();
        let mut open = self.top.clone();
        while let Some(digest) = open.pop() {
            let Some(node) = self.below.get(&digest).filter(|_| !known.contains(&digest)) else { continue };
            open.extend(&node.children);
            nodes.push((digest, node.bytes.clone()));
        }
        nodes
    }

    /// Says whether a node below the root has this digest.
    pub(crate) fn has(&self, digest: &Digest) -> bool {
        self.below.contains_key(digest)
    }
}

/// Returns the nodes right below a node, as its content says; none below a leaf.
pub(crate) fn below(content: &[u8]) -> Vec<Digest> {
    let content: Value = serde_json::from_slice(content).unwrap_or_default();
    let entries = content["below"].as_array().into_iter().flatten();
    entries.filter_map(|entry| entry[1].as_str()?.parse().ok()).collect()
}

fn content(entries: &[Entry<'_>], level: u32) -> Value {
    let pairs: Value = entries.iter().map(|(path, digest)| json!([path, digest.to_string()])).collect();
    if level == 0 { pairs } else { json!({ "below": pairs }) }
}

fn children(entries: &[Entry<'_>], level: u32) -> Vec<Digest> {
    if level == 0 { Vec::new() } else { entries.iter().map(|(_, digest)| *digest).collect() }
}

/// The number of levels whose nodes an entry with this path ends.
fn height(path: &str) -> u32 {
    let digest = Digest::of_bytes(path.as_bytes());
    let tail = digest.bytes().last_chunk().copied().unwrap_or_default();
    u64::from_be_bytes(tail).trailing_zeros() / BITS
}

#[cfg(test)]
#[path = "listing_tests.rs"]
mod tests;
