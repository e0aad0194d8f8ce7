//! The two records of a rollback, revert or hotfix (R22): what it is about to do, and how it ended.

use kfm_lineage::{Digest, OperationId, OperationKind, RollbackId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::close::Close;
use super::{ReleaseRef, SegmentRef};

/// What a rollback, revert or hotfix is about to do (R22), durable before the first reference moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationFrame {
    /// The operation's own id.
    pub wal_id: OperationId,
    /// When the operation was opened.
    pub timestamp: Timestamp,
    /// The kind of operation.
    pub operation: PlanKind,
    /// The principal that asked for it.
    pub actor: String,
    /// The reason that the principal gave.
    pub reason: String,
    /// Digest of the scope before the first step.
    pub pre_state_hash: Digest,
    /// Digest of the scope once every step is made.
    pub post_state_expected: Digest,
    /// What the operation does.
    pub payload: OperationPayload,
    /// The command that takes it back, as an operator would type it.
    pub reversal: String,
    /// Its tier, 0 to 4.
    pub tier: u8,
    /// The policy and the principals that allowed it.
    pub governance: Governance,
    /// The entities that it touches, one a line.
    pub lineage_links: SegmentRef,
    /// The name of the telemetry file with its records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telemetry: Option<String>,
    /// The bill of materials of the release that opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sbom_ref: Option<ReleaseRef>,
    /// The manifest of the release that opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_ref: Option<ReleaseRef>,
}

/// The kinds of operation that have a plan: those that a frame opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanKind {
    /// Undoes a publish or a hotfix.
    Rollback,
    /// Takes a rollback back: makes what it undid again.
    Revert,
    /// Corrects one field across a known scope.
    Hotfix,
}

impl From<PlanKind> for OperationKind {
    fn from(kind: PlanKind) -> Self {
        match kind {
            PlanKind::Rollback => Self::Rollback,
            PlanKind::Revert => Self::Revert,
            PlanKind::Hotfix => Self::Hotfix,
        }
    }
}

/// What an operation does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationPayload {
    /// The publish or hotfix whose effect is undone or made again; a hotfix names itself.
    pub target: OperationId,
    /// The rollback that a revert takes back; none for a rollback or a hotfix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts: Option<RollbackId>,
    /// The digest of the plan that is executed.
    pub plan_id: Digest,
    /// The digest of the plan's content: plans of the same change have the same.
    pub content_id: Digest,
    /// The steps, one [`kfm_lineage::Step`] a line, in the order in which they are made.
    #[serde(rename = "moves")]
    pub steps: SegmentRef,
    /// Derived cells that the plan names and that had their value when it was opened: there is no step for them.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub already: u64,
    /// The cells of the target that are left alone, their keys one a line.
    pub skipped: SegmentRef,
    /// The log's chain when the operation was opened.
    pub hash_chain_before: Digest,
    /// What a hotfix corrects; none for a rollback or a revert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correction: Option<Correction>,
}

/// What a hotfix was asked to correct: enough to review the request, and to make it again (R72).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Correction {
    /// The kind of hotfix: `stac`.
    pub kind: String,
    /// The collection in which it corrects.
    pub scope: String,
    /// The field that it corrects.
    pub field: String,
    /// The wrong value and the right one. None where the scope is protected, since a value may tell what must
    /// not be told (R66), and none where `texts` has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<CorrectedValues>,
    /// The two values in the text of the request, where canonical JSON would not keep every byte of it:
    /// `30.0`, a long number, white space, deep nesting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<CorrectedTexts>,
}

impl Correction {
    /// Returns the wrong value and the right one as JSON texts; `None` where they are not told.
    pub fn written(&self) -> Option<(String, String)> {
        match (&self.texts, &self.values) {
            (Some(texts), _) => Some((texts.from.clone(), texts.to.clone())),
            (None, Some(values)) => Some((values.from.to_string(), values.to.to_string())),
            (None, None) => None,
        }
    }
}

/// The wrong value and the right one, as JSON texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CorrectedTexts {
    /// The wrong value, as the request has it.
    pub from: String,
    /// The right value, as the request has it.
    pub to: String,
}

/// The wrong value and the right one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CorrectedValues {
    /// The wrong value, as JSON.
    pub from: serde_json::Value,
    /// The right value, as JSON.
    pub to: serde_json::Value,
}

/// The policy and the principals that allowed an operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Governance {
    /// The snapshot of the policy that judged it.
    pub policy_snapshot_ref: Digest,
    /// The risk level: low, moderate, high or critical.
    pub risk_level: String,
    /// The principals whose approvals counted.
    pub reviewers: Vec<String>,
    /// The justification of a forced operation (R46); none if it was not forced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
}

/// How a rollback, revert or hotfix ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationClosed {
    /// The operation that ended.
    pub wal_id: OperationId,
    /// When the operation ended.
    pub closed_at: Timestamp,
    /// How the operation ended, with its counts.
    #[serde(flatten)]
    pub close: Close,
}
