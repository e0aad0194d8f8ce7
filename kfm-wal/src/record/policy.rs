//! Changes of the policy's own files: entries that came into force, and changes of the files themselves
//! (R92).

use std::collections::BTreeMap;

use kfm_lineage::{Digest, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SegmentRef;

/// Entries of the label registry that came into force. They stay in force even if the registry's file loses
/// them.
///
/// While they are few they are in this record, so that protection does not depend on another file. Otherwise
/// they are in a segment, since a registry may have 100,000.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LabelsRecord {
    /// The entries, as the registry has them; empty where `segment` has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<serde_json::Value>,
    /// The entries in the version store, one a line; none where they are in this record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<SegmentRef>,
    /// The principal that gave the command; records of older versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When the command was given; records of older versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The digest of each registry file at that time: every entry in such a file is in force.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, Digest>,
}

/// A change of a file of the policy, by a command or by hand, that brought no entry into force.
///
/// Nothing in the log depends on it, so a version that does not know it ignores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyChangeRecord {
    /// The file that changed: principals, labels or suppressions.
    pub file: String,
    /// Digest of the file as the log last knew it; none if the log did not know it. The version store has its
    /// bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Digest>,
    /// Digest of the file now; the version store has its bytes.
    pub after: Digest,
    /// What changed, in words, one line for each principal; shortened where it is long.
    pub changed: Vec<String>,
    /// The principal whose command changed the file, or found it changed.
    pub by: String,
    /// When the command ran.
    pub at: Timestamp,
}
