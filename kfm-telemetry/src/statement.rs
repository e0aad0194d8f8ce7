//! The in-toto Statement v1: a statement about artefacts that are named by digest alone.
//!
//! Format: <https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>.

use std::collections::BTreeMap;

use kfm_lineage::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::Label;

/// An artefact, named by its digest, with its role in the statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Subject {
    /// The role of the artefact: `plan`, `manifest`, `scope/before`.
    pub name: Label,
    /// The digest of the artefact; a keyed one where a plain one would confirm a guess (R15).
    pub digest: Digest,
}

/// A statement of type `P` about subjects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Statement<P> {
    /// The version of the format of the statement.
    #[serde(rename = "_type")]
    pub form: StatementForm,
    /// The artefacts that the statement is about; at least one.
    pub subject: Vec<StatementSubject>,
    /// The type of the statement, as a URI.
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// The content of the statement.
    pub predicate: P,
}

/// The versions of the format of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StatementForm {
    /// Version 1 of the format.
    #[serde(rename = "https://in-toto.io/Statement/v1")]
    V1,
}

/// A subject as in-toto writes it: a name, and digests by algorithm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatementSubject {
    /// The role of the artefact.
    pub name: Label,
    /// Its digest, as lower-case hex, under the name of the algorithm and form: `sha256`, `jcs-sha256`, ….
    pub digest: BTreeMap<String, String>,
}

impl<P> Statement<P> {
    /// Makes a statement; `None` if there are no subjects.
    pub fn new(subjects: &[Subject], predicate_type: &str, predicate: P) -> Option<Self> {
        let subject: Vec<StatementSubject> = subjects.iter().map(StatementSubject::from).collect();
        (!subject.is_empty()).then(|| Self {
            form: StatementForm::V1,
            subject,
            predicate_type: predicate_type.to_owned(),
            predicate,
        })
    }
}

impl From<&Subject> for StatementSubject {
    fn from(subject: &Subject) -> Self {
        let algorithm = subject.digest.kind().prefix().to_owned();
        Self { name: subject.name.clone(), digest: BTreeMap::from([(algorithm, subject.digest.hex())]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_has_the_form_of_in_toto() {
        let subject = Subject { name: Label::parse("plan").unwrap(), digest: Digest::of_bytes(b"") };
        let statement = Statement::new(&[subject], "https://example.org/p/v1", serde_json::json!({"a": 1}));
        assert_eq!(
            serde_json::to_value(statement).unwrap(),
            serde_json::json!({
                "_type": "https://in-toto.io/Statement/v1",
                "subject": [{
                    "name": "plan",
                    "digest": {"sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
                }],
                "predicateType": "https://example.org/p/v1",
                "predicate": {"a": 1},
            })
        );
    }

    #[test]
    fn nothing_can_be_stated_about_nothing() {
        assert!(Statement::new(&[], "https://example.org/p/v1", ()).is_none());
    }
}
