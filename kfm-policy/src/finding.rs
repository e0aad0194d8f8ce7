//! Findings: what rules saw, for people and for programs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::advice::Advice;

/// How severe a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// There is never an exception; a rule that cannot be evaluated denies.
    Critical,
    /// Only the named authority can make an exception; a rule that cannot be evaluated denies.
    Block,
    /// A finding that is recorded, and that a person should look at.
    Warn,
    /// A finding for information.
    Info,
}

impl Severity {
    /// Returns the word used in records and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Block => "block",
            Self::Warn => "warn",
            Self::Info => "info",
        }
    }
}

/// One observation of a rule.
///
/// Names the entity by its path and shows no text of a protected document, no coordinates and no personal
/// data (R66).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The rule's id in the catalogue: `CARE-A1-access`.
    pub rule: String,
    /// Another name of it: `C-F01` in the requirements, `LNK-2` in the count of links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The severity of the rule.
    pub severity: Severity,
    /// The subject: a path in the catalog, or `operation`.
    pub subject: String,
    /// What is wrong, in words.
    pub message: String,
    /// What to do about it.
    pub remedy: Advice,
    /// Whether this finding alone denies the operation.
    pub denies: bool,
}

/// The subject of findings that are about the operation as a whole.
pub const OPERATION: &str = "operation";
