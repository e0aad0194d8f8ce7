//! Answers of `rollback plan` and `rollback dry-run`.

use kfm_lineage::{Digest, OperationId, RollbackId, Status, Value};
use kfm_policy::Remedy;
use kfm_wal::record::Correction;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::{ConflictLine, Conflicts, FindingLine};
use super::listing::{GroupKey, Grouped, Listing};

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepLine {
    /// The kind of the store: stac, graph, search or cache.
    pub domain: String,
    /// The store's name in the settings.
    pub store: String,
    /// The collection of the document, or `-`.
    pub unit: String,
    /// The cell's key: of a document, its path in the catalog.
    pub key: String,
    /// What is done: add, replace, retire, restore; or project, for a derived cell, whose values are computed at
    /// execution.
    pub action: String,
    /// The value that the cell must have before: a digest, or null for absent.
    pub from: Value,
    /// The value that the cell has after: a digest, or null for absent.
    pub to: Value,
}

/// A cell of the target that a plan leaves alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SkippedLine {
    /// The kind of the store: stac, graph, search or cache.
    pub domain: String,
    /// The store's name in the settings.
    pub store: String,
    /// The cell's key; of a document, its path in the catalog.
    pub key: String,
    /// Why it is left alone. superseded: a later standing operation moved it. unchanged: it has its value already.
    /// asked: the actor asked for that. missing: its bytes are gone, and the actor forced the plan through.
    /// stays absent: the rule that follows hides it.
    pub why: String,
    /// The operation that owns the cell; null if none does.
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
    /// Documents that are STAC items.
    pub items: u64,
    /// Documents that are collections or catalogs.
    pub collections: u64,
    /// What pipelines made besides documents, such as tiles or reports.
    pub derivatives: u64,
    /// Derived cells, in graph, search and cache.
    pub read_models: u64,
}

/// What policy decided, in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionLine {
    /// Whether policy allows it; approvals may still be missing.
    pub allowed: bool,
    /// Digest of the rules that judged it.
    pub policy_snapshot_ref: Digest,
    /// How many rules were evaluated.
    pub rules: u64,
    /// How many entities were looked at.
    pub entities: u64,
    /// How many links were looked at.
    pub links: u64,
}

/// Answer of `rollback plan`, and the core of `rollback dry-run`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanReport {
    /// Names the plan: approvals and executions name it by this id.
    pub plan_id: Digest,
    /// Names the change: planning the same change twice gives the same one.
    pub content_id: Digest,
    /// The plan's file on this host; null for a rehearsal, or if another host made the plan.
    pub path: Option<String>,
    /// The rollback that executing it opens; none for a hotfix.
    pub rollback_id: Option<RollbackId>,
    /// The correction that the plan makes; left out if it is not a hotfix's plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correction: Option<Correction>,
    /// The publish or hotfix that is undone or made again; of a hotfix's plan, the hotfix itself.
    pub publish_id: OperationId,
    /// The rollback that this plan reverts; left out if it is not a revert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reverts: Option<RollbackId>,
    /// planned, awaiting_approval, denied or dry_run.
    pub status: Status,
    /// The steps that it makes.
    pub steps: Listing<StepLine>,
    /// The cells left alone, with their owners.
    pub skipped: Listing<SkippedLine>,
    /// What the operation concerns, in numbers (R31).
    pub scope: ScopeCounts,
    /// Later operations that were derived from the target and still stand.
    pub dependents: Vec<OperationId>,
    /// The risk that policy found: low, moderate, high or critical.
    pub risk_level: String,
    /// Why the risk is not low; empty if it is.
    pub risk_reasons: Vec<String>,
    /// The tier, 0 to 4: which kind of change it is.
    pub tier: u8,
    /// The approvals that the execution needs, in words; empty if it needs none.
    pub approvals_needed: Vec<String>,
    /// What policy decided about the plan.
    pub decision: DecisionLine,
    /// What policy found in the change.
    pub findings: Listing<FindingLine>,
    /// Broken links of the catalog now.
    pub broken_links_before: u64,
    /// Broken links of the catalog once the plan is executed.
    pub broken_links_planned: u64,
    /// Orphans of the catalog now.
    pub orphan_count_before: u64,
    /// Orphans of the catalog once the plan is executed.
    pub orphan_count_planned: u64,
    /// Broken links and orphans that come back with what is restored.
    pub returned: u64,
    /// The first values of these cells that another hand changed since: as long as they stand, the plan cannot be
    /// executed. Left out if there is none, or if a store did not answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign: Vec<ConflictLine>,
    /// What can be done next.
    pub next: Vec<Remedy>,
}

/// Answer of `rollback dry-run`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DryRunReport {
    /// The plan that would be stored.
    #[serde(flatten)]
    pub plan: PlanReport,
    /// Whether the plan would be executed if that were asked for now.
    pub ready: bool,
    /// What stands against executing it.
    #[serde(flatten)]
    pub against: Conflicts,
}
