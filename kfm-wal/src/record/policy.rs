//! What happened to policy's own files: entries that came into force, and changes of the files themselves (R92).

use std::collections::BTreeMap;

use kfm_lineage::{Digest, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SegmentRef;

/// Entries of the label registry that came into force; they stay so when the file forgets them.
///
/// The entries are here while they are few, so that what protects does not hang on another file; else in a segment,
/// since a registry may have 100,000.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LabelsRecord {
    /// The entries, as the registry has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<serde_json::Value>,
    /// The entries in the version store, one a line, where they are too many for a record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<SegmentRef>,
    /// Who gave the command that brought them into force; records of older versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When; records of older versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Digest of each registry file as it was then: all that such a file says is in force.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, Digest>,
}

/// A file of the policy was changed, by a command or by hand, and no entry came into force by it.
///
/// Nothing in the log depends on it, so a version that does not know it leaves it alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyChangeRecord {
    /// Which file: principals, labels or suppressions.
    pub file: String,
    /// Digest of the file as the log knew it; none if it knew none. Its bytes are in the version store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Digest>,
    /// Digest of the file now; its bytes are in the version store.
    pub after: Digest,
    /// What changed, in words, one line a principal; cut where it is long.
    pub changed: Vec<String>,
    /// Who gave the command that changed it, or that found it changed.
    pub by: String,
    /// When.
    pub at: Timestamp,
}
