//! Cells: the smallest mutable references, and the steps that change them.
//!
//! A cell's value is absent or one digest. Four steps exist: add, replace, retire and restore; the inverse of
//! each is the same step with its two values swapped.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::{EntityId, IdError, Version};

/// A cell's value: absent, or the digest of what readers see.
pub type Value = Option<Digest>;

/// The kind of store that a cell is in.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// A STAC catalog: the cell is a document at a path.
    Stac,
    /// A knowledge graph: the cell is a node's current version.
    Graph,
    /// A search engine: the cell is an alias, or a document.
    Search,
    /// A cache: the cell is a namespace's content.
    Cache,
}

impl Domain {
    /// All domains, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Stac, Self::Graph, Self::Search, Self::Cache];

    /// Returns the word used in settings, records and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stac => "stac",
            Self::Graph => "graph",
            Self::Search => "search",
            Self::Cache => "cache",
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Domain {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL.into_iter().find(|domain| domain.as_str() == text).ok_or_else(|| IdError {
            kind: "domain",
            expected: "stac, graph, search or cache",
            text: text.chars().take(200).collect(),
        })
    }
}

/// The name of a cell: its domain, its store's name in the settings, and its key in that store.
///
/// The key of a document is its path in the catalog. The key of a node is the path of the document that it
/// shows. The key of an alias or a cache namespace is its name.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct CellId {
    /// The domain of the store.
    pub domain: Domain,
    /// The store's name in the settings.
    pub store: String,
    /// The key in the store.
    pub key: String,
}

impl CellId {
    /// Makes the name of a cell.
    pub fn new(domain: Domain, store: impl Into<String>, key: impl Into<String>) -> Self {
        Self { domain, store: store.into(), key: key.into() }
    }
}

impl fmt::Display for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.domain, self.store, self.key)
    }
}

/// One change of one reference, as the log keeps it (R21); the field of a record that names a list of them is `moves`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Step {
    /// The reference that moves.
    #[serde(flatten)]
    pub cell: CellId,
    /// The collection that the cell belongs to, or `-`.
    pub unit: String,
    /// The entity whose reference it is.
    pub entity: EntityId,
    /// The version that readers saw before; none if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_version: Option<Version>,
    /// The version that readers see after; none if the cell is retired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_version: Option<Version>,
    /// The digest of what readers saw before; none if they saw nothing.
    pub before: Value,
    /// The digest of what readers see after; none if they see nothing.
    pub after: Value,
    /// Whether the cell is a projection of documents, which has no owner of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub derived: bool,
    /// The STAC id in the document after the step; none if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stac_id: Option<String>,
    /// The collection that the document names (an item), or is (a collection), after the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// Other names in the document after the step: a label for such a name protects the document too.
    #[serde(default, skip_serializing_if = "OtherNames::is_empty")]
    pub other_names: OtherNames,
}

/// Names that a document states and that are not shown: an id or a collection that is stated a second time,
/// not as a text, at an unusual place, or in text that is not valid JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct OtherNames {
    /// Ids other than `stac_id`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// Collections other than `collection`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collections: Vec<String>,
}

impl OtherNames {
    /// Says whether there are no other names.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.collections.is_empty()
    }
}
