//! The typed records of the operations log: the durable form of R21 and R22.
//!
//! A record is canonical JSON in the log. The lists that grow with an operation (steps, scope, assets) are
//! not in the record but in a *segment* of the version store, which the record names by digest and count: so
//! a record stays far under 1 MiB however large the operation is. Records are never rewritten: a new field is
//! optional, and a new meaning is a new record type.

mod close;
mod journal;
mod operation;
mod parts;
mod plan;
mod policy;
mod publish;
mod stage;

use std::collections::BTreeMap;

use kfm_lineage::{Digest, HotfixId, OperationId, PublishId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::close::{Close, EndState, TreatedCell};
pub use self::journal::{Batch, Direction, JournalEntry, JournalRecord};
pub use self::operation::{
    CorrectedTexts, CorrectedValues, Correction, Governance, OperationClosed, OperationFrame,
    OperationPayload, PlanKind,
};
pub use self::parts::{PartsRecord, StorePart};
pub use self::plan::{ApprovalRecord, PlanCancelled, PlanRecord, RefusalRecord};
pub use self::policy::{LabelsRecord, PolicyChangeRecord};
pub use self::publish::{
    CodeRef, Derivative, PublishCompletion, PublishIntent, PublishKind, PublishStatus, StacScope,
};
pub use self::stage::{StageCheckpoint, StageRecord};
use crate::store::Head;

/// Says whether a count may be left out of a record.
fn is_zero(count: &u64) -> bool {
    *count == 0
}

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
    /// A request was refused: nothing was done.
    Refusal(RefusalRecord),
    /// Entries of the label registry came into force.
    Labels(LabelsRecord),
    /// A file of the policy was changed.
    PolicyChange(PolicyChangeRecord),
    /// A stage of a pipeline has made progress, or was set back.
    Stage(StageRecord),
    /// A snapshot of what is derived from the log up to this record is kept beside it.
    Snapshot(SnapshotRecord),
    /// A plan was taken back before it was executed.
    PlanCancelled(PlanCancelled),
    /// Stores or checks of the platform came, or are gone for good.
    Parts(PartsRecord),
}

impl Record {
    /// Returns the name of the record's kind, as its JSON has it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::PublishIntent(_) => "publish_intent",
            Self::PublishCompletion(_) => "publish_completion",
            Self::Operation(_) => "operation",
            Self::OperationClosed(_) => "operation_closed",
            Self::Journal(_) => "journal",
            Self::Plan(_) => "plan",
            Self::Approval(_) => "approval",
            Self::Refusal(_) => "refusal",
            Self::Labels(_) => "labels",
            Self::PolicyChange(_) => "policy_change",
            Self::Stage(_) => "stage",
            Self::Snapshot(_) => "snapshot",
            Self::PlanCancelled(_) => "plan_cancelled",
            Self::Parts(_) => "parts",
        }
    }

    /// Returns the name under which this record is appended at most once (R24).
    ///
    /// Appending a record of the same name and content again changes nothing; one of other content is a
    /// conflict.
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
            Self::PolicyChange(record) => format!("policy_change/{}", digest_of(record)),
            Self::Stage(record) => format!("stage/{}/{}", record.idempotency_key, record.revision),
            Self::Snapshot(record) => format!("snapshot/{}", digest_of(record)),
            Self::PlanCancelled(record) => format!("plan/{}#cancelled", record.plan_id),
            Self::Parts(record) => format!("parts/{}", digest_of(record)),
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
    /// Number of lines in it.
    pub count: u64,
    /// Its size in bytes.
    pub bytes: u64,
}

/// A file of the release, with the digest of the file that the reference named, if it was there (R92).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReleaseRef {
    /// The path, as the settings give it.
    pub path: String,
    /// Digest of the file; none if there was no file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// The name of a snapshot: what is derived from all records before this one, kept beside the log (ADR 0012).
///
/// It follows directly on the last record that the snapshot covers. Nothing in the log depends on it, so a
/// version that does not know it ignores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SnapshotRecord {
    /// The end of the log that the snapshot covers.
    pub of: Head,
    /// The digest of the bytes of each state, by the state's name.
    pub states: BTreeMap<String, Digest>,
}

/// The id of an operation that moves content, so of a publish or a hotfix.
pub fn is_content_operation(id: &OperationId) -> bool {
    PublishId::parse(id.as_str()).is_ok() || HotfixId::parse(id.as_str()).is_ok()
}
