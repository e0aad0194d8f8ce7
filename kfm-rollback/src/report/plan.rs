//! Answers of `rollback plan` and `rollback dry-run`.

use kfm_lineage::{Digest, OperationId, RollbackId, Value};
use kfm_wal::record::Correction;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::{Conflicts, FindingLine};
use super::listing::{GroupKey, Grouped, Listing};
use super::status::Status;

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepLine {
    /// Domain of the store.
    pub domain: String,
    /// The store.
    pub store: String,
    /// The collection, or `-`.
    pub unit: String,
    /// The cell's key: of a document, its path in the catalog.
    pub key: String,
    /// add, replace, retire, restore; project for a derived cell, whose values are found at execution.
    pub action: String,
    /// The value that the cell must have.
    pub from: Value,
    /// The value that it is to have.
    pub to: Value,
}

/// A cell of the target that a plan leaves alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SkippedLine {
    /// Domain of the store.
    pub domain: String,
    /// The store.
    pub store: String,
    /// The cell's key.
    pub key: String,
    /// superseded: a later standing operation moved it; unchanged: it has its value; asked: `--skip`.
    pub why: String,
    /// The operation that owns it.
    pub by: Option<OperationId>,
}

impl Grouped for StepLine {
    fn group(&self) -> GroupKey {
        GroupKey {
            domain: Some(self.domain.clone()),
            store: Some(self.store.clone()),
            action: Some(self.action.clone()),
            ..GroupKey::default()
        }
    }
}

impl Grouped for SkippedLine {
    fn group(&self) -> GroupKey {
        GroupKey {
            domain: Some(self.domain.clone()),
            store: Some(self.store.clone()),
            why: Some(self.why.clone()),
            by: self.by.clone(),
            ..GroupKey::default()
        }
    }
}

/// What is in the scope of an operation (R31).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScopeCounts {
    /// STAC items.
    pub items: u64,
    /// Collections and catalogs.
    pub collections: u64,
    /// Derivatives.
    pub derivatives: u64,
    /// Read models: derived cells.
    pub read_models: u64,
}

/// What policy decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionLine {
    /// Whether it is allowed, once approved.
    pub allowed: bool,
    /// Digest of the rules that judged.
    pub policy_snapshot_ref: Digest,
    /// Rules evaluated.
    pub rules: u64,
    /// Entities looked at.
    pub entities: u64,
    /// Links looked at.
    pub links: u64,
}

/// Answer of `rollback plan`, and the core of `rollback dry-run`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanReport {
    /// Names the plan: this is what is approved and executed.
    pub plan_id: Digest,
    /// Names the change: planning twice gives the same one.
    pub content_id: Digest,
    /// Where the plan lies; none for a rehearsal.
    pub path: Option<String>,
    /// The rollback that executing it opens; none for a hotfix.
    pub rollback_id: Option<RollbackId>,
    /// What it corrects, if it is a hotfix's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correction: Option<Correction>,
    /// The publish (or hotfix) that is undone or made again.
    pub publish_id: OperationId,
    /// The rollback that this reverts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reverts: Option<RollbackId>,
    /// planned, awaiting_approval, denied or dry_run.
    pub status: Status,
    /// The steps.
    pub steps: Listing<StepLine>,
    /// The cells left alone, with their owners.
    pub skipped: Listing<SkippedLine>,
    /// What is in the scope.
    pub scope: ScopeCounts,
    /// Later operations derived from the target.
    pub dependents: Vec<OperationId>,
    /// low, moderate, high or critical.
    pub risk_level: String,
    /// Why it is not low.
    pub risk_reasons: Vec<String>,
    /// 0 to 4.
    pub tier: u8,
    /// Approvals that execution asks for, in words; empty if none.
    pub approvals_needed: Vec<String>,
    /// What policy decided.
    pub decision: DecisionLine,
    /// What policy found.
    pub findings: Listing<FindingLine>,
    /// Broken links of the catalog now.
    pub broken_links_before: u64,
    /// Broken links once executed.
    pub broken_links_planned: u64,
    /// Orphans now.
    pub orphan_count_before: u64,
    /// Orphans once executed.
    pub orphan_count_planned: u64,
    /// Breaks and orphans that come back with what is restored.
    pub returned: u64,
    /// What to do next.
    pub next: Vec<String>,
}

/// Answer of `rollback dry-run`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DryRunReport {
    /// The plan, as it would be.
    #[serde(flatten)]
    pub plan: PlanReport,
    /// Whether executing now would go ahead.
    pub ready: bool,
    /// What stands against it.
    #[serde(flatten)]
    pub against: Conflicts,
}
