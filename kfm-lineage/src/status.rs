//! The words for where an operation or a plan stands (`docs/states.md` section 3).

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where an operation or a plan stands; one word for screens, `--json`, manifests and records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A plan is stored, and nothing is opened: readers see the prior values. Execute it next.
    Planned,
    /// A rule of policy denied it: nothing moved, and the refusal is in log and ledger.
    Denied,
    /// A plan is stored, and approvals are missing: readers see the prior values.
    AwaitingApproval,
    /// It was refused, since the plan is stale, something conflicts, or another operation works: nothing moved.
    Refused,
    /// It is open, and a process works on it now: each cell has its prior or its planned value.
    Running,
    /// It is open, and no process works on it: each cell has its prior or its planned value. Resume it, or abort
    /// it.
    Interrupted,
    /// It is open and needs a person, as its reason says: resume it, or abort it, once that is settled.
    Held,
    /// It has ended, and readers see the planned values.
    Completed,
    /// It has ended and went back: readers see the prior values, except those that today's protection hides.
    Aborted,
    /// It has ended without having moved anything.
    Failed,
    /// The plan was taken back before it was executed.
    Cancelled,
    /// It was only rehearsed. Never in a record.
    DryRun,
}

impl Status {
    /// Returns the word, as output and records have it.
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

    /// Says whether an operation with this status is open, so that it keeps its cells.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Running | Self::Interrupted | Self::Held)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
