//! Permits: without one, no operation opens (R66).

use kfm_lineage::{Digest, RiskLevel, Timestamp};

use crate::approval::{Approval, ApprovalsNeeded, RefusedApproval};
use crate::decision::Decision;
use crate::facts::JudgedKind;
use crate::principals::Principals;

/// How many minutes a permit can be used; an operation that waits longer is judged again.
pub const PERMIT_VALIDITY_MINUTES: i64 = 15;

/// The permission to open one operation.
///
/// Only [`Policy::permit`](crate::Policy::permit) makes one, from the facts of that moment. It cannot be
/// copied, stored or sent. It opens only the plan that it names, under the policy that it names, for
/// [`PERMIT_VALIDITY_MINUTES`]. So code that forgets to ask the policy does not compile:
///
/// ```compile_fail,E0451
/// # fn forge(plan_id: kfm_lineage::Digest, at: kfm_lineage::Timestamp) -> kfm_policy::Permit {
/// kfm_policy::Permit {
///     plan_id,
///     snapshot: plan_id,
///     kind: kfm_policy::JudgedKind::Publish,
///     risk_level: kfm_policy::RiskLevel::Low,
///     reviewers: Vec::new(),
///     expires_at: at,
/// }
/// # }
/// ```
///
/// ```compile_fail,E0599
/// fn twice(permit: kfm_policy::Permit) -> [kfm_policy::Permit; 2] {
///     [permit.clone(), permit]
/// }
/// ```
///
/// ```compile_fail,E0277
/// fn stored(permit: &kfm_policy::Permit) -> String {
///     serde_json::to_string(permit).unwrap()
/// }
/// ```
#[derive(Debug)]
pub struct Permit {
    plan_id: Digest,
    snapshot: Digest,
    kind: JudgedKind,
    risk_level: RiskLevel,
    reviewers: Vec<String>,
    expires_at: Timestamp,
}

impl Permit {
    /// Makes the permit of a decision; the caller has just made the decision and counted the approvals.
    pub(crate) fn of(decision: &Decision, plan_id: Digest, reviewers: Vec<String>) -> Self {
        let validity = jiff::SignedDuration::from_mins(PERMIT_VALIDITY_MINUTES);
        Self {
            plan_id,
            snapshot: decision.policy_snapshot_ref,
            kind: decision.kind,
            risk_level: decision.risk_level,
            reviewers,
            // If the time cannot be represented, the permit has expired at once.
            expires_at: decision.judged_at.checked_add(validity).unwrap_or(decision.judged_at),
        }
    }

    /// Checks that the permit opens a plan now.
    ///
    /// # Errors
    /// [`PermitError`]: the permit does not open it; judge the operation again.
    pub fn opens(&self, plan_id: &Digest, now: Timestamp) -> Result<(), PermitError> {
        if self.plan_id != *plan_id {
            return Err(PermitError::OtherPlan { permitted: self.plan_id });
        }
        if now >= self.expires_at {
            return Err(PermitError::Expired { expires_at: self.expires_at });
        }
        Ok(())
    }

    /// Returns the digest of the plan that the permit opens.
    pub fn plan_id(&self) -> &Digest {
        &self.plan_id
    }

    /// Returns the snapshot of the policy that gave the permit.
    pub fn policy_snapshot_ref(&self) -> &Digest {
        &self.snapshot
    }

    /// Returns the kind of operation that the permit opens.
    pub fn kind(&self) -> JudgedKind {
        self.kind
    }

    /// Returns the risk level of the operation, as it was judged.
    pub fn risk_level(&self) -> RiskLevel {
        self.risk_level
    }

    /// Returns the names of the principals whose approvals counted.
    pub fn reviewers(&self) -> &[String] {
        &self.reviewers
    }

    /// Returns the moment from which on the permit opens nothing.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

/// Why a permit does not open a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PermitError {
    /// The permit is for another plan: judge this plan.
    #[error("the permit is for another plan: permitted={permitted}")]
    OtherPlan {
        /// The plan that the permit opens.
        permitted: Digest,
    },
    /// The permit has expired: judge the operation again.
    #[error("the permit has expired: expires_at={expires_at}")]
    Expired {
        /// The moment at which it expired.
        expires_at: Timestamp,
    },
}

/// The approvals that a permit rests on.
#[derive(Debug, Clone, Copy)]
pub enum Consent<'a> {
    /// The operation is about to open: its approvals are counted now.
    Asked {
        /// The principal that planned the operation.
        requested_by: &'a str,
        /// The approvals on record for the plan.
        approvals: &'a [Approval],
        /// The principals that may approve.
        principals: &'a Principals,
    },
    /// The operation is open already, and goes on or back: its approvals were counted when it opened and are
    /// in the log. The rules are asked again; principals are not.
    Given,
}

/// Why there is no permit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PermitRefused {
    /// A rule denies: repair what the findings name, and plan again.
    #[error("denied by policy: findings={}", decision.denials().count())]
    Denied {
        /// The decision, with its findings.
        decision: Box<Decision>,
    },
    /// Approvals are missing: get them, and execute the same plan.
    #[error("approvals are missing: needed={missing}")]
    ApprovalsMissing {
        /// The decision, which allows the operation.
        decision: Box<Decision>,
        /// All approvals that the operation needs.
        needed: ApprovalsNeeded,
        /// The approvals that are missing, in words.
        missing: String,
        /// The approvals that do not count, each with its reason.
        refused: Vec<RefusedApproval>,
    },
}

impl PermitRefused {
    /// Returns the decision behind the refusal.
    pub fn decision(&self) -> &Decision {
        match self {
            Self::Denied { decision } | Self::ApprovalsMissing { decision, .. } => decision,
        }
    }
}

#[cfg(test)]
mod tests;
