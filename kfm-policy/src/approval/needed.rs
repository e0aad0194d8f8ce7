//! How many approvals an operation needs, by tier and risk (`docs/states.md` section 6), as data.

use kfm_lineage::RiskLevel;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Tally;
use crate::principals::{Principals, Role};

/// The approvals that one field of the table demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Requirement {
    /// Number of distinct principals that must approve.
    pub principals: u8,
    /// Number of those that must sign as council.
    pub council: u8,
    /// Whether more than half of the council must approve.
    pub quorum: bool,
    /// Whether the council is notified.
    pub council_notified: bool,
}

const NONE: Requirement = reviewers(0);
const QUORUM: Requirement = Requirement { quorum: true, ..NONE };

const fn reviewers(principals: u8) -> Requirement {
    Requirement { principals, council: 0, quorum: false, council_notified: false }
}

const fn with_council(principals: u8) -> Requirement {
    Requirement { council: 1, ..reviewers(principals) }
}

/// The table: a row for each tier from 1 to 4, a column for each risk level from low to critical. Tier 0 is
/// like tier 1.
pub const NEEDED_BY_TIER: [[Requirement; 4]; 4] = [
    [NONE, NONE, reviewers(1), with_council(2)],
    [reviewers(1), reviewers(1), reviewers(1), with_council(2)],
    [Requirement { council_notified: true, ..reviewers(2) }, reviewers(2), reviewers(2), with_council(2)],
    [QUORUM, QUORUM, QUORUM, QUORUM],
];

/// The approvals that an operation needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalsNeeded {
    /// Number of distinct principals that must approve; members of the council count as reviewers.
    pub principals: u8,
    /// Number of those that must sign as council.
    pub council: u8,
    /// Whether more than half of the members of the council must approve.
    pub quorum: bool,
    /// Whether the council is notified.
    pub council_notified: bool,
    /// The same in words.
    pub text: String,
}

impl ApprovalsNeeded {
    /// Returns the approvals for a tier and a risk level; a tier above 4 is like 4.
    pub fn for_operation(tier: u8, risk: RiskLevel) -> Self {
        let row = usize::from(tier.clamp(1, 4)) - 1;
        let column =
            RiskLevel::ALL.iter().position(|level| *level == risk).expect("every level has a column");
        Self::of(NEEDED_BY_TIER[row][column])
    }

    /// Makes an empty demand, as for a publish.
    pub fn none() -> Self {
        Self::of(NONE)
    }

    fn of(requirement: Requirement) -> Self {
        let Requirement { principals, council, quorum, council_notified } = requirement;
        let mut text = match (quorum, principals, council) {
            (true, _, _) => "more than half of the council".to_owned(),
            (false, 0, _) => "none".to_owned(),
            (false, 1, 0) => "1 reviewer".to_owned(),
            (false, n, 0) => format!("{n} reviewers"),
            (false, n, 1) => format!("{n} reviewers, one of them of the council"),
            (false, n, c) => format!("{n} reviewers, {c} of them of the council"),
        };
        if council_notified {
            text.push_str("; the council is notified");
        }
        Self { principals, council, quorum, council_notified, text }
    }

    /// Returns the approvals that are still missing, in words; `None` if there are enough.
    pub fn missing(&self, tally: &Tally, principals: &Principals) -> Option<String> {
        let (total, council) = (tally.total(), tally.council());
        let quorum = if self.quorum { principals.holding(Role::Council) / 2 + 1 } else { 0 };
        let council_needed = usize::from(self.council).max(quorum);
        let council_missing = council_needed.saturating_sub(council);
        let others_missing =
            usize::from(self.principals).saturating_sub(total).saturating_sub(council_missing);
        let mut missing = Vec::new();
        if council_missing > 0 {
            missing.push(format!("{council_missing} of the council"));
        }
        if others_missing > 0 {
            missing.push(format!("{others_missing} reviewer{}", if others_missing == 1 { "" } else { "s" }));
        }
        (!missing.is_empty()).then(|| missing.join(" and "))
    }
}
