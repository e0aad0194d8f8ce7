//! Plans: ordered changes with their preconditions, as data (R41).
//!
//! A plan is a header in canonical JSON, and segments of steps in the version store, which the header names by
//! digest. `content_id` names the change: what moves, from and to what, on which basis, under which rules. Planning
//! the same change twice gives the same one. `plan_id` names the whole header, with the actor and the time;
//! approvals and executions name it. A plan is stale if planning it again now gives another `content_id`.

mod decide;
mod draft;
mod execute;
mod file;
mod gather;
mod report;
mod scope;
mod turn;

use kfm_lineage::{Digest, HotfixId, Lsn, OperationId, RollbackId, Step, Timestamp};
pub use kfm_wal::record::PlanKind;
use kfm_wal::record::{Correction, SegmentRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use draft::{Draft, Drafted, Wanted, draft};
pub(crate) use execute::{
    Executed, draft_again, execute_draft, execute_plan, refuse_cancelled, stands_as_planned,
};
pub(crate) use file::{bytes_of, is_plan_file, load_plan, plan_of, store_plan};
pub(crate) use report::{PlanCells, plan_report, plan_report_first, report_of, step_line};

use crate::error::{Error, Result};
use crate::history::misfit;
use crate::report::SkippedLine;

/// The name and version of a plan header's form.
pub const PLAN_SCHEMA: &str = "kfm.plan/v1";

/// The header's field that holds the plan's id.
const PLAN_ID: &str = "plan_id";

/// A plan, without its steps, which are in the version store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The name and version of this form.
    pub schema: String,
    /// Names the plan: the digest of this header without this field.
    pub plan_id: Digest,
    /// Names the change: the digest of `content`.
    pub content_id: Digest,
    /// The change that the plan makes.
    pub content: PlanContent,
    /// The operation that executing it opens.
    pub operation: OperationId,
    /// The actor that asked for the plan.
    pub requested_by: String,
    /// When the plan was made.
    pub created_at: Timestamp,
    /// The reason that the actor gave; left out if the actor gave none when planning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The change in numbers.
    pub summary: PlanSummary,
}

/// The change that a plan stands for; its digest is `content_id`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanContent {
    /// rollback, revert or hotfix.
    pub kind: PlanKind,
    /// The publish or hotfix that is undone, made again or made.
    pub target: OperationId,
    /// The rollback that is taken back; only in a revert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts: Option<RollbackId>,
    /// The steps on cells that have owners, each with its basis: one [`PlanStep`] a line.
    pub steps: SegmentRef,
    /// The derived cells that these steps feed: one cell id a line. Their values are computed at execution.
    pub derived: SegmentRef,
    /// The cells that are left alone, with their owners: one a line.
    pub skipped: SegmentRef,
    /// Digest of the rules that judged the plan.
    pub policy_snapshot_ref: Digest,
    /// Digest of the protection in force in the scope.
    pub protection: Digest,
    /// Keys of the cells that the actor asked to leave alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skip: Vec<String>,
    /// Whether a document is hidden that today's protection does not let through and that cannot be masked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hide_unmaskable: bool,
    /// The justification with which the actor forces the plan through although artefacts are missing (R46).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<String>,
    /// The correction that a hotfix makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correction: Option<Correction>,
}

/// The change of a plan in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanSummary {
    /// Steps on documents and on cells that pipelines keep themselves.
    pub steps: u64,
    /// Derived cells that they feed.
    pub derived: u64,
    /// Cells that are left alone.
    pub skipped: u64,
    /// The risk that policy found: low, moderate, high or critical.
    pub risk_level: String,
    /// The tier, 0 to 4: which kind of change it is.
    pub tier: u8,
    /// The approvals that the plan needs, in words; empty if it needs none.
    pub approvals_needed: Vec<String>,
    /// How many findings policy has.
    pub findings: u64,
    /// Broken links of the catalog when the plan was made.
    pub broken_links_before: u64,
    /// Broken links of the catalog once the plan is executed.
    pub broken_links_planned: u64,
    /// Orphans of the catalog when the plan was made.
    pub orphan_count_before: u64,
    /// Orphans of the catalog once the plan is executed.
    pub orphan_count_planned: u64,
    /// Broken links and orphans that come back with what is restored.
    pub returned: u64,
}

/// A step of a plan, and the basis on which it was planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanStep {
    /// The change of one cell.
    #[serde(flatten)]
    pub step: Step,
    /// Where the log last moved the cell when the plan was made; if that differs at execution, the plan is stale.
    pub basis: Lsn,
}

impl Plan {
    /// Returns the digest of this header without its own id.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the header has no canonical form, so it cannot be a plan.
    pub(crate) fn digest(&self) -> Result<Digest> {
        Ok(Digest::of_canonical_bytes(&self.nameless()?))
    }

    /// Returns this header without its own id, in canonical form: the bytes that the version store keeps under that
    /// id.
    ///
    /// # Errors
    /// As [`digest`](Self::digest).
    pub(crate) fn nameless(&self) -> Result<Vec<u8>> {
        canonical_without(self, PLAN_ID)
    }

    /// Says why the plan's kind, id and target contradict each other; `None` if they fit.
    pub(crate) fn misfit(&self) -> Option<&'static str> {
        let content = &self.content;
        misfit(content.kind, &self.operation, &content.target, content.reverts.as_ref())
    }

    /// Returns the rollback that executing it opens; `None` for a hotfix.
    pub fn rollback_id(&self) -> Option<RollbackId> {
        RollbackId::parse(self.operation.as_str()).ok()
    }

    /// Returns the hotfix that executing it opens; `None` for a rollback or a revert.
    pub fn hotfix_id(&self) -> Option<HotfixId> {
        HotfixId::parse(self.operation.as_str()).ok()
    }
}

impl PlanContent {
    /// Returns the digest that names the change.
    ///
    /// A hotfix is its own target, and its id tells when it was planned: the id is no part of the change.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the change has no canonical form, so no plan can hold it.
    pub(crate) fn digest(&self) -> Result<Digest> {
        let left_out = if self.kind == PlanKind::Hotfix { "target" } else { "" };
        Ok(Digest::of_canonical_bytes(&canonical_without(self, left_out)?))
    }
}

/// Writes a part of a plan in canonical form, without one of its members.
fn canonical_without<T: Serialize>(part: &T, member: &str) -> Result<Vec<u8>> {
    let no_form = |source: Box<dyn std::error::Error + Send + Sync>| Error::Invalid {
        message: "a plan cannot hold this, it has no canonical form".into(),
        hint: "write an integer beyond 2^53 as a text".into(),
        source: Some(source),
    };
    let mut value = serde_json::to_value(part).map_err(|error| no_form(Box::new(error)))?;
    if let Some(members) = value.as_object_mut() {
        members.remove(member);
    }
    kfm_lineage::canonical_json(&value).map_err(|error| no_form(Box::new(error)))
}

/// Describes a skipped cell for the segment of a plan.
pub(crate) fn skipped_line(step: &Step, why: &str, by: Option<OperationId>) -> SkippedLine {
    SkippedLine {
        domain: step.cell.domain.to_string(),
        store: step.cell.store.clone(),
        key: step.cell.key.clone(),
        why: why.into(),
        by,
    }
}
