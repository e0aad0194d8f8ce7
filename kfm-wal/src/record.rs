//! The typed records of the operations log: the durable form of R21 and R22.
//!
//! A record is canonical JSON in the log. Whatever grows with an operation (moves, scope, assets) is not in
//! the record but in a *segment* of the version store, which the record names by digest and count: a record
//! stays far under 1 MiB however large the operation. Records are never rewritten; a new field is optional,
//! a new meaning is a new record.

use std::collections::BTreeMap;

use kfm_lineage::{Digest, HotfixId, OperationId, PublishId, RollbackId, Timestamp, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::store::Head;

/// One entry of the operations log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "record", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Record {
    /// A publish is about to move references.
    PublishIntent(Box<PublishIntent>),
    /// A publish has ended.
    PublishCompletion(PublishCompletion),
    /// A rollback, revert or hotfix is about to move references.
    Operation(Box<OperationFrame>),
    /// A rollback, revert or hotfix has ended.
    OperationClosed(OperationClosed),
    /// A line of the journal of an open operation.
    Journal(JournalRecord),
    /// A plan was stored.
    Plan(PlanRecord),
    /// A principal approved a plan.
    Approval(ApprovalRecord),
    /// Something was asked for and not done.
    Refusal(RefusalRecord),
    /// Entries of the label registry came into force.
    Labels(LabelsRecord),
    /// A stage of a pipeline got further, or was set back.
    Stage(StageRecord),
    /// What is derived from the log up to here is kept beside it.
    Snapshot(SnapshotRecord),
}

impl Record {
    /// Returns the name under which this record is appended at most once (R24).
    ///
    /// A record of the same name and content is a no-op, one of other content a conflict.
    pub fn id(&self) -> String {
        match self {
            Self::PublishIntent(record) => format!("{}#intent", record.publish_id),
            Self::PublishCompletion(record) => format!("{}#completion", record.publish_id),
            Self::Operation(record) => format!("{}#open", record.wal_id),
            Self::OperationClosed(record) => format!("{}#closed", record.wal_id),
            Self::Journal(record) => format!("{}#journal/{}", record.operation, record.n),
            Self::Plan(record) => format!("plan/{}", record.plan_id),
            Self::Approval(record) => format!("approval/{}", record.digest()),
            Self::Refusal(record) => format!("refusal/{}", digest_of(record)),
            Self::Labels(record) => format!("labels/{}", digest_of(record)),
            Self::Stage(record) => format!("stage/{}/{}", record.idempotency_key, record.revision),
            Self::Snapshot(record) => format!("snapshot/{}", digest_of(record)),
        }
    }
}

fn digest_of<T: Serialize>(record: &T) -> Digest {
    let canonical = kfm_lineage::canonical::canonical_of(record).expect("our records have a canonical form");
    Digest::of_canonical_bytes(&canonical)
}

/// A list in the version store: lines of NDJSON under one digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SegmentRef {
    /// Digest of the segment's bytes, its name in the version store.
    pub digest: Digest,
    /// Number of lines.
    pub count: u64,
    /// Size in bytes.
    pub bytes: u64,
}

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

/// A file of the release, with the digest of what it led to, where it resolved (R92).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReleaseRef {
    /// The reference as the settings give it.
    pub path: String,
    /// Digest of the file, if it was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
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

/// The end of any operation, judged by digests of its scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Close {
    /// What readers see now.
    pub end: EndState,
    /// Cells that this operation changed.
    pub applied: u64,
    /// Cells that already had their value.
    pub already: u64,
    /// Digest of the scope as it was observed at the end.
    pub scope_digest: Digest,
    /// Cells that today's protection left at another value than planned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub treated: Vec<TreatedCell>,
    /// What went wrong, where something did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Digest of the manifest, in the version store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
}

/// What readers see once an operation has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndState {
    /// The planned values.
    Completed,
    /// The prior values, joined with today's protection.
    Aborted,
    /// The prior values; nothing had moved.
    Failed,
}

/// A cell that protection left at another value than planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TreatedCell {
    /// The cell.
    #[serde(flatten)]
    pub cell: kfm_lineage::CellId,
    /// Its value at the end.
    pub value: Value,
    /// The rule that wanted it so.
    pub why: String,
}

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
    /// tell what must not be told (R66).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<CorrectedValues>,
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

/// One line of the journal of an open operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JournalRecord {
    /// The operation.
    pub operation: OperationId,
    /// Position in the operation's journal, from 1, no gaps.
    pub n: u64,
    /// What is noted.
    #[serde(flatten)]
    pub entry: JournalEntry,
}

/// What a journal notes: before an act its intent, after it, once durable, its outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "entry", rename_all = "snake_case")]
#[non_exhaustive]
pub enum JournalEntry {
    /// A batch of steps is about to be made.
    Intent {
        /// Forward or backward.
        direction: Direction,
        /// The batch.
        batch: Batch,
    },
    /// A batch of steps is durable.
    Outcome {
        /// Forward or backward.
        direction: Direction,
        /// The batch.
        batch: Batch,
        /// Cells changed.
        applied: u64,
        /// Cells that already had their value.
        already: u64,
    },
    /// From here on the operation goes back; never forward again.
    AbortRequested {
        /// Who asked: a person, or the engine.
        by: String,
        /// Why.
        reason: String,
    },
    /// The operation waits for a person.
    Held {
        /// The reason's name: foreign_value, policy, verification, record_pending, store.
        reason: String,
        /// What a person needs to know; names no coordinates and no personal data.
        detail: String,
    },
    /// A process took the operation up, again or for the first time.
    Resumed {
        /// Who asked.
        by: String,
        /// The host that works.
        host: String,
        /// The process that works.
        pid: u32,
    },
}

/// Which way steps are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Every step from `before` to `after`, in order.
    Forward,
    /// Every step from `after` to `before`, in reverse order.
    Backward,
}

/// A run of consecutive steps of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Batch {
    /// Index of the first step, from 0.
    pub first: u64,
    /// Number of steps.
    pub count: u64,
}

/// A plan that was stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanRecord {
    /// The plan.
    pub plan_id: Digest,
    /// Its content.
    pub content_id: Digest,
    /// The operation that executing it opens.
    pub operation: OperationId,
    /// What it undoes, makes again or changes.
    pub target: OperationId,
    /// Who planned it.
    pub requested_by: String,
    /// When.
    pub created_at: Timestamp,
    /// denied, awaiting_approval or planned.
    pub status: String,
}

/// A signed consent to one plan (R64, R68).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalRecord {
    /// The plan.
    pub plan_id: Digest,
    /// The principal who signs.
    pub principal: String,
    /// The role in which the principal signs.
    pub role: String,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// When it ceases to count.
    pub expires_at: Timestamp,
    /// Ed25519 signature over the other fields in canonical JSON, as lower-case hex.
    pub signature: String,
}

impl ApprovalRecord {
    /// Returns the digest of the whole record.
    pub fn digest(&self) -> Digest {
        digest_of(self)
    }
}

/// Something that was asked for and not done (R6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RefusalRecord {
    /// What was asked for: publish, rollback_plan, rollback_execute, revert, hotfix, approve, …
    pub operation: String,
    /// When.
    pub at: Timestamp,
    /// Who asked.
    pub requested_by: String,
    /// The operation it would have been or was about, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<OperationId>,
    /// The plan it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<Digest>,
    /// denied, refused or awaiting_approval.
    pub status: String,
    /// The class of the refusal.
    pub kind: String,
    /// The message that was shown.
    pub message: String,
}

/// Entries of the label registry that came into force; they stay so when the file forgets them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LabelsRecord {
    /// The entries, as the registry has them.
    pub entries: Vec<serde_json::Value>,
}

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

/// The name of a snapshot: what is derived from all records before this one, kept beside the log (ADR 0012).
///
/// It stands right behind the last record that it is of. Nothing in the log depends on it, so a version that does
/// not know it leaves it alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SnapshotRecord {
    /// The end of the log that it is of.
    pub of: Head,
    /// The digest of each state's bytes, by the state's name.
    pub states: BTreeMap<String, Digest>,
}

/// The id of a hotfix or of a publish, from an operation that moves content.
pub fn is_content_operation(id: &OperationId) -> bool {
    PublishId::parse(id.as_str()).is_ok() || HotfixId::parse(id.as_str()).is_ok()
}
