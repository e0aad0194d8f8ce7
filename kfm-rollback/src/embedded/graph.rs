//! The graph: nodes are versioned and marked, never removed (R51).

use std::collections::BTreeSet;

use kfm_lineage::{Digest, Domain, OperationId, Timestamp};
use serde::{Deserialize, Serialize};

use super::cells::Change;
use super::{Embedded, Semantics};
use crate::op::{DomainOp, OpError};

/// Semantics of a graph: a node without a value is kept, marked as deleted, and out of every current view.
#[derive(Debug)]
pub enum Graph {}

impl Semantics for Graph {
    const DOMAIN: Domain = Domain::Graph;
    const PRODUCT: &'static str = "embedded graph";
}

/// A node as the graph keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The key of the node.
    pub kfm_id: String,
    /// Its versions in the order in which they were first current; none is ever removed.
    pub versions: Vec<NodeVersion>,
    /// The current version; `None` if the node is marked as deleted.
    pub current: Option<Digest>,
    /// The mark, if the node is deleted.
    #[serde(flatten)]
    pub deleted: Option<Deleted>,
}

/// A version of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeVersion {
    /// Digest of labels, properties and relationships.
    pub v: Digest,
    /// When it became current for the first time.
    pub v_from: Timestamp,
    /// The operation that brought it.
    pub v_tag: OperationId,
}

/// The mark of a node that readers no longer see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    /// When it was retired.
    pub deleted_at: Timestamp,
    /// The operation that retired it.
    pub deleted_by: OperationId,
}

impl Embedded<Graph> {
    /// Returns a node, deleted or not; none if there never was one.
    ///
    /// # Errors
    /// As [`DomainOp::observe`].
    pub async fn node(&self, key: &str) -> Result<Option<Node>, OpError> {
        let key = key.to_owned();
        self.look(move |cells| Ok(node(&key, cells.changes(&key)?))).await
    }

    /// Returns the bare nodes that relationships of current nodes lead to: nodes without a document, named
    /// `label id`.
    ///
    /// # Errors
    /// As [`DomainOp::read`].
    pub async fn bare_nodes(&self) -> Result<BTreeSet<String>, OpError> {
        let mut bare = BTreeSet::new();
        let nodes = self.scan(None, usize::MAX).await?.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
        for content in self.read(&nodes).await?.into_iter().flatten() {
            let content: serde_json::Value = serde_json::from_slice(&content).unwrap_or_default();
            for relationship in content["relationships"].as_array().into_iter().flatten() {
                let to = &relationship["to"];
                if let (Some(label), Some(id)) = (to["label"].as_str(), to["id"].as_str()) {
                    bare.insert(format!("{label} {id}"));
                }
            }
        }
        Ok(bare)
    }
}

/// Makes a node of its cell's changes.
fn node(key: &str, changes: Vec<Change>) -> Option<Node> {
    let last = changes.last()?.clone();
    let mut versions: Vec<NodeVersion> = Vec::new();
    for change in changes {
        if let Some(v) = change.value
            && versions.iter().all(|version| version.v != v)
        {
            versions.push(NodeVersion { v, v_from: change.at, v_tag: change.by });
        }
    }
    let deleted = last.value.is_none().then_some(Deleted { deleted_at: last.at, deleted_by: last.by });
    Some(Node { kfm_id: key.to_owned(), versions, current: last.value, deleted })
}
