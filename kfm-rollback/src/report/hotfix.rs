//! Answers of `hotfix`.

use kfm_lineage::{Digest, HotfixId, RollbackId, Status};
use kfm_policy::Remedy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::{Conflicts, FindingLine};
use super::listing::{CellCount, Grouped, Listing};
use super::operation::{ProtectedLine, is_zero};

/// Answer of `hotfix stac` and `hotfix revert`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HotfixReport {
    /// The hotfix; null if there was nothing to do, or nothing was written.
    pub hotfix_id: Option<HotfixId>,
    /// The rollback that undid the hotfix; only for `hotfix revert`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback_id: Option<RollbackId>,
    /// Its plan; left out for a rehearsal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<Digest>,
    /// Names the change: the rehearsal and the execution of the same change have the same one. Left out if there
    /// was nothing to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_id: Option<Digest>,
    /// How it ended, or `dry_run`.
    pub status: Status,
    /// Documents whose field has the old value; of a revert, the documents that the hotfix changed.
    pub matches: u64,
    /// Cells that it changed or, in a rehearsal, would change.
    pub changed: CellCount,
    /// Cells that had their value before the hotfix came to them.
    #[serde(default)]
    pub already: u64,
    /// Documents left alone: their field has the new value already, or a later operation owns them.
    pub skipped: u64,
    /// Documents of the scope whose field has a third value, or that have no such field.
    pub others: u64,
    /// Cells that do not end as planned or, after an abort, as they were, since protection asks for something else.
    #[serde(default)]
    pub protected: Listing<ProtectedLine>,
    /// The risk that policy found: low, moderate, high or critical; left out if there was nothing to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk_level: Option<String>,
    /// The approvals that the execution needs, in words; empty if it needs none.
    pub approvals_needed: Vec<String>,
    /// Whether the hotfix would be executed if it were asked for now; only in a rehearsal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// What stands against executing it.
    #[serde(flatten)]
    pub against: Conflicts,
    /// The change of each document's field.
    pub changes: Listing<FieldChange>,
    /// What policy found in the change.
    pub findings: Listing<FindingLine>,
    /// Approvals of its plan that count no more, since it went back and the plan is used up; left out if there is none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub approvals_spent: u64,
    /// The manifest's file; null if nothing was executed.
    pub manifest: Option<String>,
    /// Why there was nothing to do; left out if there was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What can be done next.
    pub next: Vec<Remedy>,
}

impl Grouped for FieldChange {}

/// The change of one document's field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// The document's path in the catalog.
    pub key: String,
    /// The field, as the actor named it.
    pub field: String,
    /// Its value now, as JSON readers commonly take it; as a text if it is a number that is too large for them, or
    /// is nested too deep.
    pub from: serde_json::Value,
    /// Its value after the hotfix, in the same form.
    pub to: serde_json::Value,
    /// The exact bytes of the old value.
    #[serde(default)]
    pub from_text: String,
    /// The exact bytes of the new value.
    #[serde(default)]
    pub to_text: String,
    /// The document's digest now.
    pub before: Digest,
    /// The document's digest after the hotfix.
    pub after: Digest,
}
