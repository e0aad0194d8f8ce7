//! What operations answer: the data behind every screen and every `--json` object.
//!
//! Each report serialises to the keys of the command's contract; the command adds `schema`, `ok` and
//! `exit_code`. Lists without a bound carry their total, the first [`FIRST_MAX`] entries and, where there are
//! more, the file that holds all.

use std::collections::BTreeMap;

use kfm_lineage::{Digest, HotfixId, OperationId, PublishId, RollbackId, Timestamp, Value};
use kfm_wal::record::Correction;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::op::Capabilities;

/// Entries of an unbounded list that a report carries itself.
pub const FIRST_MAX: usize = 1_000;

/// A list without a bound: how many, and the first of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Listing<T> {
    /// How many there are.
    pub total: u64,
    /// How many there are in each domain, where entries are cells.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_domain: BTreeMap<String, u64>,
    /// The first of them.
    pub first: Vec<T>,
    /// The file that holds all, where `first` does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self { total: 0, by_domain: BTreeMap::new(), first: Vec::new(), file: None }
    }
}

impl<T> Listing<T> {
    /// Makes a listing of entries that are all at hand.
    pub fn of(entries: impl IntoIterator<Item = T>) -> Self {
        let mut listing = Self::default();
        for entry in entries {
            listing.total += 1;
            if listing.first.len() < FIRST_MAX {
                listing.first.push(entry);
            }
        }
        listing
    }

    /// Names the file that holds all entries, kept only if this listing does not.
    #[must_use]
    pub fn with_file(mut self, file: impl Into<String>) -> Self {
        self.file = (self.total > self.first.len() as u64).then(|| file.into());
        self
    }
}

/// A count of cells with its parts by domain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CellCount {
    /// Cells of all stores.
    pub total: u64,
    /// Cells of each domain that has any.
    pub by_domain: BTreeMap<String, u64>,
}

impl CellCount {
    /// Counts the domains of cells.
    pub fn of(domains: impl IntoIterator<Item = kfm_lineage::Domain>) -> Self {
        let mut count = Self::default();
        for domain in domains {
            count.total += 1;
            *count.by_domain.entry(domain.to_string()).or_default() += 1;
        }
        count
    }
}

/// The words of `states.md` section 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A plan is stored, nothing opened.
    Planned,
    /// Policy said no.
    Denied,
    /// A plan waits for approvals.
    AwaitingApproval,
    /// Stale, conflicting or locked; nothing moved.
    Refused,
    /// At work now.
    Running,
    /// Open, and nobody is at work.
    Interrupted,
    /// Open, and a person is needed.
    Held,
    /// Readers see the planned values.
    Completed,
    /// Readers see the prior values, joined with today's protection.
    Aborted,
    /// Nothing was ever moved.
    Failed,
    /// A plan was discarded before it opened.
    Cancelled,
    /// A rehearsal; never in a record.
    DryRun,
}

impl Status {
    /// Returns the word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Denied => "denied",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Refused => "refused",
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Held => "held",
            Self::Completed => "completed",
            Self::Aborted => "aborted",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::DryRun => "dry_run",
        }
    }

    /// Says whether an operation of this status keeps its cells.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Running | Self::Interrupted | Self::Held)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A store as a report names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoreSummary {
    /// Its name in the settings.
    pub name: String,
    /// Its domain.
    pub domain: String,
    /// Its kind.
    pub kind: String,
    /// Where it lies.
    pub url: String,
}

/// Answer of `init`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InitReport {
    /// The platform's folder.
    pub root: String,
    /// Its stores.
    pub stores: Vec<StoreSummary>,
}

/// Answer of `adopt`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AdoptReport {
    /// The genesis publish; none if everything was known.
    pub publish_id: Option<PublishId>,
    /// Cells recorded.
    pub cells: CellCount,
    /// Documents recorded.
    pub documents: u64,
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

/// Answer of `reconcile`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReconcileReport {
    /// The foreign values.
    pub foreign: Listing<ForeignCell>,
    /// The publish that records them, where they were adopted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_id: Option<PublishId>,
}

/// One finding, as a person reads it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FindingLine {
    /// The rule.
    pub rule: String,
    /// The owner's code, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Its severity.
    pub severity: String,
    /// The entity it is about.
    pub subject: String,
    /// What was seen.
    pub message: String,
    /// What to do.
    pub remedy: String,
    /// Whether it denies the operation.
    pub denies: bool,
}

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

/// A publish in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PublishLine {
    /// The publish.
    pub publish_id: PublishId,
    /// publish, adopt or reconcile.
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
    pub conflicts: Vec<ConflictLine>,
}

/// Something that stands against executing a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConflictLine {
    /// foreign, stale, open_operation, denied, approvals, store.
    pub kind: String,
    /// The cell or operation it is about.
    pub subject: String,
    /// What was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<String>,
    /// A sentence for people.
    pub message: String,
}

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
    /// What is owed: ratifications, reviews that are due.
    pub owed: Vec<String>,
}

/// Answer of `catalog check`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CatalogReport {
    /// Documents looked at.
    pub documents: u64,
    /// Links looked at.
    pub links: u64,
    /// LNK-1 to LNK-5.
    pub broken_links: u64,
    /// ORP-1.
    pub orphan_count: u64,
    /// ORP-2, its part that nothing lists.
    pub unlisted: u64,
    /// ORP-3: documents and derived cells that do not agree.
    pub store_skew: u64,
    /// Ids that more than one document carries.
    pub duplicate_ids: u64,
    /// Relative self links that lead elsewhere.
    pub wrong_self_links: u64,
    /// Documents that are not a JSON object.
    pub not_json: u64,
    /// Each of them.
    pub findings: Listing<FindingLine>,
}

/// Answer of `doctor`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DoctorReport {
    /// Each store.
    pub stores: Vec<StoreHealth>,
    /// What the platform keeps itself: log, versions, ledger, telemetry, policy's files.
    pub own: Vec<OwnHealth>,
    /// What is misconfigured.
    pub findings: Vec<String>,
}

/// A part of the platform's own as `doctor` finds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OwnHealth {
    /// log, versions, ledger, telemetry, labels or principals.
    pub name: String,
    /// Where it lies.
    pub place: String,
    /// Whether it can be used.
    pub ok: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A store as `doctor` finds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StoreHealth {
    /// Its name in the settings.
    pub name: String,
    /// Its domain.
    pub domain: String,
    /// Its kind.
    pub kind: String,
    /// The product.
    pub product: String,
    /// The product's version.
    pub version: String,
    /// What it can do.
    pub capabilities: Option<Capabilities>,
    /// Whether it answers.
    pub ok: bool,
    /// What it said, where it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Cells it holds, with `--digests`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cells: Option<u64>,
    /// Digest of what it holds, with `--digests`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// A principal as `principals` shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PrincipalLine {
    /// The name.
    pub name: String,
    /// The roles held.
    pub roles: Vec<String>,
    /// The Ed25519 public key, as hex.
    pub public_key: String,
}

/// Answer of `approve` and `approvals`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalsReport {
    /// The plan.
    pub plan_id: Digest,
    /// The approvals so far.
    pub approvals: Vec<ApprovalLine>,
    /// What is still missing, in words; empty if nothing is.
    pub needed: Vec<String>,
}

/// An approval as `approvals` shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalLine {
    /// Who.
    pub principal: String,
    /// In which role.
    pub role: String,
    /// When.
    pub signed_at: Timestamp,
    /// Until when it counts.
    pub expires_at: Timestamp,
    /// Whether it counts today.
    pub valid: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Answer of `hotfix stac` and `hotfix revert`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HotfixReport {
    /// The hotfix; none if there was nothing to do or nothing was written.
    pub hotfix_id: Option<HotfixId>,
    /// The rollback that undid it, by `hotfix revert`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback_id: Option<RollbackId>,
    /// Its plan; none for a rehearsal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<Digest>,
    /// Names the change: a rehearsal and the execution of the same change have the same one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_id: Option<Digest>,
    /// Its status.
    pub status: Status,
    /// Documents whose field has the old value; of a revert, those that the hotfix changed.
    pub matches: u64,
    /// Cells changed, or that would be.
    pub changed: CellCount,
    /// Documents left alone: the field has the new value already, or a later operation owns the document.
    pub skipped: u64,
    /// Documents of the scope whose field has another value, or that have no such field.
    pub others: u64,
    /// low, moderate, high or critical.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk_level: Option<String>,
    /// Approvals that execution asks for, in words; empty if none.
    pub approvals_needed: Vec<String>,
    /// Whether executing now would go ahead; said by a rehearsal only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// What stands against it.
    pub conflicts: Listing<ConflictLine>,
    /// The change of each document.
    pub changes: Listing<FieldChange>,
    /// What policy found.
    pub findings: Listing<FindingLine>,
    /// Where the manifest lies.
    pub manifest: Option<String>,
    /// A sentence for people, where there was nothing to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What to do next.
    pub next: Vec<String>,
}

/// The change of one document's field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// The document's path.
    pub key: String,
    /// The field.
    pub field: String,
    /// Its value now.
    pub from: serde_json::Value,
    /// Its value then.
    pub to: serde_json::Value,
    /// The document's digest now.
    pub before: Digest,
    /// The document's digest then.
    pub after: Digest,
}

/// Answer of the commands that verify records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VerifyReport {
    /// Whether every check passed.
    pub ok: bool,
    /// Each check.
    pub checks: Vec<CheckLine>,
}

/// One check of records against each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckLine {
    /// What was checked.
    pub name: String,
    /// Whether it passed.
    pub ok: bool,
    /// What was seen.
    pub detail: String,
}
