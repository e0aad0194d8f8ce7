//! What rules found, and what stands in the way.

use kfm_policy::{Advice, Finding, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::listing::{FIRST_MAX, GroupKey, Grouped};

/// The rule of a finding about a store or a check that the log knows, and that the program lacks.
pub const MISSING_PART: &str = "missing_part";

/// One finding of a rule, for people and programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FindingLine {
    /// The rule's name.
    pub rule: String,
    /// The short code for the rule, such as C-F01, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Its severity, from the gravest: critical, block, warn, info.
    pub severity: String,
    /// The entity that it is about.
    pub subject: String,
    /// What the rule found.
    pub message: String,
    /// What to do about it.
    pub remedy: Advice,
    /// Whether it denies the operation.
    pub denies: bool,
}

impl From<&Finding> for FindingLine {
    fn from(finding: &Finding) -> Self {
        let Finding { rule, code, severity, subject, message, remedy, denies } = finding.clone();
        Self { code, denies, ..Self::new(rule, severity, subject, message, remedy) }
    }
}

/// How the messages of integrity rules begin if the operation makes something worse.
const MADE_WORSE: [&str; 2] = ["introduced", "left by the undone operation"];

impl Grouped for FindingLine {
    /// The findings of one rule belong together. Groups that deny come first, then those that make something worse,
    /// then by severity.
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

    /// Findings of one rule can be about different things: two broken links, a label that is missing and one that is
    /// too low. What is alike has the same message and the same remedy.
    fn says(&self) -> Option<(String, &str)> {
        let says = format!(
            "{}\n{}",
            self.without_subject(&self.message, "-"),
            self.without_subject(&self.remedy.to_string(), "-")
        );
        Some((says, &self.subject))
    }
}

impl FindingLine {
    /// Makes a finding that denies nothing.
    pub fn new(
        rule: impl Into<String>,
        severity: Severity,
        subject: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<Advice>,
    ) -> Self {
        Self {
            rule: rule.into(),
            code: None,
            severity: severity.as_str().into(),
            subject: subject.into(),
            message: message.into(),
            remedy: remedy.into(),
            denies: false,
        }
    }

    /// Returns a text of this finding with `instead` where the text names the subject.
    pub fn without_subject(&self, text: &str, instead: &str) -> String {
        let is_mark = |c: char| "'\",;:()".contains(c);
        let word = |word: &str| match !self.subject.is_empty() && word.trim_matches(is_mark) == self.subject {
            true => word.replacen(&self.subject, instead, 1),
            false => word.to_owned(),
        };
        text.split(' ').map(word).collect::<Vec<_>>().join(" ")
    }
}

/// One thing that stands against executing a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConflictLine {
    /// Its kind: foreign, stale, open_operation, dependent, repeated or approvals.
    pub kind: String,
    /// The cell or the operation that it is about.
    pub subject: String,
    /// The value or state that the plan expects; left out where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// The value or state that was found; left out where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<String>,
    /// A sentence that says what is in the way.
    pub message: String,
}

/// What stands against an operation: the first 1,000 conflicts, and how many there are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Conflicts {
    /// The first conflicts, at most 1,000.
    pub conflicts: Vec<ConflictLine>,
    /// How many conflicts there are.
    pub conflicts_total: u64,
}

impl Conflicts {
    /// Counts conflicts, and keeps the first [`FIRST_MAX`].
    pub fn of(mut conflicts: Vec<ConflictLine>) -> Self {
        let conflicts_total = conflicts.len() as u64;
        conflicts.truncate(FIRST_MAX);
        Self { conflicts, conflicts_total }
    }
}
