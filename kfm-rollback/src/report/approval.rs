//! Answers of `principals`, `approve` and `approvals`.

use kfm_lineage::{Digest, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A principal as `principals` shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PrincipalLine {
    /// The principal's name.
    pub name: String,
    /// The roles that the principal holds: operator, reviewer, council, tribal_authority.
    pub roles: Vec<String>,
    /// The Ed25519 public key, as 64 hex digits.
    pub public_key: String,
}

/// Answer of `approve` and `approvals`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalsReport {
    /// The plan's id.
    pub plan_id: Digest,
    /// Whether planning it again now gives the same plan; a plan that was executed or cancelled is not fresh.
    pub fresh: bool,
    /// Why it is not fresh; left out if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_fresh_because: Option<String>,
    /// The approvals that were given so far, also those that do not count.
    pub approvals: Vec<ApprovalLine>,
    /// The approvals that are still missing, in words; empty if none is.
    pub needed: Vec<String>,
}

/// An approval as `approvals` shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalLine {
    /// The principal that gave the approval.
    pub principal: String,
    /// The role in which the principal gave it.
    pub role: String,
    /// When it was signed; UTC.
    pub signed_at: Timestamp,
    /// When it ceases to count; UTC.
    pub expires_at: Timestamp,
    /// Whether it counts now. While the plan waits, also an approval by an actor who may not execute the plan then.
    pub valid: bool,
    /// Why it does not count; left out if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}
