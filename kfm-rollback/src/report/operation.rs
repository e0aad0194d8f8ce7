//! Answers about operations that run, wait or have ended.

use std::collections::BTreeMap;

use kfm_lineage::{Digest, HotfixId, OperationId, RollbackId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::listing::{CellCount, Listing};
use super::plan::{SkippedLine, StepLine};
use super::status::Status;

/// Answer of `rollback execute`, `resume` and `revert`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExecuteReport {
    /// The rollback; none if there was nothing to do.
    pub rollback_id: Option<RollbackId>,
    /// The hotfix that was executed, or undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hotfix_id: Option<HotfixId>,
    /// The plan that was executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<Digest>,
    /// Its status.
    pub status: Status,
    /// Cells changed.
    pub applied: CellCount,
    /// Cells that had their value already.
    pub already: u64,
    /// Cells left alone.
    pub skipped: Listing<SkippedLine>,
    /// Broken links before and after.
    pub broken_links_before: u64,
    /// See `broken_links_before`.
    pub broken_links_after: u64,
    /// Orphans before and after.
    pub orphan_count_before: u64,
    /// See `orphan_count_before`.
    pub orphan_count_after: u64,
    /// Where the manifest lies.
    pub manifest: Option<String>,
    /// Wall time in milliseconds.
    pub duration_ms: u64,
    /// Wall time of each phase in milliseconds.
    pub phases_ms: BTreeMap<String, u64>,
    /// A sentence for people, where there was nothing to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What to do next.
    pub next: Vec<String>,
}

/// An operation in `status`, `rollback status` and `rollback list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationLine {
    /// The operation.
    pub id: OperationId,
    /// The same, under the owner's name, where it is a rollback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback_id: Option<RollbackId>,
    /// publish, rollback or hotfix; a revert is a rollback.
    pub kind: String,
    /// The publish or hotfix it is about.
    pub target: OperationId,
    /// Its status.
    pub status: Status,
    /// expand, derive, contract, verify, record; or `-`.
    pub phase: String,
    /// Steps made.
    pub done: u64,
    /// Steps in all.
    pub total: u64,
    /// Whether an abort has begun: then it goes on with that, back to the prior state.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub goes_back: bool,
    /// What it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_reason: Option<String>,
    /// Who asked.
    pub requested_by: String,
    /// When it was planned or opened.
    pub at: Timestamp,
    /// The plan, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<Digest>,
    /// What to do next.
    pub next: Vec<String>,
}

/// Answer of `rollback list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RollbackList {
    /// In the log's order.
    pub rollbacks: Vec<OperationLine>,
}

/// Answer of `rollback show`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RollbackShow {
    /// The line of the list.
    #[serde(flatten)]
    pub line: OperationLine,
    /// The manifest, once it is completed or aborted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<serde_json::Value>,
    /// Its steps.
    pub cells: Listing<StepLine>,
}

/// Answer of `status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatusReport {
    /// Every operation that keeps cells or waits for approvals.
    pub open: Vec<OperationLine>,
    /// The process that works now, here or on another host of a shared log, whether or not it has opened an operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<RunningLine>,
    /// What is owed: ratifications, reviews that are due.
    pub owed: Vec<String>,
}

/// A process at work: it holds the platform's lock or, on a log that hosts share, the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunningLine {
    /// What it does, in words.
    pub doing: String,
    /// Who asked.
    pub requested_by: String,
    /// The host that it runs on.
    pub host: String,
    /// Its number there.
    pub pid: u32,
    /// Since when, by its host's clock.
    pub since: String,
    /// The operation that it works on, once it has opened one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationId>,
    /// The platform's folder on its host, where it works in another one than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
}
