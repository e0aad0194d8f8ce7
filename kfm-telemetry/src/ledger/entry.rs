//! What the ledger says of one operation (R92).

use kfm_lineage::{Digest, HotfixId, Lsn, PublishId, RollbackId, Timestamp};
use kfm_wal::record::ReleaseRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::EventId;
use crate::statement::{Statement, Subject};
use crate::text::{Label, Reason};

/// The `predicateType` of an entry in the form of an in-toto statement.
pub const PREDICATE_TYPE: &str = "https://github.com/bartytime4life/Kansas-Frontier-Matrix/ledger-entry/v1";

/// The governance record of one operation, refused ones too.
///
/// Its time is not part of it but given when it is appended, so that an operation that is resumed comes to
/// the same entry. For the same reason everything in it should be taken from what the log recorded of the
/// operation, not from the state of the platform at the time of writing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerEntry {
    /// The form of this entry.
    pub schema: EntrySchema,
    /// The entry's name; an entry is in the ledger at most once.
    pub entry_id: EventId,
    /// What was asked for.
    pub operation_type: OperationType,
    /// The record of the operations log that this entry accounts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wal_id: Option<Label>,
    /// The selection that shows what the operation concerned, for `kfm lineage show`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage_ref: Option<Label>,
    /// The publish it is or is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_id: Option<PublishId>,
    /// The rollback or revert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_id: Option<RollbackId>,
    /// The hotfix it is or is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hotfix_id: Option<HotfixId>,
    /// The plan that was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<Digest>,
    /// Who asked.
    pub actor: Label,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Whether it was allowed.
    pub decision: Decision,
    /// Where it ended.
    pub status: EntryStatus,
    /// How far it reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_level: Option<RiskLevel>,
    /// Its class, 0 to 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<u8>,
    /// The principals whose approvals counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviewers: Vec<Label>,
    /// The policy under which it was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_snapshot_ref: Option<Digest>,
    /// The bill of materials of the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sbom_ref: Option<ReleaseRef>,
    /// The manifest of the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_ref: Option<ReleaseRef>,
    /// What it is about, by digest: the plan, the manifest, the scope before and after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<Subject>,
}

/// The form of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EntrySchema {
    /// The first form.
    #[serde(rename = "kfm.ledger.entry/v1")]
    V1,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OperationType {
    /// References were to move to new content.
    Publish,
    /// What stood before the log was to be recorded.
    Adopt,
    /// What changed behind the log's back was to be recorded.
    Reconcile,
    /// Derived cells were to be made what the documents say.
    Project,
    /// A publish or a hotfix was to be undone.
    Rollback,
    /// A rollback was to be taken back.
    Revert,
    /// A field was to be corrected.
    Hotfix,
    /// Protection was to be lowered.
    Declassify,
    /// Entities were to be kept from readers until further notice.
    Hold,
    /// Entities were to be withdrawn.
    Withdraw,
    /// Labels were to come into force.
    Label,
    /// The policy itself was to change.
    PolicyChange,
    /// A principal consented to a plan.
    Approval,
}

/// Whether an operation was allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Policy allowed it.
    Allowed,
    /// Policy denied it.
    Denied,
    /// It did not come to a decision: stale, a conflict, a lock, an approval that is missing.
    Refused,
}

/// Where an operation ended: the words of every `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryStatus {
    /// A plan is stored, nothing is opened.
    Planned,
    /// Approvals are missing.
    AwaitingApproval,
    /// Policy denied it.
    Denied,
    /// It was not begun.
    Refused,
    /// It stopped and can be resumed.
    Interrupted,
    /// It waits for a person.
    Held,
    /// Readers see what was planned.
    Completed,
    /// Readers see what was before.
    Aborted,
    /// Nothing had moved.
    Failed,
    /// A plan was discarded before it was opened.
    Cancelled,
}

/// How far an operation reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RiskLevel {
    /// The ordinary.
    Low,
    /// Many cells, or findings.
    Moderate,
    /// Something is missing, sensitive or looser.
    High,
    /// Restricted heritage, or an override.
    Critical,
}

impl LedgerEntry {
    /// Makes the entry of something that was not allowed and says nothing else; the caller sets the rest.
    pub fn new(entry_id: EventId, operation_type: OperationType, actor: Label, status: EntryStatus) -> Self {
        let decision = match status {
            EntryStatus::Denied => Decision::Denied,
            EntryStatus::Refused | EntryStatus::AwaitingApproval | EntryStatus::Cancelled => {
                Decision::Refused
            }
            _ => Decision::Allowed,
        };
        Self {
            schema: EntrySchema::V1,
            entry_id,
            operation_type,
            wal_id: None,
            lineage_ref: None,
            publish_id: None,
            rollback_id: None,
            hotfix_id: None,
            plan_id: None,
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

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// What is wrong, in words; correct the caller.
    pub fn check(&self) -> Result<(), &'static str> {
        let allowed = self.decision == Decision::Allowed;
        match self.status {
            EntryStatus::Completed | EntryStatus::Aborted if !allowed => {
                return Err("what took place was allowed");
            }
            EntryStatus::Denied if self.decision != Decision::Denied => {
                return Err("what is denied was denied by a decision");
            }
            _ => {}
        }
        if self.status == EntryStatus::Completed {
            self.check_completed()?;
        }
        Ok(())
    }

    fn check_completed(&self) -> Result<(), &'static str> {
        let (named, judged) = match self.operation_type {
            OperationType::Publish
            | OperationType::Adopt
            | OperationType::Reconcile
            | OperationType::Project => (self.publish_id.is_some(), false),
            OperationType::Rollback | OperationType::Revert => (self.rollback_id.is_some(), true),
            OperationType::Hotfix => (self.hotfix_id.is_some(), true),
            _ => (true, false),
        };
        if !named {
            return Err("a completed operation carries its id");
        }
        if judged && (self.reason.is_none() || self.risk_level.is_none()) {
            return Err("a completed rollback or hotfix carries its reason and risk_level");
        }
        if judged && self.policy_snapshot_ref.is_none() {
            return Err("a completed rollback or hotfix carries its policy_snapshot_ref");
        }
        Ok(())
    }

    /// Returns the entry as an in-toto statement about its subjects; none if it is about nothing by digest.
    pub fn statement(&self) -> Option<Statement<Self>> {
        let mut predicate = self.clone();
        let subjects = std::mem::take(&mut predicate.subjects);
        Statement::new(&subjects, PREDICATE_TYPE, predicate)
    }
}

/// An entry that is in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StoredEntry {
    /// Its position, from 1, no gaps.
    pub lsn: Lsn,
    /// When it was appended; never before the entry before it.
    pub time: Timestamp,
    /// The hash of the entry as the log has it, as a leaf of a Merkle tree (RFC 6962, 2.1).
    pub leaf: Digest,
    /// The entry.
    #[serde(flatten)]
    pub entry: LedgerEntry,
}
