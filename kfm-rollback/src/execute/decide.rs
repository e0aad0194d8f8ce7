//! What the machine decides, from what it knows: plain functions, each with a table of cases (`docs/states.md` section 3).

use std::collections::BTreeSet;

use kfm_lineage::{CellId, OperationKind, Step, Value};
use kfm_policy::{JudgedKind, StepFacts, StepTreatment};
use kfm_wal::record::{Direction, EndState};

use super::treated::Treated;
use super::{Halt, Work};
use crate::error::Result;
use crate::history::{ENGINE, JournalState};
use crate::skip;

/// What follows where a run of steps stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The operation waits, and a later run goes on in the same direction.
    Wait,
    /// It goes back to the prior state.
    GoBack,
    /// It is held: a person is needed.
    Hold,
}

/// Says what follows where a run of steps stopped. A store or a log that did not answer is no reason to undo anything.
pub(super) fn next(halt: &Halt, direction: Direction) -> Next {
    match (halt, direction) {
        (halt, _) if halt.may_pass() => Next::Wait,
        (Halt::Store(_) | Halt::Verification(_), Direction::Forward) => Next::GoBack,
        _ => Next::Hold,
    }
}

/// How an open operation is taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TakenUp {
    /// With its steps, in the direction that its journal says.
    AsPlanned,
    /// Back to its end, and nothing is moved: what was done in its name is not known.
    WithoutSteps,
    /// Not at all: it can only be aborted, for this reason.
    Refused(&'static str),
}

/// Says how an open operation is taken up that does not fit for the reason `misfit`, or fits. `is_aborted` says whether
/// an abort has begun or is asked for now.
pub(super) fn taken_up(misfit: Option<&'static str>, is_aborted: bool) -> TakenUp {
    match misfit {
        None => TakenUp::AsPlanned,
        Some(_) if is_aborted => TakenUp::WithoutSteps,
        Some(why) => TakenUp::Refused(why),
    }
}

/// Finds the foreign values among the cells that are to be left alone, each with what it was `seen` to hold.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid): protection changes one of these cells.
pub(super) fn foreign_among<'s>(
    work: &Work,
    treated: &Treated,
    seen: impl IntoIterator<Item = (&'s Step, Value)>,
) -> Result<BTreeSet<CellId>> {
    let mut foreign = BTreeSet::new();
    for (step, observed) in seen {
        if work.knows(step, observed) {
            continue;
        }
        if treated.contains_key(&step.cell) {
            return Err(skip::protected(&step.cell));
        }
        foreign.insert(step.cell.clone());
    }
    Ok(foreign)
}

/// Returns each step as a run in `direction` would leave it: from the value now to the value that readers would see at
/// the end.
pub(super) fn ends(work: &Work, direction: Direction) -> Vec<Step> {
    let mut ends = work.steps.clone();
    for step in &mut ends {
        if work.skip.contains(&step.cell) {
            // By the log, a cell that is left alone keeps the value that it had before.
            step.after = step.before;
        } else if direction == Direction::Backward {
            std::mem::swap(&mut step.before, &mut step.after);
        }
    }
    ends
}

/// Lists the cells that protection makes absent at the end. `assessed` are the facts of those ends that are not derived.
///
/// The error says why nothing may move.
pub(super) fn treated(ends: &[Step], assessed: &[StepFacts]) -> std::result::Result<Treated, String> {
    let mut treated = Treated::new();
    for (end, step) in ends.iter().filter(|step| !step.derived).zip(assessed) {
        match &step.outcome {
            StepTreatment::Keep => {}
            StepTreatment::Absent { rule, .. } => {
                treated.insert(end.cell.clone(), (None, rule.clone()));
            }
            StepTreatment::Denied { rule, why } => {
                return Err(format!("{why}: rule={rule} entity={}", step.entity));
            }
        }
    }
    Ok(treated)
}

/// Says as what policy judges a run.
pub(super) fn judged_kind(direction: Direction, kind: OperationKind) -> JudgedKind {
    match (direction, kind) {
        (Direction::Backward, _) => JudgedKind::Abort,
        (_, OperationKind::Rollback) => JudgedKind::Rollback,
        (_, OperationKind::Revert) => JudgedKind::Revert,
        (_, OperationKind::Hotfix) => JudgedKind::Hotfix,
        _ => JudgedKind::Publish,
    }
}

/// Says how an operation ends that a run in `direction` led to its end, and why the engine went back by itself. `treated`
/// says whether cells do not end as planned.
pub(super) fn end_of(
    direction: Direction,
    journal: &JournalState,
    treated: bool,
) -> (EndState, Option<String>) {
    match (direction, &journal.abort) {
        (Direction::Forward, _) => (EndState::Completed, None),
        (Direction::Backward, Some((by, reason))) if by == ENGINE => {
            let has_moved = !journal.intended.is_empty() || treated;
            (if has_moved { EndState::Aborted } else { EndState::Failed }, Some(reason.clone()))
        }
        (Direction::Backward, _) => (EndState::Aborted, None),
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
