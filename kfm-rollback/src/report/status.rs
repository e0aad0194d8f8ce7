//! The words of `docs/states.md` section 3.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The words of `docs/states.md` section 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A plan is stored, nothing opened.
    Planned,
    /// Policy said no.
    Denied,
    /// A plan waits for approvals.
    AwaitingApproval,
    /// Stale, conflicting or locked; nothing moved.
    Refused,
    /// At work now.
    Running,
    /// Open, and nobody is at work.
    Interrupted,
    /// Open, and a person is needed.
    Held,
    /// Readers see the planned values.
    Completed,
    /// Readers see the prior values, joined with today's protection.
    Aborted,
    /// Nothing was ever moved.
    Failed,
    /// A plan was discarded before it opened.
    Cancelled,
    /// A rehearsal; never in a record.
    DryRun,
}

impl Status {
    /// Returns the word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Denied => "denied",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Refused => "refused",
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Held => "held",
            Self::Completed => "completed",
            Self::Aborted => "aborted",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::DryRun => "dry_run",
        }
    }

    /// Says whether an operation of this status keeps its cells.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Running | Self::Interrupted | Self::Held)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}
