//! What lineage should know and does not (R32).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{EntityId, OperationId};

/// What is wrong with an entity's lineage.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LineageClass {
    /// A source asset from which nothing was made.
    Orphan,
    /// A version of which no digest was recorded.
    MissingDigest,
    /// A version whose predecessor is not known, is not older, or is not what readers saw before.
    BrokenChain,
    /// A document stands in the stores and lineage has no version of it.
    ItemWithoutLineage,
    /// A derivative of which no source is known.
    OutputWithoutOrigin,
    /// A version names a source that lineage does not know.
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

/// One thing that is wrong with lineage.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct LineageFinding {
    /// What is wrong.
    pub class: LineageClass,
    /// The entity.
    pub entity: EntityId,
    /// The operation that made the version, where the finding is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationId>,
}
