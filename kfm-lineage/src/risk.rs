//! How far an operation reaches (R65).

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far an operation reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RiskLevel {
    /// A small operation on public entities that leaves nothing out.
    Low,
    /// Many cells, cells that are left alone, or findings about what becomes visible.
    Moderate,
    /// Forced, about heritage or sensitive entities, or under a looser licence.
    High,
    /// An operation on restricted heritage.
    Critical,
}

impl RiskLevel {
    /// All levels, the lowest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Moderate, Self::High, Self::Critical];

    /// Returns the word used in records and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Moderate => "moderate",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Returns the level that records and output call by this word; `None` if none is called so.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == word)
    }
}

impl fmt::Display for RiskLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
