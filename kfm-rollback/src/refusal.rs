//! Records what was asked for and not done (R6).

use kfm_lineage::{Digest, OperationId, Status};
use kfm_telemetry::{EventId, Label, OperationRecord, RecordKind};
use kfm_wal::record::{Record, RefusalRecord};

use crate::asked::Asked;
use crate::entries;
use crate::error::{Error, Result, text_of};
use crate::session::Session;

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
    line.ids = entry.ids.clone();
    line.status = match status {
        Status::Denied => kfm_telemetry::EventStatus::Denied,
        _ => kfm_telemetry::EventStatus::Refused,
    };
    // A policy that cannot be evaluated denies everything, and is no verdict about the operation.
    let class = match status {
        Status::Denied if !session.can_judge() => kfm_telemetry::due::CLASS_POLICY_UNAVAILABLE,
        _ => &refusal.kind,
    };
    line.error_class = kfm_lineage::Slug::parse(class).ok();
    let in_ledger = match session.platform.ledger() {
        Ok(ledger) => ledger.append(&entry, refusal.at).await.map(drop).map_err(Error::from),
        Err(error) => Err(error),
    };
    let in_telemetry = session.platform.records().append(&line).await.map_err(Error::from);
    crate::execute::raise_due(session, &line).await;
    match (in_ledger, in_telemetry) {
        (Ok(()), Ok(())) => Ok(()),
        (Err(error), Ok(())) => Err(("ledger", error)),
        (Ok(()), Err(error)) => Err(("telemetry", error)),
        (Err(error), Err(_)) => Err(("ledger and telemetry", error)),
    }
}
