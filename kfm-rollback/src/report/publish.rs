//! Answers of `publish` and its subcommands.

use std::collections::BTreeMap;

use kfm_lineage::{PublishId, RollbackId, Status, Timestamp};
use kfm_policy::Remedy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::FindingLine;
use super::listing::{CellCount, Listing};
use super::operation::{ProtectedLine, is_zero};
use super::plan::StepLine;

/// Answer of `publish` and of `publish resume`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PublishReport {
    /// The publish; null if nothing differed, or nothing was written.
    pub publish_id: Option<PublishId>,
    /// How it ended, or `dry_run`.
    pub status: Status,
    /// Cells that it moved, in all and by domain; in a rehearsal, the documents and own cells that it would move.
    #[serde(rename = "moves")]
    pub steps: CellCount,
    /// Cells that had their value before the publish came to them.
    #[serde(default)]
    pub already: u64,
    /// Documents that were added, or would be.
    pub added: u64,
    /// Documents that were changed, or would be.
    pub changed: u64,
    /// Documents that were retired, or would be.
    pub retired: u64,
    /// Documents of the folder that are the same in the catalog.
    pub unchanged: u64,
    /// Files of the folder that are not documents; they are left alone.
    pub assets: u64,
    /// What a mirror retires, if it is so much that the actor is asked first; else left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepLine>,
    /// Cells that do not end as planned or, after an abort, as they were, since protection asks for something else.
    #[serde(default)]
    pub protected: Listing<ProtectedLine>,
    /// What policy found; none of these findings denies.
    pub findings: Listing<FindingLine>,
    /// Broken links of the catalog before.
    pub broken_links_before: u64,
    /// Broken links of the catalog after.
    pub broken_links_after: u64,
    /// Orphans of the catalog before.
    pub orphan_count_before: u64,
    /// Orphans of the catalog after.
    pub orphan_count_after: u64,
    /// How long it took, in milliseconds; left out where nothing was done, as in a rehearsal.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub duration_ms: u64,
    /// How long each phase took, in milliseconds.
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
    /// The first ten of these collections.
    pub collections: Vec<String>,
}

/// A publish in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PublishLine {
    /// The publish's id.
    pub publish_id: PublishId,
    /// publish, adopt, reconcile or project.
    pub kind: String,
    /// Where it stands.
    pub status: Status,
    /// When it was opened; UTC.
    pub started_at: Timestamp,
    /// When it ended; UTC. Null while it is open.
    pub completed_at: Option<Timestamp>,
    /// The name of the pipeline that made it.
    pub pipeline: String,
    /// The actor that asked for it.
    pub requested_by: String,
    /// How many cells it moves.
    #[serde(rename = "moves")]
    pub steps: u64,
    /// The standing rollback that undid it; left out if none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolled_back_by: Option<RollbackId>,
}

/// Answer of `publish list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PublishList {
    /// The publishes, in the log's order.
    pub publishes: Vec<PublishLine>,
}

/// Answer of `publish show`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PublishShow {
    /// The publish, as `publish list` shows it.
    #[serde(flatten)]
    pub line: PublishLine,
    /// The cells that it moves.
    pub cells: Listing<StepLine>,
    /// Cells that protection left at another value than its end asks for.
    #[serde(default)]
    pub protected: Listing<ProtectedLine>,
    /// The position of the record that opened it in the log (LSN).
    pub intent_lsn: u64,
    /// The position of the record that closed it in the log (LSN); null while it is open.
    pub completion_lsn: Option<u64>,
    /// The reason that the actor gave; left out if the actor gave none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What can be done next.
    pub next: Vec<Remedy>,
}
