//! How far a stage of a pipeline has come (R84).

use kfm_lineage::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The progress of a stage of a pipeline (R84): one record for each checkpoint, with the whole state in a
/// segment.
///
/// Nothing in the log depends on it, so a version that does not know it ignores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StageRecord {
    /// The work item, as `sha256(dataset_id|version|source_uri)`.
    pub idempotency_key: Digest,
    /// How many times its state has been saved, this time included.
    pub revision: u64,
    /// Number of steps that are done.
    pub steps: u64,
    /// The last step that is done; none before the first step, or after a restart from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<StageCheckpoint>,
    /// The number of steps that a rollback has left valid; none if no rollback has set that boundary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<u32>,
    /// Digest of the state, in the version store: one line of JSON (`schemas/retry/stage-state-v1.json`).
    pub state: Digest,
}

/// A step of a stage that is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StageCheckpoint {
    /// The name of the step, as the pipeline calls it.
    pub step: String,
    /// Digest of the step's input.
    pub input: Digest,
    /// Digest of the step's output.
    pub output: Digest,
}
