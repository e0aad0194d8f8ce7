//! Records what was asked for and not done (R6).

use kfm_lineage::{Digest, OperationId, OperationKind};
use kfm_telemetry::ledger::OperationType;
use kfm_telemetry::{EventId, Label, OperationRecord, RecordKind, Stage};
use kfm_wal::record::{Record, RefusalRecord};

use crate::entries;
use crate::error::{Error, Result, text_of};
use crate::execute::stage_of;
use crate::history::Operation;
use crate::report::Status;
use crate::session::Session;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Publish,
    Adopt,
    Reconcile,
    Project,
    RollbackPlan,
    RollbackExecute,
    Revert,
    Hotfix,
    HotfixRevert,
    Resume,
    PlanCancel,
    Approve,
    Labels,
}

impl Asked {
    const ALL: [Self; 13] = [
        Self::Publish,
        Self::Adopt,
        Self::Reconcile,
        Self::Project,
        Self::RollbackPlan,
        Self::RollbackExecute,
        Self::Revert,
        Self::Hotfix,
        Self::HotfixRevert,
        Self::Resume,
        Self::PlanCancel,
        Self::Approve,
        Self::Labels,
    ];

    /// Returns what undoing this operation is called: a hotfix has a word of its own.
    pub(crate) fn undoing(target: &OperationId, rollback: Self) -> Self {
        match target.kind() {
            OperationKind::Hotfix => Self::HotfixRevert,
            OperationKind::Publish | OperationKind::Rollback => rollback,
        }
    }

    /// Returns the word of the log; durable.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Adopt => "adopt",
            Self::Reconcile => "reconcile",
            Self::Project => "project",
            Self::RollbackPlan => "rollback_plan",
            Self::RollbackExecute => "rollback_execute",
            Self::Revert => "revert",
            Self::Hotfix => "hotfix",
            Self::HotfixRevert => "hotfix_revert",
            Self::Resume => "resume",
            Self::PlanCancel => "plan_cancel",
            Self::Approve => "approve",
            Self::Labels => "labels",
        }
    }

    /// Reads the word of the log; one of another version is the execution of a rollback.
    pub(crate) fn of_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|asked| asked.word() == word).unwrap_or(Self::RollbackExecute)
    }

    /// Returns what it is in the ledger; `resumed` is the operation that was to be taken up again.
    pub(crate) fn operation_type(self, resumed: Option<&Operation>) -> OperationType {
        match self {
            Self::Publish => OperationType::Publish,
            Self::Adopt => OperationType::Adopt,
            Self::Reconcile => OperationType::Reconcile,
            Self::Project => OperationType::Project,
            Self::Revert => OperationType::Revert,
            Self::Hotfix => OperationType::Hotfix,
            Self::Approve => OperationType::Approval,
            Self::Labels => OperationType::Label,
            Self::Resume => {
                resumed.map_or(OperationType::Rollback, |resumed| entries::operation_type(resumed.kind))
            }
            Self::RollbackPlan | Self::RollbackExecute | Self::HotfixRevert | Self::PlanCancel => {
                OperationType::Rollback
            }
        }
    }

    /// Returns the stage of its telemetry: the one under which it would have been completed.
    fn stage(self, resumed: Option<&Operation>) -> Stage {
        match self {
            Self::Publish => Stage::Publish,
            Self::Adopt => Stage::Adopt,
            Self::Reconcile => Stage::Reconcile,
            Self::Project => Stage::Project,
            Self::RollbackPlan | Self::PlanCancel => Stage::RollbackPlan,
            Self::RollbackExecute => Stage::RollbackExecute,
            Self::Revert => Stage::RollbackRevert,
            Self::Hotfix => Stage::HotfixApply,
            Self::HotfixRevert => Stage::HotfixRevert,
            Self::Approve => Stage::Approve,
            Self::Labels => Stage::Labels,
            Self::Resume => {
                resumed.map_or(Stage::RollbackExecute, |resumed| stage_of(resumed.kind, &resumed.target))
            }
        }
    }
}

/// Passes a result on, and records it in log, ledger and telemetry if it is a refusal.
///
/// # Errors
/// The result's own error; [`Error::Unrecorded`] around it where the refusal could not be recorded everywhere.
pub(crate) async fn recorded<T>(
    session: &mut Session,
    asked: Asked,
    subject: Option<OperationId>,
    plan_id: Option<Digest>,
    result: Result<T>,
) -> Result<T> {
    let error = match result {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let Some(status) = error.refused_as() else { return Err(error) };
    let at = session.now();
    let refusal = RefusalRecord {
        operation: asked.word().into(),
        at,
        requested_by: session.actor().to_owned(),
        subject,
        plan_id,
        status: status.to_string(),
        kind: error.kind().into(),
        message: crate::error::recorded_text(error.to_string()),
        policy_snapshot_ref: Some(session.policy.snapshot_ref()),
    };
    match record(session, asked, refusal, status).await {
        Ok(()) => Err(error),
        Err((missing, source)) => {
            Err(Error::Unrecorded { refusal: Box::new(error), missing, why: text_of(&source) })
        }
    }
}

/// Writes a refusal down: what could not be written, and why.
async fn record(
    session: &mut Session,
    asked: Asked,
    refusal: RefusalRecord,
    status: Status,
) -> Result<(), (&'static str, Error)> {
    const NOWHERE: &str = "log, ledger and telemetry";
    session.log(Record::Refusal(refusal.clone())).await.map_err(|error| (NOWHERE, error))?;
    session.keep_policy().await.map_err(|error| ("ledger and telemetry", error))?;
    let resumed = refusal.subject.as_ref().and_then(|id| session.history.operation(id));
    let entry = entries::of_refusal(&refusal, resumed);
    let name = EventId::lossy(&Record::Refusal(refusal.clone()).id());
    let actor = Label::lossy(&refusal.requested_by);
    let mut line = OperationRecord::new(name, refusal.at, RecordKind::Operation, asked.stage(resumed), actor);
    line.publish_id = entry.publish_id.clone();
    line.rollback_id = entry.rollback_id.clone();
    line.hotfix_id = entry.hotfix_id.clone();
    line.plan_id = refusal.plan_id;
    line.status = match status {
        Status::Denied => kfm_telemetry::Status::Denied,
        _ => kfm_telemetry::Status::Refused,
    };
    line.error_class = kfm_lineage::Slug::parse(&refusal.kind).ok();
    let in_ledger = match session.platform.ledger() {
        Ok(ledger) => ledger.append(&entry, refusal.at).await.map(drop).map_err(Error::from),
        Err(error) => Err(error),
    };
    let in_telemetry = session.platform.records().append(&line).await.map_err(Error::from);
    match (in_ledger, in_telemetry) {
        (Ok(()), Ok(())) => Ok(()),
        (Err(error), Ok(())) => Err(("ledger", error)),
        (Ok(()), Err(error)) => Err(("telemetry", error)),
        (Err(error), Err(_)) => Err(("ledger and telemetry", error)),
    }
}
