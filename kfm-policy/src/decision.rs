//! Decisions: allow or deny, with everything that led there (R66).

use kfm_lineage::{Digest, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::approval::ApprovalsNeeded;
use crate::facts::JudgedKind;
use crate::finding::Finding;
use crate::risk::{RiskLevel, RiskReason};

/// What policy says of an operation.
///
/// Plain data: it is shown, stored in plans and manifests, and opens nothing. What opens an operation is a
/// [`Permit`](crate::Permit), which only [`Policy::permit`](crate::Policy::permit) makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// Whether the operation may be done, once it is approved.
    pub allowed: bool,
    /// What was judged.
    pub kind: JudgedKind,
    /// When.
    pub judged_at: Timestamp,
    /// Under which policy.
    pub policy_snapshot_ref: Digest,
    /// Everything that the rules saw: what denies first, then by weight.
    pub findings: Vec<Finding>,
    /// What was looked at.
    pub census: RuleCensus,
    /// What it does to links and orphans.
    pub integrity: IntegrityCounts,
    /// How many CARE findings deny; counts refusals, where telemetry's `care_violations` counts effects.
    pub care_denials: u64,
    /// How far it reaches.
    pub risk_level: RiskLevel,
    /// What raises the risk, the highest first.
    pub risk_reasons: Vec<RiskReason>,
    /// Its class, 0 to 4.
    pub tier: u8,
    /// Who must approve it.
    pub approvals_needed: ApprovalsNeeded,
}

/// What rules really looked at; nothing looked at is a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct RuleCensus {
    /// Built-in rules that gave an answer.
    pub rules: u64,
    /// Checks of others that gave an answer.
    pub checks: u64,
    /// Documents that the operation moves.
    pub entities: u64,
    /// Of those, documents that are not a JSON object; the registry alone judges them.
    pub not_json: u64,
    /// Documents of the catalog whose links were looked at.
    pub documents: u64,
    /// Links that were looked at.
    pub links: u64,
}

/// What an operation does to links and orphans, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct IntegrityCounts {
    /// Made by this operation.
    pub introduced: u64,
    /// Absent now, there before the operation that is undone, and there again.
    pub returned: u64,
    /// Made by the operation that is undone, in what this one moves, and still there.
    pub left: u64,
}

impl Decision {
    /// Lists the findings that deny.
    pub fn denials(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.denies)
    }
}
