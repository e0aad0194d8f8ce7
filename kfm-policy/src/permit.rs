//! Permits: the only thing that opens an operation (R66).

use kfm_lineage::{Digest, Timestamp};

use crate::approval::{Approval, ApprovalsNeeded, RefusedApproval};
use crate::decision::Decision;
use crate::facts::JudgedKind;
use crate::principals::Principals;
use crate::risk::RiskLevel;

/// How long a permit opens what it was made for; what waits longer is judged again.
pub const PERMIT_VALIDITY_MINUTES: i64 = 15;

/// The leave to open one operation.
///
/// Nobody but [`Policy::permit`](crate::Policy::permit) makes one, from facts of that moment; it cannot be
/// copied, stored or sent, and opens the one plan that it names, under the one policy that it names, for
/// [`PERMIT_VALIDITY_MINUTES`]. So 'forgot to ask policy' does not compile:
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
            // At the end of time a permit is over at once.
            expires_at: decision.judged_at.checked_add(validity).unwrap_or(decision.judged_at),
        }
    }

    /// Says whether the permit opens a plan now.
    ///
    /// # Errors
    /// [`PermitError`]: it does not; judge the operation again.
    pub fn opens(&self, plan_id: &Digest, now: Timestamp) -> Result<(), PermitError> {
        if self.plan_id != *plan_id {
            return Err(PermitError::OtherPlan { permitted: self.plan_id });
        }
        if now >= self.expires_at {
            return Err(PermitError::Expired { expires_at: self.expires_at });
        }
        Ok(())
    }

    /// Returns the plan that it opens.
    pub fn plan_id(&self) -> &Digest {
        &self.plan_id
    }

    /// Returns the policy under which it was given.
    pub fn policy_snapshot_ref(&self) -> &Digest {
        &self.snapshot
    }

    /// Returns what kind of operation it opens.
    pub fn kind(&self) -> JudgedKind {
        self.kind
    }

    /// Returns the risk level at which it was given.
    pub fn risk_level(&self) -> RiskLevel {
        self.risk_level
    }

    /// Returns the principals whose approvals counted, by name.
    pub fn reviewers(&self) -> &[String] {
        &self.reviewers
    }

    /// Returns the moment from which it opens nothing.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

/// Why a permit does not open a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PermitError {
    /// It was given for another plan: judge this one.
    #[error("the permit is for another plan: permitted={permitted}")]
    OtherPlan {
        /// The plan that it opens.
        permitted: Digest,
    },
    /// It is over: judge the operation again.
    #[error("the permit has expired: expires_at={expires_at}")]
    Expired {
        /// When.
        expires_at: Timestamp,
    },
}

/// Whose consent a permit rests on.
#[derive(Debug, Clone, Copy)]
pub enum Consent<'a> {
    /// The operation is about to open: these approvals are counted.
    Asked {
        /// Who planned it.
        requested_by: &'a str,
        /// The approvals on record for the plan.
        approvals: &'a [Approval],
        /// Who may approve.
        principals: &'a Principals,
    },
    /// The operation is open already and goes on or back: its approvals were counted when it opened and are
    /// in the log. Rules are asked again; people are not.
    Given,
}

/// Why there is no permit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PermitRefused {
    /// A rule denies: mend what the findings name, and plan again.
    #[error("denied by policy: findings={}", decision.denials().count())]
    Denied {
        /// The decision, with its findings.
        decision: Box<Decision>,
    },
    /// Approvals are missing: get them, and execute the same plan.
    #[error("approvals are missing: needed={missing}")]
    ApprovalsMissing {
        /// The decision, which allows it.
        decision: Box<Decision>,
        /// What is needed in all.
        needed: ApprovalsNeeded,
        /// What is missing, in words.
        missing: String,
        /// Approvals that do not count, and why.
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
