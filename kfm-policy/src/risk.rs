//! Risk levels: how far an operation reaches (R65).

use kfm_lineage::RiskLevel;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::facts::OperationFacts;
use crate::label::CareLabel;

/// With more cells than this the risk is at least moderate (R65).
pub const LOW_RISK_CELLS_MAX: u64 = 1_000;

/// What the rules saw that raises the risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    pub(crate) fair_findings: u64,
    pub(crate) returned: u64,
    pub(crate) loosened: u64,
}

/// A reason for the risk level of an operation; the highest level counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RiskReason {
    /// The level that this reason demands.
    pub level: RiskLevel,
    /// The reason, in words.
    pub why: String,
}

/// Lists what raises the risk of an operation, the highest first.
pub(crate) fn reasons(facts: &OperationFacts<'_>, seen: &Seen) -> Vec<RiskReason> {
    let protections = || facts.steps.iter().map(|step| &step.protection);
    let restricted_heritage = protections().filter(|p| p.heritage && !below(p.label, CareLabel::Restricted));
    let heritage = protections().filter(|p| p.heritage);
    let sensitive = protections().filter(|p| !below(p.label, CareLabel::Sensitive));
    let counted = [
        (RiskLevel::Critical, restricted_heritage.count() as u64, "documents of restricted heritage"),
        (RiskLevel::High, heritage.count() as u64, "documents of heritage"),
        (RiskLevel::High, sensitive.count() as u64, "documents that are not known to be public"),
        (RiskLevel::High, u64::from(facts.forced), "partial publish or missing artefacts, forced"),
        (RiskLevel::High, seen.loosened, "documents under a looser licence than now"),
        (RiskLevel::Moderate, facts.cells_total.saturating_sub(LOW_RISK_CELLS_MAX), "cells above 1,000"),
        (RiskLevel::Moderate, facts.skipped, "cells skipped"),
        (RiskLevel::Moderate, seen.fair_findings, "FAIR findings"),
        (RiskLevel::Moderate, seen.returned, "broken links or orphans that return"),
    ];
    let raising = counted.into_iter().filter(|(_, count, _)| *count > 0);
    raising.map(|(level, count, what)| RiskReason { level, why: format!("{what}: {count}") }).collect()
}

/// Says whether a label is known and below another one; an unknown label is below none.
fn below(label: Result<CareLabel, crate::UnknownLabel>, other: CareLabel) -> bool {
    label.is_ok_and(|label| label < other)
}

#[cfg(test)]
mod tests;
