//! Manifests: the finished account of a rollback (R47) or a hotfix (R74).

use std::collections::BTreeMap;

use kfm_lineage::{Digest, OperationId, RollbackId, Timestamp, Value, Version};
use kfm_wal::record::{Correction, ReleaseRef, SegmentRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::report::{CellCount, Status};

/// Differences that a manifest carries itself; all are in the segment that it names.
pub const DIFFS_MAX: usize = 10_000;

/// The account of a rollback or a revert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RollbackManifest {
    /// The form of this account.
    pub schema: String,
    /// The rollback.
    pub rollback_id: RollbackId,
    /// The publish or hotfix that was undone or made again.
    pub target_publish_id: OperationId,
    /// The rollback that was taken back, by a revert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts: Option<RollbackId>,
    /// Who asked.
    pub requested_by: String,
    /// When it was planned.
    pub requested_at: Timestamp,
    /// When it was opened.
    pub started_at: Timestamp,
    /// When its end was verified.
    pub completed_at: Timestamp,
    /// Why.
    pub reason: String,
    /// low, moderate, high or critical.
    pub risk_level: String,
    /// 0 to 4.
    pub tier: u8,
    /// The principals whose approvals counted.
    pub reviewers: Vec<String>,
    /// How it ended.
    pub status: Status,
    /// What it touched.
    pub scope: ManifestScope,
    /// What it changed, the first [`DIFFS_MAX`].
    pub diffs: Vec<Diff>,
    /// What it was to change, whole, in the version store.
    pub diffs_segment: SegmentRef,
    /// The plan that was executed.
    pub plan_digest: Digest,
    /// The plan's content.
    pub content_id: Digest,
    /// The log's chain when it was opened.
    pub hash_chain_before: Digest,
    /// The log's chain when its end was verified.
    pub hash_chain_after: Digest,
    /// Broken links and orphans before and after.
    pub integrity: IntegrityCounts,
    /// in-toto statements about this operation.
    pub attestations: Vec<serde_json::Value>,
    /// The rules under which it was allowed.
    pub policy_snapshot_ref: Digest,
    /// The telemetry file that has its records.
    pub telemetry_ref: String,
    /// The release's bill of materials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sbom_ref: Option<ReleaseRef>,
    /// The release's manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_ref: Option<ReleaseRef>,
    /// The command that takes it back.
    pub reversal_instructions: String,
    /// Why it went back, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What an operation touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ManifestScope {
    /// Cells in all, and by domain.
    pub cells: CellCount,
    /// The collections, and `-` for documents of none.
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
    /// The domain of its store.
    #[serde(rename = "type")]
    pub kind: String,
    /// The cell's key.
    pub key: String,
    /// The version before, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_version: Option<Version>,
    /// The version after, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_version: Option<Version>,
    /// The digest before.
    pub before: Value,
    /// The digest after.
    pub after: Value,
}

/// Broken links and orphans, before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IntegrityCounts {
    /// Broken links of the catalog before.
    pub broken_links_before: u64,
    /// And after.
    pub broken_links_after: u64,
    /// Orphans before.
    pub orphan_count_before: u64,
    /// And after.
    pub orphan_count_after: u64,
    /// Breaks and orphans that were not there before and did not only come back.
    pub introduced: u64,
    /// Breaks and orphans that came back with what was restored.
    pub returned: u64,
    /// Breaks and orphans that the undone operation made and that are left.
    pub left: u64,
}

/// The account of a hotfix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HotfixManifest {
    /// The form of this account.
    pub schema: String,
    /// The hotfix.
    pub id: OperationId,
    /// When its end was verified.
    pub timestamp: Timestamp,
    /// 0 to 4.
    pub tier: u8,
    /// Who asked.
    pub author: String,
    /// Why.
    pub reason: String,
    /// The principals whose approvals counted.
    pub reviewers: Vec<String>,
    /// How it ended.
    pub status: Status,
    /// What it was asked to correct; asked for again, it is the same hotfix (R72).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correction: Option<Correction>,
    /// The cells it changed, the first [`DIFFS_MAX`].
    pub targets: Vec<String>,
    /// What it did to each.
    pub actions: Vec<Diff>,
    /// All of it, in the version store.
    pub actions_segment: SegmentRef,
    /// The command that takes it back.
    pub reversal: String,
    /// The digest of each document before.
    pub checksums_before: BTreeMap<String, Value>,
    /// The digest of each document after.
    pub checksums_after: BTreeMap<String, Value>,
    /// Who allowed it, under which rules.
    pub governance: serde_json::Value,
    /// The name of its record in the telemetry.
    pub telemetry_id: String,
}
