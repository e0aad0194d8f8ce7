//! Answers of `adopt` and `reconcile`: what stands in the stores.

use kfm_lineage::{PublishId, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::FindingLine;
use super::listing::{CellCount, GroupKey, Grouped, Listing};

/// Answer of `adopt`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AdoptReport {
    /// The genesis publish; none if everything was known.
    pub publish_id: Option<PublishId>,
    /// Cells recorded.
    pub cells: CellCount,
    /// Documents recorded.
    pub documents: u64,
    /// What followed in the derived stores; none if nothing differed there, or it was left to `kfm project`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projection: Option<ProjectionLine>,
    /// What is wrong with them (missing labels among it); nothing of it denies an adoption.
    pub findings: Listing<FindingLine>,
}

/// A value that the log does not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ForeignCell {
    /// Domain of the store.
    pub domain: String,
    /// The store.
    pub store: String,
    /// The cell's key.
    pub key: String,
    /// What the log knows.
    pub known: Value,
    /// What the store holds.
    pub observed: Value,
}

impl Grouped for ForeignCell {
    fn group(&self) -> GroupKey {
        GroupKey { domain: Some(self.domain.clone()), store: Some(self.store.clone()), ..GroupKey::default() }
    }
}

/// Answer of `reconcile`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReconcileReport {
    /// The foreign values.
    pub foreign: Listing<ForeignCell>,
    /// What policy says of the foreign documents, and which documents stand against the protection of today.
    pub findings: Listing<FindingLine>,
    /// The publish that records them, where they were adopted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_id: Option<PublishId>,
    /// What was mended in the derived stores, where values were adopted and something differed there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projection: Option<ProjectionLine>,
}

/// Derived cells that an adoption or a reconcile made what the documents say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProjectionLine {
    /// The operation that did.
    pub publish_id: PublishId,
    /// The cells that it moved.
    pub cells: CellCount,
}
