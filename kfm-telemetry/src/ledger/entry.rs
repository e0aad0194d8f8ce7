//! The ledger's entry about one operation (R92).

use kfm_lineage::{Digest, Lsn, OperationIds, OperationKind, RiskLevel, Status, Timestamp};
use kfm_wal::record::ReleaseRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::EventId;
use crate::statement::{Statement, Subject};
use crate::text::{Label, Reason};

/// The `predicateType` of an entry in the form of an in-toto statement.
pub const PREDICATE_TYPE: &str = "https://github.com/bartytime4life/Kansas-Frontier-Matrix/ledger-entry/v1";

/// The governance record of one operation; refused operations have one too.
///
/// The time is not part of the entry but given when it is appended, so that a resumed operation makes the
/// same entry again. For the same reason everything in it should come from what the log recorded of the
/// operation, not from the state of the platform at the time of writing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerEntry {
    /// The version of the format of this entry.
    pub schema: EntrySchema,
    /// The entry's id; an entry is in the ledger at most once.
    pub entry_id: EventId,
    /// What was asked for.
    pub operation_type: EntryKind,
    /// The id, in the operations log, of the operation that this entry accounts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wal_id: Option<Label>,
    /// The selection for `kfm lineage show` that shows what the operation concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage_ref: Option<Label>,
    /// The ids of the operation that the entry is about.
    #[serde(flatten)]
    pub ids: OperationIds,
    /// The principal that asked.
    pub actor: Label,
    /// The reason that the principal gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Whether the operation was allowed.
    pub decision: Decision,
    /// How the operation ended.
    pub status: Status,
    /// How far the operation reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_level: Option<RiskLevel>,
    /// The tier of the operation, 0 to 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<u8>,
    /// The principals whose approvals counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviewers: Vec<Label>,
    /// The snapshot of the policy that judged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_snapshot_ref: Option<Digest>,
    /// The bill of materials of the release that ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sbom_ref: Option<ReleaseRef>,
    /// The manifest of the release that ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_ref: Option<ReleaseRef>,
    /// What the entry is about, by digest: the plan, the manifest, the scope before and after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<Subject>,
}

/// The versions of the format of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EntrySchema {
    /// Version 1 of the format.
    #[serde(rename = "kfm.ledger.entry/v1")]
    V1,
}

/// What an entry is about, done or not: an operation of the log, or something else that is decided about entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EntryKind {
    /// To move references to new content.
    Publish,
    /// To record content from before the log.
    Adopt,
    /// To record content that was changed without the log.
    Reconcile,
    /// To give derived cells the values that follow from the documents.
    Project,
    /// To undo a publish or a hotfix.
    Rollback,
    /// To take a rollback back.
    Revert,
    /// To correct a field.
    Hotfix,
    /// To keep entities from readers until further notice.
    Hold,
    /// To withdraw entities for good.
    Withdraw,
    /// To bring labels into force.
    Label,
    /// To change the policy itself.
    PolicyChange,
    /// To approve a plan, as a principal.
    Approval,
}

impl From<OperationKind> for EntryKind {
    fn from(kind: OperationKind) -> Self {
        match kind {
            OperationKind::Publish => Self::Publish,
            OperationKind::Adopt => Self::Adopt,
            OperationKind::Reconcile => Self::Reconcile,
            OperationKind::Project => Self::Project,
            OperationKind::Hotfix => Self::Hotfix,
            OperationKind::Rollback => Self::Rollback,
            OperationKind::Revert => Self::Revert,
        }
    }
}

/// Whether an operation was allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Policy allowed the operation.
    Allowed,
    /// Policy denied the operation.
    Denied,
    /// There was no decision: the plan was stale, there was a conflict or a lock, or an approval was missing.
    Refused,
}

impl LedgerEntry {
    /// Makes the entry of an operation that was refused, without further fields; the caller sets the rest.
    pub fn new(entry_id: EventId, operation_type: EntryKind, actor: Label, status: Status) -> Self {
        let decision = match status {
            Status::Denied => Decision::Denied,
            Status::Refused | Status::AwaitingApproval | Status::Cancelled => Decision::Refused,
            _ => Decision::Allowed,
        };
        Self {
            schema: EntrySchema::V1,
            entry_id,
            operation_type,
            wal_id: None,
            lineage_ref: None,
            ids: OperationIds::default(),
            actor,
            reason: None,
            decision,
            status,
            risk_level: None,
            tier: None,
            reviewers: Vec::new(),
            policy_snapshot_ref: None,
            sbom_ref: None,
            manifest_ref: None,
            subjects: Vec::new(),
        }
    }

    /// Checks what the types cannot express.
    ///
    /// # Errors
    /// What is wrong, in words; correct the caller.
    pub fn check(&self) -> Result<(), &'static str> {
        let allowed = self.decision == Decision::Allowed;
        match self.status {
            Status::Completed | Status::Aborted if !allowed => {
                return Err("an operation that took place must have been allowed");
            }
            Status::Running | Status::DryRun => {
                return Err("running and dry_run are words of output, never of an entry");
            }
            Status::Denied if self.decision != Decision::Denied => {
                return Err("a denied operation must have the decision denied");
            }
            _ => {}
        }
        if self.status == Status::Completed {
            self.check_completed()?;
        }
        Ok(())
    }

    fn check_completed(&self) -> Result<(), &'static str> {
        let (named, judged) = match self.operation_type {
            EntryKind::Publish | EntryKind::Adopt | EntryKind::Reconcile | EntryKind::Project => {
                (self.ids.publish_id.is_some(), false)
            }
            EntryKind::Rollback | EntryKind::Revert => (self.ids.rollback_id.is_some(), true),
            EntryKind::Hotfix => (self.ids.hotfix_id.is_some(), true),
            _ => (true, false),
        };
        if !named {
            return Err("a completed operation must have its id");
        }
        if judged && (self.reason.is_none() || self.risk_level.is_none()) {
            return Err("a completed rollback or hotfix must have its reason and risk_level");
        }
        if judged && self.policy_snapshot_ref.is_none() {
            return Err("a completed rollback or hotfix must have its policy_snapshot_ref");
        }
        Ok(())
    }

    /// Returns the entry as an in-toto statement about its subjects; `None` if it has no subjects.
    pub fn statement(&self) -> Option<Statement<Self>> {
        let mut predicate = self.clone();
        let subjects = std::mem::take(&mut predicate.subjects);
        Statement::new(&subjects, PREDICATE_TYPE, predicate)
    }
}

/// An entry that is in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StoredEntry {
    /// Its position in the ledger, from 1, no gaps.
    pub lsn: Lsn,
    /// When it was appended; never before the entry before it.
    pub time: Timestamp,
    /// The hash of the entry as the log has it, as a leaf of a Merkle tree (RFC 6962, 2.1).
    pub leaf: Digest,
    /// The content of the entry.
    #[serde(flatten)]
    pub entry: LedgerEntry,
}
