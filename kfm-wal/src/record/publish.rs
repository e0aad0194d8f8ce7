//! The two records of a publish (R21): what it is about to do, and how it ended.

use kfm_lineage::{Digest, PublishId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::close::Close;
use super::{ReleaseRef, SegmentRef};

/// What a publish is about to do (R21), durable before the first reference moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PublishIntent {
    /// The publish.
    pub publish_id: PublishId,
    /// Whether references move, or what already stands is recorded.
    pub kind: PublishKind,
    /// When it began.
    pub started_at: Timestamp,
    /// Who asked for it.
    pub requested_by: String,
    /// Why, where somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The code that ran.
    pub code_ref: CodeRef,
    /// The reference moves, one [`kfm_lineage::Move`] a line, in the order in which they are made.
    pub moves: SegmentRef,
    /// The STAC documents it touches.
    pub stac_scope: StacScope,
    /// The assets that its documents name: `{logical_id, digest}` a line.
    pub assets: SegmentRef,
    /// The derivatives made in the run: one [`Derivative`] a line.
    pub derivatives: SegmentRef,
    /// Name and version of the projector that made the derived cells.
    pub projector: String,
    /// Digest of the scope before the first move.
    pub pre_state_hash: Digest,
    /// Digest of the scope once every move is made.
    pub post_state_expected: Digest,
    /// The policy under which it was allowed.
    pub policy_snapshot_ref: Digest,
    /// The bill of materials of the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sbom_ref: Option<ReleaseRef>,
    /// The manifest of the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_ref: Option<ReleaseRef>,
    /// The telemetry file that has its records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telemetry_ref: Option<String>,
}

/// Whether a publish moves references or records what stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PublishKind {
    /// References move.
    Publish,
    /// What stood before the log is recorded (R14); nothing moves.
    Adopt,
    /// What was changed behind the log's back is recorded; nothing moves.
    Reconcile,
    /// Derived cells are made what the documents say; no document moves.
    Project,
}

/// The code that made a publish.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CodeRef {
    /// Commit of the pipeline's source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_sha: Option<String>,
    /// Image that ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docker_image: Option<String>,
    /// The pipeline's name.
    pub pipeline_name: String,
    /// The pipeline's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline_version: Option<String>,
}

/// The STAC documents of a publish, as entity ids, one a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StacScope {
    /// Items, and documents of no known type.
    pub items: SegmentRef,
    /// Collections and catalogs.
    pub collections: SegmentRef,
}

/// Something made from published documents in the same run (R30).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Derivative {
    /// The derivative's entity id.
    pub id: String,
    /// Its type: tiles, raster, vector, table, index, neo4j_subgraph or cache.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its version.
    pub version: String,
    /// Where it lies.
    pub location: String,
    /// Its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<Digest>,
    /// The entities that it was made from.
    pub depends_on: Vec<String>,
}

/// How a publish ended (R21).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PublishCompletion {
    /// The publish.
    pub publish_id: PublishId,
    /// When it ended.
    pub completed_at: Timestamp,
    /// The owner's word for the end.
    pub status: PublishStatus,
    /// The end, as the engine has it.
    #[serde(flatten)]
    pub close: Close,
}

/// The owner's words for the end of a publish (R21).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PublishStatus {
    /// Every move was made.
    Success,
    /// Some moves were made and stand; a pipeline's own record, never this engine's.
    PartialSuccess,
    /// No move stands.
    Failed,
}
