//! Records what was asked for and not done (R6).

use kfm_lineage::{Digest, HotfixId, OperationId, PublishId, RollbackId};
use kfm_telemetry::ledger::{EntryStatus, OperationType, RiskLevel};
use kfm_telemetry::{EventId, Label, LedgerEntry, OperationRecord, RecordKind, Stage};
use kfm_wal::record::{Record, RefusalRecord};

use crate::error::{Error, Result};
use crate::execute::{operation_type, stage_of};
use crate::report::Status;
use crate::session::Session;

/// Passes a result on, and records it in log, ledger and telemetry if it is a refusal.
///
/// # Errors
/// The result's own error. That a refusal could not be recorded does not hide it, and is no success either.
pub(crate) async fn recorded<T>(
    session: &mut Session,
    operation: &str,
    subject: Option<OperationId>,
    plan_id: Option<Digest>,
    result: Result<T>,
) -> Result<T> {
    let error = match result {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let status = match &error {
        Error::Denied { .. } => Status::Denied,
        Error::ApprovalRequired { .. } => Status::AwaitingApproval,
        Error::Conflict { .. } | Error::Incomplete { .. } => Status::Refused,
        _ => return Err(error),
    };
    if let Err(unrecorded) = record(session, operation, subject, plan_id, status, &error).await {
        tracing::warn!(%unrecorded, "a refusal could not be recorded");
    }
    Err(error)
}

async fn record(
    session: &mut Session,
    operation: &str,
    subject: Option<OperationId>,
    plan_id: Option<Digest>,
    status: Status,
    error: &Error,
) -> Result<()> {
    let at = session.now();
    let actor = session.actor().to_owned();
    let refusal = RefusalRecord {
        operation: operation.into(),
        at,
        requested_by: actor.clone(),
        subject: subject.clone(),
        plan_id,
        status: status.to_string(),
        kind: error.kind().into(),
        message: crate::error::recorded_text(error.to_string()),
    };
    let record = Record::Refusal(refusal);
    let name = EventId::lossy(&record.id());
    session.log(record).await?;
    session.keep_policy().await?;
    let (kind, stage) = named(session, operation, subject.as_ref());
    let subject = subject.as_ref().map(OperationId::as_str).unwrap_or_default();
    let mut entry = LedgerEntry::new(name.clone(), kind, Label::lossy(&actor), entry_status(status));
    entry.publish_id = PublishId::parse(subject).ok();
    entry.rollback_id = RollbackId::parse(subject).ok();
    entry.hotfix_id = HotfixId::parse(subject).ok();
    entry.plan_id = plan_id;
    entry.policy_snapshot_ref = Some(session.policy.snapshot_ref());
    session.platform.ledger()?.append(&entry, at).await?;
    let mut line = OperationRecord::new(name, at, RecordKind::Operation, stage, Label::lossy(&actor));
    line.publish_id = entry.publish_id;
    line.rollback_id = entry.rollback_id;
    line.hotfix_id = entry.hotfix_id;
    line.plan_id = plan_id;
    line.status = match status {
        Status::Denied => kfm_telemetry::Status::Denied,
        _ => kfm_telemetry::Status::Refused,
    };
    line.error_class = kfm_lineage::Slug::parse(error.kind()).ok();
    Ok(session.platform.records().append(&line).await?)
}

/// Returns what was asked for as ledger and telemetry name it.
fn named(session: &Session, operation: &str, subject: Option<&OperationId>) -> (OperationType, Stage) {
    match operation {
        "publish" => (OperationType::Publish, Stage::Publish),
        "adopt" => (OperationType::Adopt, Stage::Adopt),
        "reconcile" => (OperationType::Reconcile, Stage::Reconcile),
        "project" => (OperationType::Project, Stage::Project),
        "revert" => (OperationType::Revert, Stage::RollbackRevert),
        "hotfix" => (OperationType::Hotfix, Stage::HotfixApply),
        "rollback_plan" => (OperationType::Rollback, Stage::RollbackPlan),
        "resume" => match subject.and_then(|id| session.history.operation(id)) {
            Some(resumed) => (operation_type(resumed.kind), stage_of(resumed.kind, &resumed.target)),
            None => (OperationType::Rollback, Stage::RollbackExecute),
        },
        _ => (OperationType::Rollback, Stage::RollbackExecute),
    }
}

/// Returns a status as the ledger writes it.
pub(crate) fn entry_status(status: Status) -> EntryStatus {
    match status {
        Status::Planned | Status::DryRun => EntryStatus::Planned,
        Status::AwaitingApproval => EntryStatus::AwaitingApproval,
        Status::Denied => EntryStatus::Denied,
        Status::Refused => EntryStatus::Refused,
        Status::Running | Status::Interrupted => EntryStatus::Interrupted,
        Status::Held => EntryStatus::Held,
        Status::Completed => EntryStatus::Completed,
        Status::Aborted => EntryStatus::Aborted,
        Status::Failed => EntryStatus::Failed,
        Status::Cancelled => EntryStatus::Cancelled,
    }
}

/// Returns a risk level as the ledger writes it; none for a word that it does not know.
pub(crate) fn risk_level(word: &str) -> Option<RiskLevel> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()
}
