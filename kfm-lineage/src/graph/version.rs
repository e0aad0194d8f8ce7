//! Versions of entities: the nodes of the graph.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::cell::{Step, Value};
use crate::digest::Digest;
use crate::document::DocumentKind;
use crate::id::{EntityId, OperationId};

/// The kind of an entity: `SourceAsset -> StacItem -> DerivativeArtifact -> ReadModel` (R30).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    /// A file that documents name: raw or processed data.
    SourceAsset,
    /// A STAC item, or a document of no known type.
    StacItem,
    /// A STAC collection or catalog.
    StacCollection,
    /// Something made from published documents.
    Derivative(DerivativeKind),
    /// A projection of documents that readers query: a node, an alias, a cache namespace.
    ReadModel,
}

impl From<DocumentKind> for EntityKind {
    fn from(kind: DocumentKind) -> Self {
        match kind {
            DocumentKind::Item | DocumentKind::Other | DocumentKind::NotJson => Self::StacItem,
            DocumentKind::Collection | DocumentKind::Catalog => Self::StacCollection,
        }
    }
}

/// The types of derivatives (R30).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DerivativeKind {
    /// A set of map tiles.
    Tiles,
    /// A file with raster data.
    Raster,
    /// A file with vector data.
    Vector,
    /// A table of data.
    Table,
    /// A search or vector index.
    Index,
    /// A part of the knowledge graph.
    #[serde(rename = "neo4j_subgraph")]
    Neo4jSubgraph,
    /// The content of a cache.
    Cache,
}

impl DerivativeKind {
    /// All types, in the order in which they are shown.
    pub const ALL: [Self; 7] =
        [Self::Tiles, Self::Raster, Self::Vector, Self::Table, Self::Index, Self::Neo4jSubgraph, Self::Cache];

    /// Returns the word used in records and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tiles => "tiles",
            Self::Raster => "raster",
            Self::Vector => "vector",
            Self::Table => "table",
            Self::Index => "index",
            Self::Neo4jSubgraph => "neo4j_subgraph",
            Self::Cache => "cache",
        }
    }
}

/// A text that is not a type of derivative.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error(
    "not a type of derivative, expected tiles, raster, vector, table, index, neo4j_subgraph or cache: text={text}"
)]
pub struct UnknownDerivative {
    /// The text that was refused.
    pub text: String,
}

impl FromStr for DerivativeKind {
    type Err = UnknownDerivative;

    fn from_str(text: &str) -> Result<Self, UnknownDerivative> {
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| UnknownDerivative { text: text.chars().take(200).collect() })
    }
}

/// The name of a version: an operation makes at most one version of an entity.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct VersionRef {
    /// The entity of the version.
    pub entity: EntityId,
    /// The publish or hotfix that made the version.
    pub operation: OperationId,
}

impl fmt::Display for VersionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.entity, self.operation)
    }
}

/// The content of a version, as far as it was recorded.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// The digest of the content.
    Digest(Digest),
    /// The entity was retired: readers see nothing.
    Retired,
    /// No digest was recorded; this is a finding.
    Unrecorded,
}

impl From<Value> for Content {
    /// Reads what a step left: a digest, or nothing.
    fn from(value: Value) -> Self {
        value.map_or(Self::Retired, Self::Digest)
    }
}

/// A source: a version that another version was made from.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Source {
    /// The entity of the source.
    pub entity: EntityId,
    /// The operation whose version readers saw at that time, according to the log; none if a pipeline
    /// recorded only the entity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationId>,
}

/// A version to append, according to the log.
///
/// A hotfix names the version that it patched as a source, of the same entity, because it depends on that
/// version. A publish that supersedes a version does not depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct EntityVersion {
    /// The entity of the version.
    pub entity: EntityId,
    /// The kind of the entity.
    pub kind: EntityKind,
    /// The publish or hotfix that made the version.
    pub operation: OperationId,
    /// The content of the version.
    pub content: Content,
    /// The value that readers saw before.
    pub before: Value,
    /// The operation whose version that was, according to the owners in the log; none for the first version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predecessor: Option<OperationId>,
    /// The sources that the version was made from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
}

impl EntityVersion {
    /// Makes the version that a step has made; its predecessor and its sources are still to be set.
    pub fn of_step(step: &Step, kind: EntityKind, operation: OperationId) -> Self {
        Self {
            entity: step.entity.clone(),
            kind: if step.derived { EntityKind::ReadModel } else { kind },
            operation,
            content: step.after.into(),
            before: step.before,
            predecessor: None,
            sources: Vec::new(),
        }
    }
}

/// A version, in an answer of a lineage graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LineageVersion {
    /// The entity of the version.
    pub entity: EntityId,
    /// The kind of the entity.
    pub kind: EntityKind,
    /// The publish or hotfix that made the version.
    pub operation: OperationId,
    /// The content of the version.
    pub content: Content,
    /// The operation whose version this one replaced; none for the first version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predecessor: Option<OperationId>,
}

impl LineageVersion {
    /// Returns the version's name, its entity and its operation.
    pub fn name(&self) -> VersionRef {
        VersionRef { entity: self.entity.clone(), operation: self.operation.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_derivative_reads_back_and_others_are_refused() {
        for kind in DerivativeKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert!("Tiles".parse::<DerivativeKind>().is_err());
    }
}
