//! Answers of `principals`, `approve` and `approvals`.

use kfm_lineage::{Digest, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
