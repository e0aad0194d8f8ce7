//! Answers of `publish` and its subcommands.

use std::collections::BTreeMap;

use kfm_lineage::{PublishId, RollbackId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::FindingLine;
use super::listing::{CellCount, Listing};
use super::plan::StepLine;
use super::status::Status;

/// Answer of `publish` and of `publish resume`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PublishReport {
    /// The publish; none if nothing differed.
    pub publish_id: Option<PublishId>,
    /// Its status.
    pub status: Status,
    /// Cells moved.
    pub moves: CellCount,
    /// Documents added.
    pub added: u64,
    /// Documents changed.
    pub changed: u64,
    /// Documents retired.
    pub retired: u64,
    /// Documents that were the same.
    pub unchanged: u64,
    /// Files left alone as assets.
    pub assets: u64,
    /// What it retires, if that is so much that a person is asked first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepLine>,
    /// What policy found; none of it denies.
    pub findings: Listing<FindingLine>,
    /// Broken links of the catalog before and after.
    pub broken_links_before: u64,
    /// See `broken_links_before`.
    pub broken_links_after: u64,
    /// Orphans of the catalog before and after.
    pub orphan_count_before: u64,
    /// See `orphan_count_before`.
    pub orphan_count_after: u64,
    /// Wall time in milliseconds.
    pub duration_ms: u64,
    /// Wall time of each phase in milliseconds.
    pub phases_ms: BTreeMap<String, u64>,
}

/// Documents that a mirror retires: more than a tenth of the catalog, or all of a collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SweepLine {
    /// Documents that stand now.
    pub documents: u64,
    /// Documents that it retires.
    pub retires: u64,
    /// Collections of which nothing would be left.
    pub emptied_total: u64,
    /// The first ten of them.
    pub collections: Vec<String>,
}

/// A publish in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PublishLine {
    /// The publish.
    pub publish_id: PublishId,
    /// publish, adopt, reconcile or project.
    pub kind: String,
    /// Its status.
    pub status: Status,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// The pipeline.
    pub pipeline: String,
    /// Who asked.
    pub requested_by: String,
    /// Cells it moves.
    pub moves: u64,
    /// The standing rollback that undid it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolled_back_by: Option<RollbackId>,
}

/// Answer of `publish list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PublishList {
    /// In the log's order.
    pub publishes: Vec<PublishLine>,
}

/// Answer of `publish show`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PublishShow {
    /// The line of the list.
    #[serde(flatten)]
    pub line: PublishLine,
    /// What it moves.
    pub cells: Listing<StepLine>,
    /// Where the log has it: LSN of the intent.
    pub intent_lsn: u64,
    /// LSN of the completion.
    pub completion_lsn: Option<u64>,
    /// Why, where somebody said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What to do next.
    pub next: Vec<String>,
}
