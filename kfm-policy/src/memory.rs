//! A check in memory, which objects to the paths that it was given.

use std::collections::BTreeMap;

use kfm_lineage::Digest;
use kfm_lineage::canonical::canonical_of;

use crate::check::{Objection, PolicyCheck, Verdict};
use crate::facts::OperationFacts;

/// Objects to every step on the given paths, and to nothing else.
///
/// It is the smallest check that keeps all laws: a freeze list for a migration, and a peer in tests.
#[derive(Debug, Clone)]
pub struct MemoryCheck {
    objections: BTreeMap<String, String>,
    /// Computed from the objections, since other objections are another policy.
    version: String,
}

impl Default for MemoryCheck {
    fn default() -> Self {
        Self { objections: BTreeMap::new(), version: version_of(&BTreeMap::new()) }
    }
}

fn version_of(objections: &BTreeMap<String, String>) -> String {
    let canonical = canonical_of(objections).expect("texts have a canonical form");
    Digest::of_canonical_bytes(&canonical).to_string()
}

impl MemoryCheck {
    /// Makes a check without objections.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an objection to every step on a path, with its reason.
    #[must_use]
    pub fn with_objection(mut self, path: impl Into<String>, why: impl Into<String>) -> Self {
        self.objections.insert(path.into(), why.into());
        self.version = version_of(&self.objections);
        self
    }
}

impl PolicyCheck for MemoryCheck {
    fn id(&self) -> &str {
        "X-memory"
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn check(&self, facts: &OperationFacts<'_>) -> Verdict {
        if facts.steps.is_empty() {
            return Verdict::Unknown { why: "there are no steps to look at".to_owned() };
        }
        let objections: Vec<_> = facts
            .steps
            .iter()
            .filter_map(|step| {
                let message = self.objections.get(&step.path)?.clone();
                Some(Objection { subject: step.path.clone(), message, remedy: "leave it out".into() })
            })
            .collect();
        if objections.is_empty() {
            Verdict::Pass { entities: facts.steps.len() as u64 }
        } else {
            Verdict::Fail(objections)
        }
    }
}
