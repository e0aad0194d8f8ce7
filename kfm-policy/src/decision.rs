//! Decisions: allow or deny, with everything that led to it (R66).

use kfm_lineage::{Digest, RiskLevel, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::approval::ApprovalsNeeded;
use crate::facts::JudgedKind;
use crate::finding::Finding;
use crate::risk::RiskReason;

/// The decision of the policy about one operation.
///
/// Plain data: it is shown and stored in plans and manifests, and it opens nothing. An operation is opened
/// only by a [`Permit`](crate::Permit), which only [`Policy::permit`](crate::Policy::permit) makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// Whether the operation may be done once it is approved.
    pub allowed: bool,
    /// The kind of operation that was judged.
    pub kind: JudgedKind,
    /// When the operation was judged.
    pub judged_at: Timestamp,
    /// The snapshot of the policy that judged it.
    pub policy_snapshot_ref: Digest,
    /// Everything that the rules saw: first what denies, then by severity.
    pub findings: Vec<Finding>,
    /// How much the rules looked at.
    pub census: RuleCensus,
    /// What the operation does to links and orphans, in numbers.
    pub integrity: IntegrityCounts,
    /// How many findings of CARE deny. They are refusals; telemetry's `care_violations` counts violations
    /// that took effect.
    pub care_denials: u64,
    /// How far the operation reaches.
    pub risk_level: RiskLevel,
    /// What raises the risk, the highest level first.
    pub risk_reasons: Vec<RiskReason>,
    /// The tier of the operation, 0 to 4.
    pub tier: u8,
    /// The approvals that the operation needs.
    pub approvals_needed: ApprovalsNeeded,
}

/// How much the rules really looked at; if they looked at nothing, the operation is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct RuleCensus {
    /// Number of built-in rules that gave an answer.
    pub rules: u64,
    /// Number of added checks that gave an answer.
    pub checks: u64,
    /// Number of documents that the operation moves.
    pub entities: u64,
    /// Number of those documents that are not a JSON object; only the registry can judge them.
    pub not_json: u64,
    /// Number of documents of the catalog whose links were looked at.
    pub documents: u64,
    /// Number of links that were looked at.
    pub links: u64,
}

/// What an operation does to links and orphans, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct IntegrityCounts {
    /// Breaks and orphans that this operation makes.
    pub introduced: u64,
    /// Breaks and orphans that were there before the undone operation, are absent now, and come back.
    pub returned: u64,
    /// Breaks and orphans that the undone operation made in what this one moves, and that stay.
    pub left: u64,
}

impl Decision {
    /// Lists the findings that deny.
    pub fn denials(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.denies)
    }
}
