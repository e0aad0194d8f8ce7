//! A check that lives in memory: it objects to what it was told to object to.

use std::collections::BTreeMap;

use kfm_lineage::Digest;
use kfm_lineage::canonical::canonical_of;

use crate::check::{Objection, PolicyCheck, Verdict};
use crate::facts::OperationFacts;

/// Objects to every step on the paths that it was given, and to nothing else.
///
/// The smallest check that keeps all laws: a freeze list for a migration, and a peer for tests.
#[derive(Debug, Clone)]
pub struct MemoryCheck {
    objections: BTreeMap<String, String>,
    /// Follows from the objections: other objections are another policy.
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
    /// Objects to nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Objects to steps on a path, and says why.
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
                Some(Objection { subject: step.path.clone(), message, remedy: "leave it out".to_owned() })
            })
            .collect();
        if objections.is_empty() {
            Verdict::Pass { entities: facts.steps.len() as u64 }
        } else {
            Verdict::Fail(objections)
        }
    }
}
