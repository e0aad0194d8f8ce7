//! Takes an unfinished operation up again, forward or back.

use std::collections::BTreeSet;

use kfm_lineage::{CellId, OperationId, Status, Step};
use kfm_policy::{Remedy, advice};
use kfm_telemetry::slo::PHASE_POLICY_RECHECK;
use kfm_wal::record::{Direction, JournalEntry};

use super::decide::{TakenUp, foreign_among, taken_up};
use super::today::treated_today;
use super::{Outcome, Work, fit, hold, run};
use crate::error::{Error, Result, text_of};
use crate::history::{Operation, read_steps};
use crate::session::Session;
use crate::skip;

/// How an unfinished operation is to go on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resume {
    /// Go back to the prior state.
    pub abort: bool,
    /// Keys of cells to leave alone, since they hold a foreign value.
    pub skip: Vec<String>,
}

/// Takes an unfinished operation up again and runs it to its end.
///
/// # Errors
/// [`Error::Conflict`]: it has ended already. [`Error::Invalid`]: one of the cells may not be left alone.
/// [`Error::Unfinished`]: it still waits, for what the error says.
pub(crate) async fn resume(session: &mut Session, id: &OperationId, how: Resume) -> Result<Outcome> {
    let operation = session.history.require(id)?.clone();
    if operation.closed.is_some() {
        return Err(Error::Conflict {
            message: format!(
                "the operation has ended, there is nothing to resume: operation={id} status={}",
                operation.status(false)
            ),
            conflicts: Vec::new(),
            hint: advice![Remedy::ShowStatus, " lists what is open"],
            next: vec![Remedy::ShowStatus],
        });
    }
    let steps = read_steps(&session.versions(), &operation.steps).await;
    let steps = steps.map_err(|error| still_open(&operation, &error))?;
    if operation.frame.as_ref().is_some_and(|frame| frame.governance.justification.is_some()) {
        // It was forced through without versions that are gone, so it ends without them.
        session.go_on_without_lost().await.map_err(|error| still_open(&operation, &error))?;
    }
    let misfit = fit::misfit(&session.history, &operation, &steps)?;
    let steps = match taken_up(misfit, how.abort || operation.journal.abort.is_some()) {
        TakenUp::Refused(why) => return Err(only_aborted(&operation, why)),
        TakenUp::WithoutSteps => Vec::new(),
        TakenUp::AsPlanned => steps,
    };
    session.fence(id).await.map_err(|error| still_open(&operation, &error))?;
    let skip = left_alone(session, &operation, &steps, &how).await?;
    match take_up(session, &operation, how.abort, steps, skip).await {
        Err(error) if !matches!(error, Error::Unfinished { .. } | Error::Failed { .. }) => {
            Err(still_open(&operation, &error))
        }
        ended => ended,
    }
}

/// Finds the cells to leave alone, and refuses those that may not be, before anything is noted in the journal.
async fn left_alone(
    session: &mut Session,
    operation: &Operation,
    steps: &[Step],
    how: &Resume,
) -> Result<BTreeSet<CellId>> {
    if how.skip.is_empty() {
        return Ok(BTreeSet::new());
    }
    skip::refuse_unknown_keys(steps, &how.skip)?;
    let work = Work::of_journal(session, &operation.id, steps.to_vec(), BTreeSet::new()).await?;
    let direction = if how.abort { Direction::Backward } else { operation.journal.direction() };
    // If policy denies everything, `take_up` holds the operation; here only the treated cells matter.
    let treated = treated_today(session, operation.kind, &work, direction).await.unwrap_or_default();
    let mut seen = Vec::new();
    for step in work.steps.iter().filter(|step| !step.derived && how.skip.contains(&step.cell.key)) {
        seen.push((step, skip::observed(session, &step.cell).await?));
    }
    let foreign = foreign_among(&work, &treated, seen)?;
    skip::refuse_known_values(&how.skip, &foreign)?;
    Ok(foreign)
}

async fn take_up(
    session: &mut Session,
    operation: &Operation,
    abort: bool,
    steps: Vec<Step>,
    skip: BTreeSet<CellId>,
) -> Result<Outcome> {
    let id = &operation.id;
    let cx = session.write_context(id);
    for store in session.stores() {
        store.recover(&cx).await?;
    }
    session.works_on(id)?;
    session.note_begun();
    let options = session.platform.options().clone();
    let resumed = JournalEntry::Resumed { by: options.actor.clone(), host: options.host, pid: options.pid };
    session.journal(id, resumed).await?;
    if abort && !operation.journal.abort_asked {
        let asked = JournalEntry::AbortRequested { by: options.actor, reason: "asked for".into() };
        session.journal(id, asked).await?;
    }
    let direction = session.history.operation(id).map_or(Direction::Forward, |op| op.journal.direction());
    let mut work = Work::of_journal(session, id, steps, skip).await?;
    // A policy file that could not be read this time does not hold the operation: it waits as before, until the
    // next resume.
    if let Err(error @ Error::File { .. }) = session.require_policy("resume") {
        return Err(error);
    }
    session.begin_phase(PHASE_POLICY_RECHECK, 0);
    match treated_today(session, operation.kind, &work, direction).await {
        Ok(treated) => work.treat(session, id, treated).await?,
        Err(halt) => return Err(hold(session, id, &halt, direction).await),
    }
    run(session, id, work).await
}

/// The error of an operation that does not fit: this engine does not open such operations, so it can only be aborted.
fn only_aborted(operation: &Operation, why: &str) -> Error {
    Error::Unfinished {
        message: format!(
            "the record that opens it does not fit, {why}; it can only be aborted, which moves nothing: operation={} \
             lsn={}",
            operation.id, operation.opened
        ),
        operation: operation.id.clone(),
        status: Status::Interrupted,
        held_reason: None,
        next: vec![Remedy::Abort { operation: operation.id.clone() }],
    }
}

/// The error of an operation that could not be taken up: nothing moved, and it is open and waits as before.
pub(crate) fn still_open(operation: &Operation, error: &Error) -> Error {
    let held = operation.journal.held.as_ref();
    Error::Unfinished {
        message: format!("it could not be taken up, {}: operation={}", text_of(error), operation.id),
        operation: operation.id.clone(),
        status: held.map_or(Status::Interrupted, |_| Status::Held),
        held_reason: held.map(|(reason, _)| reason.clone()),
        next: Remedy::both_ways(&operation.id),
    }
}
