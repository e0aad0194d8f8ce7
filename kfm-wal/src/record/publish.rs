//! The two records of a publish (R21): what it is about to do, and how it ended.

use kfm_lineage::{Digest, OperationKind, PublishId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::close::Close;
use super::{ReleaseRef, SegmentRef};

/// What a publish is about to do (R21), durable before the first reference moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PublishIntent {
    /// The id of the publish.
    pub publish_id: PublishId,
    /// Whether references move, or only what already stands is recorded.
    pub kind: PublishKind,
    /// When the publish began.
    pub started_at: Timestamp,
    /// The principal that asked for it.
    pub requested_by: String,
    /// The reason that the principal gave; none if none was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The code of the pipeline that made the publish.
    pub code_ref: CodeRef,
    /// The steps, one [`kfm_lineage::Step`] a line, in the order in which they are made.
    #[serde(rename = "moves")]
    pub steps: SegmentRef,
    /// Derived cells that its documents feed and that had their value when it was opened: there is no step for them.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub already: u64,
    /// The STAC documents that it touches.
    pub stac_scope: StacScope,
    /// The assets that its documents name, one `{logical_id, digest}` a line.
    pub assets: SegmentRef,
    /// The derivatives made in the run, one [`Derivative`] a line.
    pub derivatives: SegmentRef,
    /// Name and version of the projector that made the derived cells.
    pub projector: String,
    /// Digest of the scope before the first step.
    pub pre_state_hash: Digest,
    /// Digest of the scope once every step is made.
    pub post_state_expected: Digest,
    /// The snapshot of the policy that allowed it.
    pub policy_snapshot_ref: Digest,
    /// The bill of materials of the release that ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sbom_ref: Option<ReleaseRef>,
    /// The manifest of the release that ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_ref: Option<ReleaseRef>,
    /// The name of the telemetry file with its records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telemetry_ref: Option<String>,
}

/// The kinds of operation that the record of a publish opens: whether it moves references, or records what stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PublishKind {
    /// References move to new values.
    Publish,
    /// What stood before the log is recorded (R14); nothing moves.
    Adopt,
    /// What was changed without the log is recorded; nothing moves.
    Reconcile,
    /// Derived cells get the values that follow from the documents; no document moves.
    Project,
}

impl From<PublishKind> for OperationKind {
    fn from(kind: PublishKind) -> Self {
        match kind {
            PublishKind::Publish => Self::Publish,
            PublishKind::Adopt => Self::Adopt,
            PublishKind::Reconcile => Self::Reconcile,
            PublishKind::Project => Self::Project,
        }
    }
}

/// The code that made a publish.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CodeRef {
    /// Commit of the pipeline's source; none if the pipeline gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_sha: Option<String>,
    /// Container image that ran; none if the pipeline gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docker_image: Option<String>,
    /// The pipeline's name, as it calls itself.
    pub pipeline_name: String,
    /// The pipeline's version; none if the pipeline gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline_version: Option<String>,
}

/// The STAC documents of a publish, as entity ids, one a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StacScope {
    /// Items, and documents of no known type.
    pub items: SegmentRef,
    /// The documents that are collections or catalogs.
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
    /// The derivative's version, as the pipeline numbers it.
    pub version: String,
    /// Where the derivative lies: a path or an address.
    pub location: String,
    /// Digest of the derivative's content; none if the pipeline gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<Digest>,
    /// The ids of the entities that it was made from.
    pub depends_on: Vec<String>,
}

/// How a publish ended (R21).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PublishCompletion {
    /// The id of the publish.
    pub publish_id: PublishId,
    /// When the publish ended.
    pub completed_at: Timestamp,
    /// How the publish ended, in the words of R21.
    pub status: PublishStatus,
    /// How the publish ended, as the engine counts it.
    #[serde(flatten)]
    pub close: Close,
}

/// How a publish ended, in the words of R21.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PublishStatus {
    /// Every step was made.
    Success,
    /// Some steps were made and stand. Only a pipeline's own record says this, never this engine.
    PartialSuccess,
    /// No step stands: each was taken back, or none was made.
    Failed,
}
