//! Answers of `plan show`, `plan list` and `plan cancel`.

use kfm_lineage::{Digest, OperationId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::approval::ApprovalLine;
use super::plan::PlanReport;
use super::status::Status;

/// Answer of `plan show`: a stored plan as its approver must see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanShow {
    /// The plan: its steps as they were planned, its findings as policy judges it now.
    #[serde(flatten)]
    pub plan: PlanReport,
    /// rollback, revert or hotfix.
    pub kind: String,
    /// The operation that executing it opens.
    pub operation: OperationId,
    /// Who asked.
    pub requested_by: String,
    /// When.
    pub created_at: Timestamp,
    /// Why, where that was said when it was planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether planning it again now gives the same plan.
    pub fresh: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_fresh_because: Option<String>,
    /// The approvals given so far.
    pub approvals: Vec<ApprovalLine>,
    /// What is still missing, in words; empty if nothing is.
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
    /// The plan.
    pub plan_id: Digest,
    /// The operation that executing it opens.
    pub operation: OperationId,
    /// The publish or hotfix that it undoes, makes again or makes.
    pub target: OperationId,
    /// planned or awaiting_approval.
    pub status: Status,
    /// Who asked.
    pub requested_by: String,
    /// When.
    pub created_at: Timestamp,
    /// Whether it can still be executed, as far as the log tells.
    pub fresh: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_fresh_because: Option<String>,
}

/// Answer of `plan cancel`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanCancel {
    /// The plan.
    pub plan_id: Digest,
    /// The operation that executing it would have opened.
    pub operation: OperationId,
    /// Always `cancelled`.
    pub status: Status,
    /// Who took it back.
    pub requested_by: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
    /// Whether it was cancelled before, so that there was nothing to do.
    pub already: bool,
}
