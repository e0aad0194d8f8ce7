//! Findings: what lineage should know and does not know (R32).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{EntityId, OperationId};

/// The class of a finding about an entity's lineage.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LineageClass {
    /// A source asset from which nothing was made.
    Orphan,
    /// A version whose digest was not recorded.
    MissingDigest,
    /// A version whose predecessor is not known, is not older, or is not what readers saw before.
    BrokenChain,
    /// A document that stands in a store, without a version in lineage.
    ItemWithoutLineage,
    /// A derivative without a known source.
    OutputWithoutOrigin,
    /// A version that names a source which lineage does not know.
    UnknownSource,
}

impl LineageClass {
    /// Returns the word used in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Orphan => "orphan",
            Self::MissingDigest => "missing_digest",
            Self::BrokenChain => "broken_chain",
            Self::ItemWithoutLineage => "item_without_lineage",
            Self::OutputWithoutOrigin => "output_without_origin",
            Self::UnknownSource => "unknown_source",
        }
    }
}

impl fmt::Display for LineageClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One finding about lineage.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct LineageFinding {
    /// The class of the finding.
    pub class: LineageClass,
    /// The entity that the finding is about.
    pub entity: EntityId,
    /// The operation that made the version; none if the finding is not about a version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationId>,
}
