//! Takes an unfinished operation up again, forward or back.

use std::collections::BTreeMap;

use kfm_lineage::OperationId;
use kfm_lineage::integrity::{CatalogView, IntegrityChange};
use kfm_policy::{RatchetMode, StepFacts, StepTreatment};
use kfm_wal::record::{Direction, JournalEntry};

use super::{Halt, Outcome, Steps, hold, run};
use crate::assess::{Case, catalog_now, labels_of, treat_moves, with_moves};
use crate::derive::{Projection, derived_cells, hidden};
use crate::error::{Error, Result, text_of};
use crate::history::{Kind, Operation, read_moves};
use crate::plan::refuse_unknown_keys;
use crate::report::Status;
use crate::session::Session;

/// How an unfinished operation goes on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resume {
    /// Go back to the prior state.
    pub abort: bool,
    /// Cells that are left alone though they hold a foreign value.
    pub skip: Vec<String>,
}

/// Takes an unfinished operation up again and runs it to its end.
///
/// # Errors
/// [`Error::Conflict`]: it has ended already. [`Error::Unfinished`]: it waits still, as the error says.
pub(crate) async fn resume(session: &mut Session, id: &OperationId, how: Resume) -> Result<Outcome> {
    let operation = session
        .history
        .operation(id)
        .cloned()
        .ok_or_else(|| Error::NotFound { kind: "operation", text: id.to_string() })?;
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
    if !how.skip.is_empty() {
        let moves = read_moves(&session.versions(), &operation.moves).await?;
        refuse_unknown_keys(&moves, &how.skip)?;
    }
    match take_up(session, &operation, how).await {
        Err(error) if !matches!(error, Error::Unfinished { .. } | Error::Failed { .. }) => {
            Err(still_open(&operation, &error))
        }
        ended => ended,
    }
}

async fn take_up(session: &mut Session, operation: &Operation, how: Resume) -> Result<Outcome> {
    let id = &operation.id;
    let cx = session.write_context(id);
    for store in session.platform.stores() {
        store.recover(&cx).await?;
    }
    session.works_on(id)?;
    let options = session.platform.options().clone();
    let resumed = JournalEntry::Resumed { by: options.actor.clone(), host: options.host, pid: options.pid };
    session.journal(id, resumed).await?;
    if how.abort && !operation.journal.abort_asked {
        let asked = JournalEntry::AbortRequested { by: options.actor, reason: "asked for".into() };
        session.journal(id, asked).await?;
    }
    let moves = read_moves(&session.versions(), &operation.moves).await?;
    let direction = session.history.operation(id).map_or(Direction::Forward, |op| op.journal.direction());
    // A file that cannot be read this time holds nothing: the operation waits as it did, and is taken up again.
    if let Err(error @ Error::File { .. }) = session.require_policy("resume") {
        return Err(error);
    }
    let treated = match treated_today(session, operation.kind, &moves, direction).await {
        Ok(treated) => treated,
        Err(halt) => return Err(hold(session, id, &halt, direction).await),
    };
    let steps = Steps { moves, treated, skip: how.skip };
    run(session, id, steps).await
}

/// Nothing moved, and the operation waits as it did before: whatever kept it from being taken up, it is open.
fn still_open(operation: &Operation, error: &Error) -> Error {
    let held = operation.journal.held.as_ref();
    Error::Unfinished {
        message: format!("it could not be taken up, {}: operation={}", text_of(error), operation.id),
        operation: operation.id.clone(),
        status: held.map_or(Status::Interrupted, |_| Status::Held),
        held_reason: held.map(|(reason, _)| reason.clone()),
        next: crate::status::resume_commands(&operation.id),
    }
}

/// The cells that end at another value than the direction's own, and the rule that wants it.
type Treated = BTreeMap<kfm_lineage::CellId, (kfm_lineage::Value, String)>;

/// Joins both ends of an unfinished operation with today's protection (`states.md` section 3).
///
/// Answers which cells end elsewhere than planned, or that nothing may move at all: policy denies it, or
/// nobody can tell.
pub(super) async fn treated_today(
    session: &mut Session,
    kind: Kind,
    moves: &[kfm_lineage::Move],
    direction: Direction,
) -> Result<Treated, Halt> {
    let judged = join_with_protection(session, kind, moves, direction).await;
    match judged {
        Ok(judged) => judged.map_err(Halt::Policy),
        Err(error @ (Error::Log(_) | Error::Locked { .. })) => Err(Halt::of_log(error)),
        Err(error) => Err(Halt::Policy(text_of(&error))),
    }
}

async fn join_with_protection(
    session: &mut Session,
    kind: Kind,
    moves: &[kfm_lineage::Move],
    direction: Direction,
) -> Result<Result<Treated, String>> {
    let now = catalog_now(session).await?;
    let mut ends = moves.to_vec();
    if direction == Direction::Backward {
        for step in &mut ends {
            std::mem::swap(&mut step.before, &mut step.after);
        }
    }
    let assessed = treat_moves(session, &now, &ends, RatchetMode::Unfinished).await?;
    let mut treated = Treated::new();
    for step in &assessed {
        match &step.outcome {
            StepTreatment::Keep => {}
            StepTreatment::Absent { rule, .. } => {
                treated.insert(session.document(&step.path), (None, rule.clone()));
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
    if !treated.is_empty() {
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
    for (derived, value) in projection.keep(&session.versions(), cells).await? {
        if planned.get(&derived.cell).is_some_and(|planned| *planned != value) {
            treated.insert(derived.cell, (value, "projected from what protection leaves".into()));
        }
    }
    Ok(())
}
