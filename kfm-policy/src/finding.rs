//! Findings: what rules saw, for people and programs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much weight a rule has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// No exception ever; what cannot be evaluated denies.
    Critical,
    /// Exceptions only by the named authority; what cannot be evaluated denies.
    Block,
    /// Recorded.
    Warn,
    /// Told.
    Info,
}

/// One thing that a rule saw.
///
/// Names the entity by its path and shows no text of a protected document, no coordinates and no personal
/// data (R66).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The rule's id in the catalogue: `CARE-A1-access`.
    pub rule: String,
    /// The name that others have for it: `C-F01` the owner, `LNK-2` the count of links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The rule's weight.
    pub severity: Severity,
    /// What it is about: a path in the catalog, or `operation`.
    pub subject: String,
    /// What is so.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
    /// Whether this finding alone denies the operation.
    pub denies: bool,
}

/// The subject of findings that are about the operation as a whole.
pub const OPERATION: &str = "operation";
