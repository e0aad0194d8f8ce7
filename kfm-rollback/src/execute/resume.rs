//! Takes an unfinished operation up again, forward or back.

use std::collections::{BTreeMap, BTreeSet};

use kfm_lineage::integrity::{CatalogView, IntegrityChange};
use kfm_lineage::{CellId, OperationId};
use kfm_policy::{RatchetMode, StepFacts, StepTreatment};
use kfm_telemetry::slo::PHASE_POLICY_RECHECK;
use kfm_wal::record::{Direction, JournalEntry};

use super::treated::Treated;
use super::{Halt, Outcome, Steps, hold, run};
use crate::assess::{Case, catalog_now, labels_of, treat_moves, with_moves};
use crate::derive::{Projection, derived_cells, hidden};
use crate::error::{Error, Result, text_of};
use crate::history::{Kind, Operation, read_moves};
use crate::report::Status;
use crate::session::Session;
use crate::skip;

/// How an unfinished operation goes on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resume {
    /// Go back to the prior state.
    pub abort: bool,
    /// Keys of cells that are left alone, since they hold a foreign value.
    pub skip: Vec<String>,
}

/// Takes an unfinished operation up again and runs it to its end.
///
/// # Errors
/// [`Error::Conflict`]: it has ended already. [`Error::Invalid`]: a cell may not be left alone.
/// [`Error::Unfinished`]: it waits still, as the error says.
pub(crate) async fn resume(session: &mut Session, id: &OperationId, how: Resume) -> Result<Outcome> {
    let operation = session.history.require(id)?.clone();
    if operation.closed.is_some() {
        return Err(Error::Conflict {
            message: format!(
                "the operation has ended, there is nothing to resume: operation={id} status={}",
                operation.status(false)
            ),
            conflicts: Vec::new(),
            hint: "'kfm status' lists what is open".into(),
            next: vec!["kfm status".into()],
        });
    }
    if let Some(why) = operation.misfit().filter(|_| !how.abort && operation.journal.abort.is_none()) {
        return Err(misfit(&operation, why));
    }
    let skip = left_alone(session, &operation, &how).await?;
    match take_up(session, &operation, how.abort, skip).await {
        Err(error) if !matches!(error, Error::Unfinished { .. } | Error::Failed { .. }) => {
            Err(still_open(&operation, &error))
        }
        ended => ended,
    }
}

/// Finds the cells that are to be left alone, and refuses what may not be: nothing has been noted yet.
async fn left_alone(session: &mut Session, operation: &Operation, how: &Resume) -> Result<BTreeSet<CellId>> {
    if how.skip.is_empty() {
        return Ok(BTreeSet::new());
    }
    let moves = read_moves(&session.versions(), &operation.moves).await?;
    skip::refuse_unknown_keys(&moves, &how.skip)?;
    let steps = Steps::of_journal(session, &operation.id, moves, BTreeSet::new()).await?;
    let direction = if how.abort { Direction::Backward } else { operation.journal.direction() };
    // What policy denies altogether holds the operation, whatever is left alone.
    let treated = treated_today(session, operation.kind, &steps, direction).await.unwrap_or_default();
    let mut foreign = BTreeSet::new();
    for step in steps.moves.iter().filter(|step| !step.derived && how.skip.contains(&step.cell.key)) {
        let observed = skip::observed(session, &step.cell).await?;
        if steps.knows(step, observed) {
            continue;
        }
        if treated.contains_key(&step.cell) {
            return Err(skip::protected(&step.cell));
        }
        foreign.insert(step.cell.clone());
    }
    skip::refuse_known_values(&how.skip, &foreign)?;
    Ok(foreign)
}

async fn take_up(
    session: &mut Session,
    operation: &Operation,
    abort: bool,
    skip: BTreeSet<CellId>,
) -> Result<Outcome> {
    let id = &operation.id;
    let cx = session.write_context(id);
    for store in session.platform.stores() {
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
    let moves = read_moves(&session.versions(), &operation.moves).await?;
    let direction = session.history.operation(id).map_or(Direction::Forward, |op| op.journal.direction());
    let mut steps = Steps::of_journal(session, id, moves, skip).await?;
    // A file that cannot be read this time holds nothing: the operation waits as it did, and is taken up again.
    if let Err(error @ Error::File { .. }) = session.require_policy("resume") {
        return Err(error);
    }
    session.begin_phase(PHASE_POLICY_RECHECK, 0);
    match treated_today(session, operation.kind, &steps, direction).await {
        Ok(treated) => steps.treat(session, id, treated).await?,
        Err(halt) => return Err(hold(session, id, &halt, direction).await),
    }
    run(session, id, steps).await
}

/// Its record is not one that this engine writes: it can go back, and nothing may be made of it.
fn misfit(operation: &Operation, why: &str) -> Error {
    Error::Unfinished {
        message: format!(
            "the log opens it by a record that does not fit, {why}; it can only be aborted: operation={} lsn={}",
            operation.id, operation.opened
        ),
        operation: operation.id.clone(),
        status: Status::Interrupted,
        held_reason: None,
        next: crate::status::resume_commands(&operation.id).into_iter().skip(1).collect(),
    }
}

/// Nothing moved, and the operation waits as it did before: whatever kept it from being taken up, it is open.
pub(crate) fn still_open(operation: &Operation, error: &Error) -> Error {
    let held = operation.journal.held.as_ref();
    Error::Unfinished {
        message: format!("it could not be taken up, {}: operation={}", text_of(error), operation.id),
        operation: operation.id.clone(),
        status: held.map_or(Status::Interrupted, |_| Status::Held),
        held_reason: held.map(|(reason, _)| reason.clone()),
        next: crate::status::resume_commands(&operation.id),
    }
}

/// Joins both ends of an unfinished operation with today's protection (`states.md` section 3).
///
/// Answers which cells end elsewhere than planned, or that nothing may move at all: policy denies it, or
/// nobody can tell.
pub(super) async fn treated_today(
    session: &mut Session,
    kind: Kind,
    steps: &Steps,
    direction: Direction,
) -> Result<Treated, Halt> {
    let judged = join_with_protection(session, kind, steps, direction).await;
    match judged {
        Ok(judged) => judged.map_err(Halt::Policy),
        Err(error @ (Error::Log(_) | Error::Locked { .. })) => Err(Halt::of_log(error)),
        Err(error) => Err(Halt::Policy(text_of(&error))),
    }
}

async fn join_with_protection(
    session: &mut Session,
    kind: Kind,
    steps: &Steps,
    direction: Direction,
) -> Result<Result<Treated, String>> {
    let now = catalog_now(session).await?;
    let mut ends = steps.moves.clone();
    for step in &mut ends {
        if steps.skip.contains(&step.cell) {
            // What is left alone holds, by the log, what it held before.
            step.after = step.before;
        } else if direction == Direction::Backward {
            std::mem::swap(&mut step.before, &mut step.after);
        }
    }
    let assessed = treat_moves(session, &now, &ends, RatchetMode::Unfinished).await?;
    let mut treated = Treated::new();
    for (end, step) in ends.iter().filter(|step| !step.derived).zip(&assessed) {
        match &step.outcome {
            StepTreatment::Keep => {}
            StepTreatment::Absent { rule, .. } => {
                treated.insert(end.cell.clone(), (None, rule.clone()));
            }
            StepTreatment::Denied { rule, why } => {
                return Ok(Err(format!("{why}: rule={rule} entity={}", step.entity)));
            }
        }
    }
    for step in &mut ends {
        if let Some((value, _)) = treated.get(&step.cell) {
            step.after = *value;
        }
    }
    let after = with_moves(session, &now, &ends).await?;
    if !treated.is_empty() || !steps.skip.is_empty() {
        hide_projections(session, &ends, &after, &assessed, &mut treated).await?;
    }
    let judged = match (direction, kind) {
        (Direction::Backward, _) => kfm_policy::JudgedKind::Abort,
        (_, Kind::Rollback) => kfm_policy::JudgedKind::Rollback,
        (_, Kind::Revert) => kfm_policy::JudgedKind::Revert,
        (_, Kind::Hotfix) => kfm_policy::JudgedKind::Hotfix,
        _ => kfm_policy::JudgedKind::Publish,
    };
    // Breaks were judged before the operation began and are what they were; protection is what may have risen.
    let census = after.census();
    let owned: Vec<_> = ends.iter().filter(|step| !step.derived).cloned().collect();
    let case = Case {
        kind: judged,
        reason: Some("resume".into()),
        strict: false,
        steps: treat_moves(session, &now, &owned, RatchetMode::Unfinished).await?,
        cells_total: owned.len() as u64,
        skipped: 0,
        integrity: IntegrityChange::of_publish(census.clone(), census),
        forced: false,
    };
    let decision = case.judge(session);
    if owned.is_empty() || decision.allowed {
        return Ok(Ok(treated));
    }
    let why = decision.denials().next();
    Ok(Err(why.map_or_else(|| "nothing was looked at".into(), |finding| finding.message.clone())))
}

/// Projects the derived cells again from the documents that protection leaves: what shows a hidden document
/// is a leak.
async fn hide_projections(
    session: &Session,
    ends: &[kfm_lineage::Move],
    after: &CatalogView,
    assessed: &[StepFacts],
    treated: &mut Treated,
) -> Result<()> {
    let labels = labels_of(assessed);
    let cells = derived_cells(session, ends).await?;
    let hidden = hidden(session, after, after, &cells).await?;
    let projection = Projection::new(after, hidden, |path| labels.get(path).copied());
    let planned: BTreeMap<_, _> = ends.iter().map(|step| (&step.cell, step.after)).collect();
    for (derived, value) in projection.keep(session, cells).await? {
        if planned.get(&derived.cell).is_some_and(|planned| *planned != value) {
            treated.insert(derived.cell, (value, "projected from what protection leaves".into()));
        }
    }
    Ok(())
}
