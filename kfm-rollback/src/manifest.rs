//! Manifests: the finished account of a rollback (R47) or a hotfix (R74).

use std::collections::BTreeMap;

use kfm_lineage::{Digest, OperationId, RollbackId, Status, Timestamp, Value, Version};
use kfm_wal::record::{Correction, ReleaseRef, SegmentRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::report::{CellCount, ProtectedLine};

/// The most differences that a manifest has in itself; the segment that it names has all of them.
pub const DIFFS_MAX: usize = 10_000;

/// The account of a rollback or a revert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RollbackManifest {
    /// The name and version of this form.
    pub schema: String,
    /// The id of this rollback.
    pub rollback_id: RollbackId,
    /// The publish or hotfix that was undone or made again.
    pub target_publish_id: OperationId,
    /// The rollback that was taken back; only in the manifest of a revert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts: Option<RollbackId>,
    /// The actor that asked for it, under the name that the caller gave.
    pub requested_by: String,
    /// When it was planned.
    pub requested_at: Timestamp,
    /// When it was opened.
    pub started_at: Timestamp,
    /// When its end was verified.
    pub completed_at: Timestamp,
    /// The reason that the actor gave.
    pub reason: String,
    /// The risk that policy found: low, moderate, high or critical.
    pub risk_level: String,
    /// The tier, 0 to 4: which kind of change it is.
    pub tier: u8,
    /// The principals whose approvals counted.
    pub reviewers: Vec<String>,
    /// How it ended: completed or aborted.
    pub status: Status,
    /// The cells that it touched.
    pub scope: ManifestScope,
    /// The references that it changed, at most the first [`DIFFS_MAX`].
    pub diffs: Vec<Diff>,
    /// Every reference that it was to change, in the version store.
    pub diffs_segment: SegmentRef,
    /// The references that protection left at another value than this end asks for, at most the first [`DIFFS_MAX`]; left
    /// out if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protected: Vec<ProtectedLine>,
    /// The plan that was executed.
    pub plan_digest: Digest,
    /// The digest of the plan's content: planning the same change again gives the same one.
    pub content_id: Digest,
    /// The log's chain hash when the operation was opened.
    pub hash_chain_before: Digest,
    /// The log's chain hash when the operation's end was verified.
    pub hash_chain_after: Digest,
    /// Broken links and orphans before and after.
    pub integrity: IntegrityCounts,
    /// in-toto statements about this operation.
    pub attestations: Vec<serde_json::Value>,
    /// Digest of the rules under which it was allowed.
    pub policy_snapshot_ref: Digest,
    /// The telemetry file that has the operation's records.
    pub telemetry_ref: String,
    /// The release's bill of materials, where the settings name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sbom_ref: Option<ReleaseRef>,
    /// The release's manifest, where the settings name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_ref: Option<ReleaseRef>,
    /// The command that takes this operation back.
    pub reversal_instructions: String,
    /// Why the operation went back to the prior state; left out if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The cells that an operation touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ManifestScope {
    /// How many cells, in all and by domain.
    pub cells: CellCount,
    /// The collections of the documents; `-` for documents without a collection.
    pub units: Vec<String>,
    /// Digest of the scope before.
    pub before: Digest,
    /// Digest of the scope as planned.
    pub planned: Digest,
    /// Digest of the scope as observed at the end.
    pub after: Digest,
}

/// One reference that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Diff {
    /// The entity whose reference it is.
    pub entity: String,
    /// The entity's kind: the domain of its store.
    #[serde(rename = "type")]
    pub kind: String,
    /// The cell's key.
    pub key: String,
    /// The version before; left out if the cell was absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_version: Option<Version>,
    /// The version after; left out if the cell is absent then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_version: Option<Version>,
    /// The digest before; null if the cell was absent.
    pub before: Value,
    /// The digest after; null if the cell is absent then.
    pub after: Value,
}

/// Broken links and orphans, before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IntegrityCounts {
    /// Broken links of the catalog before.
    pub broken_links_before: u64,
    /// Broken links of the catalog after.
    pub broken_links_after: u64,
    /// Orphans of the catalog before.
    pub orphan_count_before: u64,
    /// Orphans of the catalog after.
    pub orphan_count_after: u64,
    /// Broken links and orphans that the operation made: they were not there before, and did not come back with
    /// what it restored.
    pub introduced: u64,
    /// Broken links and orphans that came back with what was restored.
    pub returned: u64,
    /// Broken links and orphans that the undone operation had made and that are still there.
    pub left: u64,
}

/// The account of a hotfix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HotfixManifest {
    /// The name and version of this form.
    pub schema: String,
    /// The id of this hotfix.
    pub id: OperationId,
    /// When its end was verified.
    pub timestamp: Timestamp,
    /// The tier, 0 to 4: which kind of change it is.
    pub tier: u8,
    /// The actor that asked for it, under the name that the caller gave.
    pub author: String,
    /// The reason that the actor gave.
    pub reason: String,
    /// The principals whose approvals counted.
    pub reviewers: Vec<String>,
    /// How it ended: completed or aborted.
    pub status: Status,
    /// The correction that was asked for; asking for the same one again is the same hotfix (R72).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correction: Option<Correction>,
    /// The cells that it changed, at most the first [`DIFFS_MAX`].
    pub targets: Vec<String>,
    /// The change of each of these cells.
    pub actions: Vec<Diff>,
    /// Every change, in the version store.
    pub actions_segment: SegmentRef,
    /// The references that protection left at another value than this end asks for, at most the first [`DIFFS_MAX`]; left
    /// out if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protected: Vec<ProtectedLine>,
    /// The command that takes this hotfix back.
    pub reversal: String,
    /// The digest of each document before.
    pub checksums_before: BTreeMap<String, Value>,
    /// The digest of each document after.
    pub checksums_after: BTreeMap<String, Value>,
    /// The rules under which it was allowed, its risk, and the principals whose approvals counted.
    pub governance: serde_json::Value,
    /// The name of the hotfix's record in the telemetry.
    pub telemetry_id: String,
}
