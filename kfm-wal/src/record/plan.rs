//! What comes before an operation: its plan, the consents to it, or the refusal.

use kfm_lineage::{Digest, OperationId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::digest_of;

/// A plan that was stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanRecord {
    /// The plan.
    pub plan_id: Digest,
    /// Its content.
    pub content_id: Digest,
    /// The operation that executing it opens.
    pub operation: OperationId,
    /// What it undoes, makes again or changes.
    pub target: OperationId,
    /// Who planned it.
    pub requested_by: String,
    /// When.
    pub created_at: Timestamp,
    /// denied, awaiting_approval or planned.
    pub status: String,
}

/// A plan that was taken back before it was executed: it never will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanCancelled {
    /// The plan.
    pub plan_id: Digest,
    /// The operation that executing it would have opened.
    pub operation: OperationId,
    /// Who took it back.
    pub requested_by: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// A signed consent to one plan (R64, R68).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalRecord {
    /// The plan.
    pub plan_id: Digest,
    /// The principal who signs.
    pub principal: String,
    /// The role in which the principal signs.
    pub role: String,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// When it ceases to count.
    pub expires_at: Timestamp,
    /// Fingerprint of the key that made it: the SHA-256 of the public key. Approvals of older versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Digest>,
    /// Ed25519 signature over the other fields in canonical JSON, as lower-case hex.
    pub signature: String,
}

impl ApprovalRecord {
    /// Returns the digest of the whole record.
    pub fn digest(&self) -> Digest {
        digest_of(self)
    }
}

/// Something that was asked for and not done (R6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RefusalRecord {
    /// What was asked for: publish, rollback_plan, rollback_execute, revert, hotfix, approve, …
    pub operation: String,
    /// When.
    pub at: Timestamp,
    /// Who asked.
    pub requested_by: String,
    /// The operation it would have been or was about, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<OperationId>,
    /// The plan it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<Digest>,
    /// denied, refused or awaiting_approval.
    pub status: String,
    /// The class of the refusal.
    pub kind: String,
    /// The message that was shown.
    pub message: String,
    /// The policy in force then; records of older versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_snapshot_ref: Option<Digest>,
}
