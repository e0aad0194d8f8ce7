//! What comes before an operation: its plan, the approvals of it, or its refusal.

use kfm_lineage::{Digest, OperationId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::digest_of;

/// A plan, stored before it is executed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanRecord {
    /// The digest of the plan, its name in the version store.
    pub plan_id: Digest,
    /// The digest of the plan's content: plans of the same change have the same.
    pub content_id: Digest,
    /// The operation that the execution of the plan opens.
    pub operation: OperationId,
    /// The publish or hotfix that the plan undoes, makes again or is.
    pub target: OperationId,
    /// The principal that asked for the plan.
    pub requested_by: String,
    /// When the plan was made.
    pub created_at: Timestamp,
    /// The status of the plan: denied, awaiting_approval or planned.
    pub status: String,
}

/// A plan that was taken back before it was executed: it will never be executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanCancelled {
    /// The digest of the plan.
    pub plan_id: Digest,
    /// The operation that the execution of the plan would have opened.
    pub operation: OperationId,
    /// The principal that took it back.
    pub requested_by: String,
    /// When it was taken back.
    pub at: Timestamp,
    /// The reason that the principal gave.
    pub reason: String,
}

/// A principal's signed approval of one plan (R64, R68).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalRecord {
    /// The digest of the plan.
    pub plan_id: Digest,
    /// The principal that signs.
    pub principal: String,
    /// The role in which the principal signs.
    pub role: String,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// From when on the approval does not count any more.
    pub expires_at: Timestamp,
    /// Fingerprint of the key that signed: the SHA-256 of the public key. Approvals of older versions have
    /// none.
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

/// A request that was refused: nothing was done (R6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RefusalRecord {
    /// What was asked for: publish, rollback_plan, rollback_execute, revert, hotfix, approve, …
    pub operation: String,
    /// When it was refused.
    pub at: Timestamp,
    /// The principal that asked.
    pub requested_by: String,
    /// The operation that the request was about, or would have opened; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<OperationId>,
    /// The digest of the plan that the request was about; none where there was no plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<Digest>,
    /// The status of the request: denied, refused or awaiting_approval.
    pub status: String,
    /// The class of the refusal, one word.
    pub kind: String,
    /// The message that the command showed.
    pub message: String,
    /// The snapshot of the policy that was in force then; records of older versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_snapshot_ref: Option<Digest>,
}
