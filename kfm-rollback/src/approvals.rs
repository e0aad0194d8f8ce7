//! Approvals in the log, as policy counts them.

use kfm_policy::Approval;
use kfm_wal::record::ApprovalRecord;

/// Reads an approval from its record.
pub(crate) fn approval_of(record: &ApprovalRecord) -> Approval {
    Approval {
        plan_id: record.plan_id,
        principal: record.principal.clone(),
        role: record.role.clone(),
        signed_at: record.signed_at,
        expires_at: record.expires_at,
        key: record.key,
        signature: record.signature.clone(),
    }
}

/// Makes the record of an approval.
pub(crate) fn record_of(approval: &Approval) -> ApprovalRecord {
    ApprovalRecord {
        plan_id: approval.plan_id,
        principal: approval.principal.clone(),
        role: approval.role.clone(),
        signed_at: approval.signed_at,
        expires_at: approval.expires_at,
        key: approval.key,
        signature: approval.signature.clone(),
    }
}
