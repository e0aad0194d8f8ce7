//! Answers of `adopt` and `reconcile`: what stands in the stores.

use kfm_lineage::{PublishId, Value};
use kfm_policy::Remedy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::FindingLine;
use super::listing::{CellCount, GroupKey, Grouped, Listing};

/// Answer of `adopt`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AdoptReport {
    /// The genesis publish; null if the log knew everything already.
    pub publish_id: Option<PublishId>,
    /// Cells that were recorded, in all and by domain.
    pub cells: CellCount,
    /// How many of them are documents.
    pub documents: u64,
    /// The projection into the derived stores; left out if nothing differed there, or if it was left to
    /// a projection of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projection: Option<ProjectionLine>,
    /// What policy found in the documents, missing labels included. No finding denies an adoption.
    pub findings: Listing<FindingLine>,
    /// What can be done next; empty if nothing is left to do.
    #[serde(default)]
    pub next: Vec<Remedy>,
}

/// A value that the log does not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ForeignCell {
    /// The kind of the store: stac, graph, search or cache.
    pub domain: String,
    /// The store's name in the settings.
    pub store: String,
    /// The cell's key; of a document, its path in the catalog.
    pub key: String,
    /// The value by the log: a digest, or null for absent.
    pub known: Value,
    /// The value in the store: a digest, or null for absent.
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
    /// The values in the stores that the log does not know.
    pub foreign: Listing<ForeignCell>,
    /// What policy finds in the foreign documents, and the documents that stand against today's protection.
    pub findings: Listing<FindingLine>,
    /// The publish that records the foreign values; left out if they were not adopted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_id: Option<PublishId>,
    /// The correction of the derived stores; left out if values were not adopted, or nothing differed there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projection: Option<ProjectionLine>,
    /// What can be done next; empty if nothing is left to do.
    #[serde(default)]
    pub next: Vec<Remedy>,
}

/// The derived cells that an adoption or a reconcile moved to what the documents say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProjectionLine {
    /// The operation that moved them.
    pub publish_id: PublishId,
    /// The cells that it moved, in all and by domain.
    pub cells: CellCount,
}
