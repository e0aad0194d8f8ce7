//! The two records of a rollback, revert or hotfix (R22): what it is about to do, and how it ended.

use kfm_lineage::{Digest, OperationId, RollbackId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::close::Close;
use super::{ReleaseRef, SegmentRef};

/// What a rollback, revert or hotfix is about to do (R22), durable before the first reference moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationFrame {
    /// The operation's own id.
    pub wal_id: OperationId,
    /// When it was opened.
    pub timestamp: Timestamp,
    /// What it is.
    pub operation: OperationName,
    /// Who asked for it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// Digest of the scope before the first move.
    pub pre_state_hash: Digest,
    /// Digest of the scope once every move is made.
    pub post_state_expected: Digest,
    /// What it does.
    pub payload: OperationPayload,
    /// The command that takes it back.
    pub reversal: String,
    /// Its class, 0 to 4.
    pub tier: u8,
    /// Who allowed it, under which rules.
    pub governance: Governance,
    /// The entities it touches, one a line.
    pub lineage_links: SegmentRef,
    /// The telemetry file that has its records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telemetry: Option<String>,
    /// The bill of materials of the release that opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sbom_ref: Option<ReleaseRef>,
    /// The manifest of the release that opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_ref: Option<ReleaseRef>,
}

/// What an operation frame stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OperationName {
    /// Undoes a publish or a hotfix.
    Rollback,
    /// Makes an undone publish or hotfix again.
    Revert,
    /// Changes one field across a known scope.
    Hotfix,
}

/// What an operation does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationPayload {
    /// The publish or hotfix whose effect is undone or made again; a hotfix names itself.
    pub target: OperationId,
    /// The rollback that a revert takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts: Option<RollbackId>,
    /// The plan that is executed.
    pub plan_id: Digest,
    /// The plan's content: the same for the same change.
    pub content_id: Digest,
    /// The reference moves, one [`kfm_lineage::Move`] a line, in the order in which they are made.
    pub moves: SegmentRef,
    /// Cells of the target that are left alone: keys, one a line.
    pub skipped: SegmentRef,
    /// The log's chain when the operation was opened.
    pub hash_chain_before: Digest,
    /// What a hotfix was asked to correct.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correction: Option<Correction>,
}

/// What a hotfix was asked to correct: enough to review it, and to ask for it again (R72).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Correction {
    /// What is corrected: `stac`.
    pub kind: String,
    /// Where: a collection.
    pub scope: String,
    /// The field.
    pub field: String,
    /// The value that is wrong and the one that is right; none where the scope is protected, since values may
    /// tell what must not be told (R66), and where `texts` has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<CorrectedValues>,
    /// The two values as they are written, where canonical JSON would not keep every byte of them: `30.0`, a long
    /// number, white space, deep nesting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<CorrectedTexts>,
}

impl Correction {
    /// Returns the value that is wrong and the one that is right as JSON texts; none where they are not told.
    pub fn written(&self) -> Option<(String, String)> {
        match (&self.texts, &self.values) {
            (Some(texts), _) => Some((texts.from.clone(), texts.to.clone())),
            (None, Some(values)) => Some((values.from.to_string(), values.to.to_string())),
            (None, None) => None,
        }
    }
}

/// The value that is wrong and the one that is right, as JSON texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CorrectedTexts {
    /// The value that is wrong.
    pub from: String,
    /// The value that is right.
    pub to: String,
}

/// The value that is wrong, and the one that is right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CorrectedValues {
    /// The value that is wrong.
    pub from: serde_json::Value,
    /// The value that is right.
    pub to: serde_json::Value,
}

/// Who allowed an operation, under which rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Governance {
    /// The policy that judged it.
    pub policy_snapshot_ref: Digest,
    /// low, moderate, high or critical.
    pub risk_level: String,
    /// The principals whose approvals counted.
    pub reviewers: Vec<String>,
    /// The justification of a forced operation (R46).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
}

/// How a rollback, revert or hotfix ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationClosed {
    /// The operation.
    pub wal_id: OperationId,
    /// When it ended.
    pub closed_at: Timestamp,
    /// The end.
    #[serde(flatten)]
    pub close: Close,
}
