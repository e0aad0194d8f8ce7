//! How many times each kind of thing happened.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Numbers, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counts(BTreeMap<String, u64>);

impl Counts {
    /// Adds a number to a kind.
    pub fn add(&mut self, kind: &str, number: u64) {
        match self.0.get_mut(kind) {
            Some(count) => *count += number,
            None => {
                self.0.insert(kind.to_owned(), number);
            }
        }
    }

    /// Adds all numbers of another counter.
    pub fn merge(&mut self, others: &Self) {
        for (kind, number) in &others.0 {
            self.add(kind, *number);
        }
    }

    /// Returns the number of a kind.
    pub fn of(&self, kind: &str) -> u64 {
        self.0.get(kind).copied().unwrap_or(0)
    }

    /// Returns all kinds with their numbers, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(kind, number)| (kind.as_str(), *number))
    }
}
