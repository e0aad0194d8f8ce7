//! Approvals: a principal's signed consent to one plan (R64, R68).
//!
//! An approval is bound to the digest of the plan, so a changed plan has none. It names the role in which its
//! principal signs, and the moment from which on it does not count.

mod needed;
mod tally;

use kfm_lineage::canonical::canonical_of;
use kfm_lineage::{Digest, Timestamp, hex};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use needed::{ApprovalsNeeded, NEEDED_BY_TIER, Requirement};
pub use tally::{ApprovalContext, RefusedApproval, Tally};

use crate::principals::{Principal, Principals, PrivateKey, Role, is_same_name};

/// A principal's signed consent to one plan.
///
/// The signature is Ed25519 over the canonical JSON (RFC 8785) of all other fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Approval {
    /// The digest of the plan.
    pub plan_id: Digest,
    /// The principal that signs.
    pub principal: String,
    /// The role in which the principal signs.
    pub role: String,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// From when on it does not count any more.
    pub expires_at: Timestamp,
    /// Fingerprint of the key that signed. Approvals of older versions have none, and are judged by their
    /// signature alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Digest>,
    /// The signature, as 128 lower-case hex digits.
    pub signature: String,
}

/// Why an approval does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApprovalError {
    /// No principal has this name: add the principal, or sign as one that is there.
    #[error("the principal is not known")]
    UnknownPrincipal,
    /// The key is not, or no longer, that of the principal: sign again with the present key.
    #[error("it was made with another key than the principal has now")]
    OtherKey,
    /// The signature of the principal does not fit these fields: sign again.
    #[error("the signature does not fit: it was altered, or made with another key")]
    Altered,
    /// The approval is for another plan: approve this one.
    #[error("it is for another plan")]
    OtherPlan,
    /// The principal planned the operation: ask another principal.
    #[error("the principal that planned the operation may not approve it")]
    ByRequester,
    /// The principal executes the operation: ask another one to approve, or to execute.
    #[error("the principal that executes the operation may not approve it")]
    ByExecutor,
    /// The principal does not have the role, or no longer: sign in a role that it has.
    #[error("the principal does not hold the role")]
    RoleNotHeld,
    /// The role cannot approve: sign as reviewer or council.
    #[error("the role does not approve")]
    RoleApprovesNothing,
    /// The approval does not count any more: sign again.
    #[error("it has expired")]
    Expired,
    /// The principal is counted already: ask another principal.
    #[error("the principal is counted already")]
    Counted,
}

#[derive(Serialize)]
struct Signed<'a> {
    plan_id: &'a Digest,
    principal: &'a str,
    role: &'a str,
    signed_at: &'a Timestamp,
    expires_at: &'a Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: &'a Option<Digest>,
}

impl Approval {
    /// Signs a plan as a principal in a role.
    pub fn sign(
        plan_id: Digest,
        (principal, role): (&str, Role),
        signed_at: Timestamp,
        expires_at: Timestamp,
        key: &PrivateKey,
    ) -> Self {
        let mut approval = Self {
            plan_id,
            principal: principal.to_owned(),
            role: role.as_str().to_owned(),
            signed_at,
            expires_at,
            key: Some(key.public().fingerprint()),
            signature: String::new(),
        };
        approval.signature = hex::encode(key.sign(&approval.signed_bytes()));
        approval
    }

    /// Returns the bytes that are signed.
    fn signed_bytes(&self) -> Vec<u8> {
        let Self { plan_id, principal, role, signed_at, expires_at, key, signature: _ } = self;
        canonical_of(&Signed { plan_id, principal, role, signed_at, expires_at, key })
            .expect("digests, texts and times have a canonical form")
    }

    /// Returns the principal that approves and its role, if the approval counts for the operation of
    /// `context`.
    ///
    /// # Errors
    /// [`ApprovalError`]: why the approval does not count.
    pub fn verify<'p>(
        &self,
        context: &ApprovalContext<'_>,
        principals: &'p Principals,
    ) -> Result<(&'p Principal, Role), ApprovalError> {
        let principal = principals.get(&self.principal).ok_or(ApprovalError::UnknownPrincipal)?;
        if self.key.is_some_and(|key| key != principal.public_key.fingerprint()) {
            return Err(ApprovalError::OtherKey);
        }
        let signature = hex::decode(&self.signature).ok_or(ApprovalError::Altered)?;
        if !principal.public_key.verifies(&self.signed_bytes(), &signature) {
            return Err(ApprovalError::Altered);
        }
        if self.plan_id != *context.plan_id {
            return Err(ApprovalError::OtherPlan);
        }
        if is_same_name(&self.principal, context.requested_by) {
            return Err(ApprovalError::ByRequester);
        }
        if is_same_name(&self.principal, context.executed_by) {
            return Err(ApprovalError::ByExecutor);
        }
        let held = Role::parse(&self.role).filter(|role| principal.roles.contains(role));
        let role = held.ok_or(ApprovalError::RoleNotHeld)?;
        if !matches!(role, Role::Reviewer | Role::Council) {
            return Err(ApprovalError::RoleApprovesNothing);
        }
        if context.now >= self.expires_at || self.expires_at <= self.signed_at {
            return Err(ApprovalError::Expired);
        }
        Ok((principal, role))
    }
}

#[cfg(test)]
mod tests;
