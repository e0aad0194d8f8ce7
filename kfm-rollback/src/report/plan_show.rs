//! Answers of `plan show`, `plan list` and `plan cancel`.

use kfm_lineage::{Digest, OperationId, Status, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::approval::ApprovalLine;
use super::plan::PlanReport;

/// Answer of `plan show`: a stored plan as its approver must see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanShow {
    /// The plan: the steps that it was stored with, and the findings that policy has now.
    #[serde(flatten)]
    pub plan: PlanReport,
    /// rollback, revert or hotfix.
    pub kind: String,
    /// The operation that executing it opens.
    pub operation: OperationId,
    /// The actor that asked for the plan.
    pub requested_by: String,
    /// When the plan was made; UTC.
    pub created_at: Timestamp,
    /// The reason that the actor gave; left out if the actor gave none when planning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether planning it again now gives the same plan.
    pub fresh: bool,
    /// Why it does not; left out if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_fresh_because: Option<String>,
    /// The approvals that were given so far, also those that do not count.
    pub approvals: Vec<ApprovalLine>,
    /// The approvals that are still missing, in words; empty if none is.
    pub needed: Vec<String>,
}

/// Answer of `plan list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanList {
    /// The plans that were neither executed nor cancelled, in the log's order.
    pub plans: Vec<PlanLine>,
}

/// A plan that waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanLine {
    /// The plan's id.
    pub plan_id: Digest,
    /// The operation that executing it opens.
    pub operation: OperationId,
    /// The publish or hotfix that it undoes, makes again or makes.
    pub target: OperationId,
    /// planned, or awaiting_approval.
    pub status: Status,
    /// The actor that asked for the plan.
    pub requested_by: String,
    /// When the plan was made; UTC.
    pub created_at: Timestamp,
    /// Whether it can still be executed, as far as the log and the rules tell.
    pub fresh: bool,
    /// Why it cannot; left out if it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_fresh_because: Option<String>,
}

/// Answer of `plan cancel`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanCancel {
    /// The plan's id.
    pub plan_id: Digest,
    /// The operation that executing it would have opened.
    pub operation: OperationId,
    /// Always `cancelled`.
    pub status: Status,
    /// The actor that took it back.
    pub requested_by: String,
    /// When it was taken back; UTC.
    pub at: Timestamp,
    /// The reason that the actor gave.
    pub reason: String,
    /// Whether it had been cancelled before, so that there was nothing to do.
    pub already: bool,
}
