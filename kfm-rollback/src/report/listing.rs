//! Lists without a bound, and counts by domain.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Entries of an unbounded list that a report carries itself.
pub const FIRST_MAX: usize = 1_000;

/// A list without a bound: how many, and the first of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Listing<T> {
    /// How many there are.
    pub total: u64,
    /// How many there are in each domain, where entries are cells.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_domain: BTreeMap<String, u64>,
    /// The first of them.
    pub first: Vec<T>,
    /// The file that holds all, where `first` does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self { total: 0, by_domain: BTreeMap::new(), first: Vec::new(), file: None }
    }
}

impl<T> Listing<T> {
    /// Makes a listing of entries that are all at hand.
    pub fn of(entries: impl IntoIterator<Item = T>) -> Self {
        let mut listing = Self::default();
        entries.into_iter().for_each(|entry| listing.push(entry));
        listing
    }

    /// Counts an entry, and keeps it if it is one of the first.
    pub fn push(&mut self, entry: T) {
        self.total += 1;
        if self.first.len() < FIRST_MAX {
            self.first.push(entry);
        }
    }

    /// Names the file that holds all entries, kept only if this listing does not.
    #[must_use]
    pub fn with_file(mut self, file: impl Into<String>) -> Self {
        self.file = (self.total > self.first.len() as u64).then(|| file.into());
        self
    }
}

/// A count of cells with its parts by domain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CellCount {
    /// Cells of all stores.
    pub total: u64,
    /// Cells of each domain that has any.
    pub by_domain: BTreeMap<String, u64>,
}

impl CellCount {
    /// Counts the domains of cells.
    pub fn of(domains: impl IntoIterator<Item = kfm_lineage::Domain>) -> Self {
        let mut count = Self::default();
        for domain in domains {
            count.total += 1;
            *count.by_domain.entry(domain.to_string()).or_default() += 1;
        }
        count
    }
}
