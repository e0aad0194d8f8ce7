//! What rules found, and what stands in the way.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::listing::{FIRST_MAX, GroupKey, Grouped};

/// One finding, as a person reads it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FindingLine {
    /// The rule.
    pub rule: String,
    /// The owner's code, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Its severity.
    pub severity: String,
    /// The entity it is about.
    pub subject: String,
    /// What was seen.
    pub message: String,
    /// What to do.
    pub remedy: String,
    /// Whether it denies the operation.
    pub denies: bool,
}

/// How the integrity rules begin what an operation makes worse.
const MADE_WORSE: [&str; 2] = ["introduced", "left by the undone operation"];

impl Grouped for FindingLine {
    /// A rule's findings belong together: what denies first, then what makes things worse, then the gravest.
    fn group(&self) -> GroupKey {
        let is_worse = MADE_WORSE.iter().any(|begin| self.message.starts_with(begin));
        let rank = match (self.denies, is_worse, self.severity.as_str()) {
            (true, ..) => 0,
            (false, true, _) => 1,
            (false, false, "critical") => 2,
            (false, false, "block") => 3,
            (false, false, "warn") => 4,
            _ => 5,
        };
        GroupKey {
            rank,
            rule: Some(self.rule.clone()),
            code: self.code.clone(),
            denies: Some(self.denies),
            ..GroupKey::default()
        }
    }
}

/// Something that stands against executing a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConflictLine {
    /// foreign, stale, open_operation, dependent, repeated, approvals.
    pub kind: String,
    /// The cell or operation it is about.
    pub subject: String,
    /// What was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<String>,
    /// A sentence for people.
    pub message: String,
}

/// What stands against an operation: the first [`FIRST_MAX`] conflicts, and how many there are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Conflicts {
    /// The first of them.
    pub conflicts: Vec<ConflictLine>,
    /// All of them.
    pub conflicts_total: u64,
}

impl Conflicts {
    /// Counts conflicts, and keeps the first.
    pub fn of(mut conflicts: Vec<ConflictLine>) -> Self {
        let conflicts_total = conflicts.len() as u64;
        conflicts.truncate(FIRST_MAX);
        Self { conflicts, conflicts_total }
    }
}
