//! Takes an unfinished operation up again, forward or back.

use std::collections::{BTreeMap, BTreeSet};

use kfm_lineage::integrity::{CatalogView, IntegrityChange};
use kfm_lineage::{CellId, OperationId, OperationKind, Status, Step};
use kfm_policy::{RatchetMode, Remedy, StepFacts, StepTreatment, advice};
use kfm_telemetry::slo::PHASE_POLICY_RECHECK;
use kfm_wal::record::{Direction, JournalEntry};

use super::treated::Treated;
use super::{Halt, Outcome, Work, fit, hold, run};
use crate::assess::{Case, catalog_now, labels_of, treat_steps, with_steps};
use crate::derive::{Projection, derived_cells, hidden};
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
    let misfit = fit::misfit(session, &operation, &steps);
    let steps = match misfit {
        Some(why) if !how.abort && operation.journal.abort.is_none() => {
            return Err(only_aborted(&operation, why));
        }
        // What was done in its name is not known: it ends, and nothing is moved.
        Some(_) => Vec::new(),
        None => steps,
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
    let mut foreign = BTreeSet::new();
    for step in work.steps.iter().filter(|step| !step.derived && how.skip.contains(&step.cell.key)) {
        let observed = skip::observed(session, &step.cell).await?;
        if work.knows(step, observed) {
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

/// Joins both ends of an unfinished operation with today's protection (`docs/states.md` section 3).
///
/// Returns the cells that end at another value than planned. [`Halt::Policy`]: nothing may move, since policy
/// denies it or cannot be evaluated.
pub(super) async fn treated_today(
    session: &mut Session,
    kind: OperationKind,
    work: &Work,
    direction: Direction,
) -> Result<Treated, Halt> {
    let judged = join_with_protection(session, kind, work, direction).await;
    match judged {
        Ok(judged) => judged.map_err(Halt::Policy),
        Err(error @ (Error::Log(_) | Error::Locked { .. })) => Err(Halt::of_log(error)),
        Err(error) => Err(Halt::Policy(text_of(&error))),
    }
}

async fn join_with_protection(
    session: &mut Session,
    kind: OperationKind,
    work: &Work,
    direction: Direction,
) -> Result<Result<Treated, String>> {
    let now = catalog_now(session).await?;
    let mut ends = work.steps.clone();
    // Each step as this run would leave it: from the value now to the value that readers would see at the end.
    for step in &mut ends {
        if work.skip.contains(&step.cell) {
            // By the log, a cell that is left alone keeps the value that it had before.
            step.after = step.before;
        } else if direction == Direction::Backward {
            std::mem::swap(&mut step.before, &mut step.after);
        }
    }
    let assessed = treat_steps(session, &now, &ends, RatchetMode::Unfinished).await?;
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
    // Policy judges what readers would really see, so the treated values are put in before the catalog is made.
    for step in &mut ends {
        if let Some((value, _)) = treated.get(&step.cell) {
            step.after = *value;
        }
    }
    let after = with_steps(session, &now, &ends).await?;
    if !treated.is_empty() || !work.skip.is_empty() {
        hide_projections(session, &ends, &after, &assessed, &mut treated).await?;
    }
    let judged = match (direction, kind) {
        (Direction::Backward, _) => kfm_policy::JudgedKind::Abort,
        (_, OperationKind::Rollback) => kfm_policy::JudgedKind::Rollback,
        (_, OperationKind::Revert) => kfm_policy::JudgedKind::Revert,
        (_, OperationKind::Hotfix) => kfm_policy::JudgedKind::Hotfix,
        _ => kfm_policy::JudgedKind::Publish,
    };
    // The census is the same before and after: breaks were judged before the operation began. Only protection may
    // have risen since.
    let census = after.census();
    let owned: Vec<_> = ends.iter().filter(|step| !step.derived).cloned().collect();
    let case = Case {
        kind: judged,
        reason: Some("resume".into()),
        strict: false,
        steps: treat_steps(session, &now, &owned, RatchetMode::Unfinished).await?,
        cells_total: owned.len() as u64,
        skipped: 0,
        integrity: IntegrityChange::of_publish(census.clone(), census),
        forced: false,
    };
    let decision = case.judge(session);
    // An operation on derived cells alone has no document that policy could judge.
    if owned.is_empty() || decision.allowed {
        return Ok(Ok(treated));
    }
    let why = decision.denials().next();
    Ok(Err(why.map_or_else(|| "no finding says why".into(), |finding| finding.message.clone())))
}

/// Projects the derived cells again from the documents that protection leaves visible: a projection that shows a
/// hidden document would leak it.
async fn hide_projections(
    session: &Session,
    ends: &[kfm_lineage::Step],
    after: &CatalogView,
    assessed: &[StepFacts],
    treated: &mut Treated,
) -> Result<()> {
    let labels = labels_of(assessed);
    let cells = derived_cells(session, ends).await?;
    let hidden = hidden(session, after, after, &cells).await?;
    let projection = Projection::new(session, after, hidden, |path| labels.get(path).copied());
    let planned: BTreeMap<_, _> = ends.iter().map(|step| (&step.cell, step.after)).collect();
    for (derived, value) in projection.keep(cells).await? {
        if planned.get(&derived.cell).is_some_and(|planned| *planned != value) {
            treated.insert(derived.cell, (value, "projected from what protection leaves".into()));
        }
    }
    Ok(())
}
