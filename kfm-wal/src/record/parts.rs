//! The parts of a platform: its stores and its checks.

use std::collections::BTreeSet;

use kfm_lineage::{Domain, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Stores and checks that a platform has from this record on, and such as are gone for good.
///
/// A program that opens the platform without a part that the log knows changes nothing. A version that does not know
/// this record ignores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PartsRecord {
    /// The stores that came.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub stores: BTreeSet<StorePart>,
    /// The ids of the checks that came.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub checks: BTreeSet<String>,
    /// The names of the stores that are gone for good.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub stores_retired: BTreeSet<String>,
    /// The ids of the checks that are gone for good.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub checks_retired: BTreeSet<String>,
    /// The principal whose command had these parts, or found them retired.
    pub by: String,
    /// When the command ran.
    pub at: Timestamp,
}

/// A store, as the log knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct StorePart {
    /// The kind of the store.
    pub domain: Domain,
    /// The store's name.
    pub name: String,
}
