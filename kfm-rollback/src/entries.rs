//! Entries of the governance ledger, made from what the log recorded (R92).
//!
//! An entry has nothing that the log does not have, so it can be made again from the log and compared with the
//! ledger's.

use kfm_lineage::{Digest, IdKind, OperationId, OperationIds, RiskLevel, Status};
use kfm_telemetry::ledger::EntryKind;
use kfm_telemetry::statement::Subject;
use kfm_telemetry::{EventId, Label, LedgerEntry, Reason};
use kfm_wal::record::{ApprovalRecord, EndState, PlanCancelled, Record, RefusalRecord};

use crate::asked::Asked;
use crate::history::Operation;

/// In an operation's entry, the name of the subject that is the digest of the scope at the end.
pub(crate) const SCOPE_AFTER: &str = "scope/after";

/// Makes the entry of an operation that came to `end`, with the digest of its scope at that time.
pub(crate) fn of_operation(operation: &Operation, end: EndState, scope_after: Digest) -> LedgerEntry {
    let status = Status::from(end);
    let name = EventId::lossy(&event_name(&operation.id, status));
    let actor = Label::lossy(&operation.requested_by);
    let mut entry = LedgerEntry::new(name, operation.kind.into(), actor, status);
    entry.wal_id = Some(Label::lossy(operation.id.as_str()));
    entry.lineage_ref = Some(Label::lossy(&format!("publish:{}+", operation.target)));
    entry.ids = operation.ids();
    entry.reason = operation.reason.as_deref().map(Reason::lossy);
    entry.policy_snapshot_ref = Some(operation.policy_snapshot_ref);
    if let Some(frame) = &operation.frame {
        entry.risk_level = RiskLevel::of_word(&frame.governance.risk_level);
        entry.tier = Some(frame.tier);
        entry.reviewers = frame.governance.reviewers.iter().map(|name| Label::lossy(name)).collect();
    }
    entry.sbom_ref = operation.sbom_ref.clone();
    entry.manifest_ref = operation.manifest_ref.clone();
    // The manifest is not among the subjects: it states its time, and a resumed operation must come to the same
    // entry. The log's closing record has its digest.
    let subject = |name: &str, digest| Subject { name: Label::lossy(name), digest };
    entry.subjects = vec![
        subject("scope/before", operation.pre_state_hash),
        subject("scope/planned", operation.post_state_expected),
        subject(SCOPE_AFTER, scope_after),
    ];
    entry.subjects.extend(operation.plan_id.map(|digest| subject("plan", digest)));
    entry
}

/// Makes the entry of a refusal; `resumed` is the operation that a refused resume was about.
pub(crate) fn of_refusal(record: &RefusalRecord, resumed: Option<&Operation>) -> LedgerEntry {
    let name = EventId::lossy(&Record::Refusal(record.clone()).id());
    let kind = Asked::of_word(&record.operation).entry_kind(resumed);
    let status = match record.status.as_str() {
        "denied" => Status::Denied,
        "awaiting_approval" => Status::AwaitingApproval,
        _ => Status::Refused,
    };
    let mut entry = LedgerEntry::new(name, kind, Label::lossy(&record.requested_by), status);
    let subject = record.subject.as_ref().map(OperationIds::of).unwrap_or_default();
    entry.ids = OperationIds { plan_id: record.plan_id, ..subject };
    entry.policy_snapshot_ref = record.policy_snapshot_ref;
    entry
}

/// Makes the entry of an approval.
pub(crate) fn of_approval(record: &ApprovalRecord) -> LedgerEntry {
    let name = EventId::lossy(&format!("approval/{}", record.digest()));
    let actor = Label::lossy(&record.principal);
    let mut entry = LedgerEntry::new(name, EntryKind::Approval, actor, Status::Completed);
    entry.ids = OperationIds::of_plan(record.plan_id);
    entry
}

/// Makes the entry of a plan that was taken back.
pub(crate) fn of_cancelled(record: &PlanCancelled) -> LedgerEntry {
    let name = EventId::lossy(&Record::PlanCancelled(record.clone()).id());
    let kind = match record.operation.kind() {
        IdKind::Hotfix => EntryKind::Hotfix,
        IdKind::Rollback | IdKind::Publish => EntryKind::Rollback,
    };
    let actor = Label::lossy(&record.requested_by);
    let mut entry = LedgerEntry::new(name, kind, actor, Status::Cancelled);
    entry.ids = OperationIds { plan_id: Some(record.plan_id), ..OperationIds::of(&record.operation) };
    entry.reason = Some(Reason::lossy(&record.reason));
    entry
}

/// The name under which an operation's end is in telemetry and ledger: its id and its end.
pub(crate) fn event_name(id: &OperationId, status: Status) -> String {
    format!("{id}/{status}")
}
