//! Answers about operations that run, wait or have ended.

use std::collections::BTreeMap;

use kfm_lineage::{Digest, HotfixId, OperationId, RollbackId, Status, Timestamp, Value};
use kfm_policy::{Advice, Remedy};
use kfm_wal::record::TreatedCell;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::listing::{CellCount, GroupKey, Grouped, Listing};
use super::plan::{SkippedLine, StepLine};

/// Answer of `rollback execute`, `resume` and `revert`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExecuteReport {
    /// The rollback; null if there was nothing to do, or if it is a hotfix.
    pub rollback_id: Option<RollbackId>,
    /// The hotfix that was executed or undone; left out for a rollback of a publish.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hotfix_id: Option<HotfixId>,
    /// The plan that was executed; left out if there was nothing to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<Digest>,
    /// How it ended.
    pub status: Status,
    /// Cells that readers see changed, in all and by domain.
    pub applied: CellCount,
    /// Cells that had their value before the operation came to them. With those of `applied` they are the plan's steps.
    pub already: u64,
    /// Cells that were left alone, each with the reason.
    pub skipped: Listing<SkippedLine>,
    /// Cells that do not end as planned or, after an abort, as they were, since protection asks for something else.
    #[serde(default)]
    pub protected: Listing<ProtectedLine>,
    /// Broken links of the catalog before.
    pub broken_links_before: u64,
    /// Broken links of the catalog after.
    pub broken_links_after: u64,
    /// Orphans of the catalog before.
    pub orphan_count_before: u64,
    /// Orphans of the catalog after.
    pub orphan_count_after: u64,
    /// Approvals of its plan that count no more, since the operation went back and the plan is used up; left out if there is
    /// none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub approvals_spent: u64,
    /// The manifest's file; null if nothing was executed.
    pub manifest: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// How long each phase took, in milliseconds.
    pub phases_ms: BTreeMap<String, u64>,
    /// Why there was nothing to do; left out if there was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What can be done next.
    pub next: Vec<Remedy>,
}

pub(super) fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A cell that protection left at another value than the operation's end asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProtectedLine {
    /// The kind of the store: stac, graph, search or cache.
    pub domain: String,
    /// The store's name in the settings.
    pub store: String,
    /// The cell's key; of a document, its path in the catalog.
    pub key: String,
    /// The value that the cell has now: a digest, or null for absent.
    pub to: Value,
    /// The rule that asks for it; of a derived cell, that it shows what protection leaves.
    pub rule: String,
}

impl Grouped for ProtectedLine {
    fn group(&self) -> GroupKey {
        GroupKey {
            domain: Some(self.domain.clone()),
            store: Some(self.store.clone()),
            rule: Some(self.rule.clone()),
            ..GroupKey::default()
        }
    }
}

impl From<&TreatedCell> for ProtectedLine {
    fn from(treated: &TreatedCell) -> Self {
        Self {
            domain: treated.cell.domain.to_string(),
            store: treated.cell.store.clone(),
            key: treated.cell.key.clone(),
            to: treated.value,
            rule: treated.why.clone(),
        }
    }
}

/// An operation, as the status and every list show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationLine {
    /// The operation's id.
    pub id: OperationId,
    /// The same id, if it is a rollback; else left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback_id: Option<RollbackId>,
    /// publish, adopt, reconcile, project, hotfix, rollback or revert.
    pub kind: String,
    /// The publish or hotfix that it is about.
    pub target: OperationId,
    /// The rollback that it reverts; left out if it is no revert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts: Option<RollbackId>,
    /// The rollback or revert that undid it and stands; left out if it stands itself, or if it is a revert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_by: Option<RollbackId>,
    /// Where it stands.
    pub status: Status,
    /// The phase it is in: expand, derive, contract, verify or record; `-` if it does not run.
    pub phase: String,
    /// Steps that are made so far; while it goes back, steps that are still to be undone.
    pub done: u64,
    /// How many steps it has; of one that is only planned, how many cells its plan names.
    pub total: u64,
    /// Whether an abort has begun: then a resume goes on with the abort, back to the prior state.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub goes_back: bool,
    /// Why it is held, as `reason: detail`; left out if it is not held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_reason: Option<String>,
    /// The actor that asked for it.
    pub requested_by: String,
    /// When it was opened or, if it was not, planned; UTC.
    pub at: Timestamp,
    /// Its plan; left out if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<Digest>,
    /// What can be done next.
    pub next: Vec<Remedy>,
}

/// The list of rollbacks and reverts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RollbackList {
    /// Rollbacks and reverts, in the log's order.
    pub rollbacks: Vec<OperationLine>,
}

/// Answer of `hotfix list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HotfixList {
    /// Hotfixes, planned ones too, in the log's order.
    pub hotfixes: Vec<OperationLine>,
}

/// One rollback, revert or hotfix, with its course.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RollbackShow {
    /// The rollback or hotfix, as its list shows it.
    #[serde(flatten)]
    pub line: OperationLine,
    /// The manifest; left out until the operation is completed or aborted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<serde_json::Value>,
    /// The approvals of its plan, in the log's order; whether each counts, the list of approvals says.
    #[serde(default)]
    pub approvals: Vec<GivenApproval>,
    /// What happened to it, from its plan to its end, in the log's order.
    #[serde(default)]
    pub history: Vec<MomentLine>,
    /// The steps that it makes.
    pub cells: Listing<StepLine>,
    /// Cells that protection left at another value than its end asks for.
    #[serde(default)]
    pub protected: Listing<ProtectedLine>,
}

/// An approval as it was given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GivenApproval {
    /// The principal that gave the approval.
    pub principal: String,
    /// The role in which the principal gave it.
    pub role: String,
    /// When it was signed; UTC.
    pub signed_at: Timestamp,
    /// When it ceases to count; UTC.
    pub expires_at: Timestamp,
}

/// One moment of an operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MomentLine {
    /// When it was; UTC.
    pub at: Timestamp,
    /// What happened: planned, approved as ROLE, opened, taken up, turned back, held, or the word of its end.
    pub what: String,
    /// The actor or principal that did it; left out if it was the engine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The reason that was given, or on which host a process took it up; left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// How the platform stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatusReport {
    /// Every operation that keeps cells or waits for approvals.
    pub open: Vec<OperationLine>,
    /// The process that works now, here or on another host of a shared log, whether or not it has opened an
    /// operation. Left out if none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<RunningLine>,
    /// What is still to be done by people or by the next command, one sentence each: approvals, reviews that are
    /// due, ledger entries.
    pub owed: Vec<Advice>,
}

/// A process at work: it holds the platform's lock or, on a log that hosts share, the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunningLine {
    /// What it does, in words.
    pub doing: String,
    /// The actor in whose name it works.
    pub requested_by: String,
    /// The host that it runs on.
    pub host: String,
    /// The number of the process on that host.
    pub pid: u32,
    /// Since when it works, by the clock of its host.
    pub since: String,
    /// The operation that it works on; left out until it has opened one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationId>,
    /// The platform's folder on the process's host; left out if it is this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The store that it waits for; left out while every store answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<StoreWait>,
}

/// A store that does not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoreWait {
    /// The store's name in the settings.
    pub store: String,
    /// Since when it does not answer, in UTC.
    pub since: String,
}
