//! How far a stage of a pipeline has come (R84).

use kfm_lineage::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far a stage of a pipeline has come (R84): one record a checkpoint, its whole state in a segment.
///
/// Nothing in the log depends on it, so a version that does not know it leaves it alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StageRecord {
    /// The work item: `sha256(dataset_id|version|source_uri)`.
    pub idempotency_key: Digest,
    /// How often its state has been saved, this time included.
    pub revision: u64,
    /// How many steps are done.
    pub steps: u64,
    /// The last step that is done; none before the first, or after a restart from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<StageCheckpoint>,
    /// How many of the steps a rollback has left valid, where somebody has drawn that boundary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<u32>,
    /// Digest of the state, in the version store: one line of JSON (`schemas/retry/stage-state-v1.json`).
    pub state: Digest,
}

/// A step of a stage that is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StageCheckpoint {
    /// The name of the step.
    pub step: String,
    /// What it worked on.
    pub input: Digest,
    /// What it made.
    pub output: Digest,
}
