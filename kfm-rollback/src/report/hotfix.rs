//! Answers of `hotfix`.

use kfm_lineage::{Digest, HotfixId, RollbackId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::{Conflicts, FindingLine};
use super::listing::{CellCount, Grouped, Listing};
use super::status::Status;

/// Answer of `hotfix stac` and `hotfix revert`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HotfixReport {
    /// The hotfix; none if there was nothing to do or nothing was written.
    pub hotfix_id: Option<HotfixId>,
    /// The rollback that undid it, by `hotfix revert`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback_id: Option<RollbackId>,
    /// Its plan; none for a rehearsal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<Digest>,
    /// Names the change: a rehearsal and the execution of the same change have the same one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_id: Option<Digest>,
    /// Its status.
    pub status: Status,
    /// Documents whose field has the old value; of a revert, those that the hotfix changed.
    pub matches: u64,
    /// Cells changed, or that would be.
    pub changed: CellCount,
    /// Documents left alone: the field has the new value already, or a later operation owns the document.
    pub skipped: u64,
    /// Documents of the scope whose field has another value, or that have no such field.
    pub others: u64,
    /// low, moderate, high or critical.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk_level: Option<String>,
    /// Approvals that execution asks for, in words; empty if none.
    pub approvals_needed: Vec<String>,
    /// Whether executing now would go ahead; said by a rehearsal only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// What stands against it.
    #[serde(flatten)]
    pub against: Conflicts,
    /// The change of each document.
    pub changes: Listing<FieldChange>,
    /// What policy found.
    pub findings: Listing<FindingLine>,
    /// Where the manifest lies.
    pub manifest: Option<String>,
    /// A sentence for people, where there was nothing to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What to do next.
    pub next: Vec<String>,
}

impl Grouped for FieldChange {}

/// The change of one document's field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// The document's path.
    pub key: String,
    /// The field.
    pub field: String,
    /// Its value now, as readers of JSON commonly have it; as a text, where a number is too large for
    /// them or it is nested too deep.
    pub from: serde_json::Value,
    /// Its value then, likewise.
    pub to: serde_json::Value,
    /// The exact bytes that are replaced.
    #[serde(default)]
    pub from_text: String,
    /// The exact bytes that are put in their place.
    #[serde(default)]
    pub to_text: String,
    /// The document's digest now.
    pub before: Digest,
    /// The document's digest then.
    pub after: Digest,
}
