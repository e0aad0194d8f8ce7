//! Which cells move when an operation ceases to stand or stands again, and from what to what (`docs/states.md`
//! section 2). It decides from the log alone; what a draft reads besides is in `gather`.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use kfm_lineage::{CellId, OperationId, OperationKind, Status, Step, Value};
use kfm_policy::{Remedy, advice};

use super::skipped_line;
use crate::error::{Error, Result};
use crate::history::{History, Operation, Write};
use crate::report::SkippedLine;

/// What becomes of the cells of a target.
#[derive(Debug, Default)]
pub(super) struct Turned {
    /// The steps of the cells that move.
    pub steps: Vec<Step>,
    /// Cells that are left alone on request, with the steps that would have been made.
    pub left_alone: Vec<Step>,
    /// Every cell of the target that does not move, and why.
    pub skipped: Vec<SkippedLine>,
}

/// Says why there is nothing to turn: the target does not stand already, or stands.
pub(super) fn nothing_to_turn(history: &History, target: &OperationId, stands: bool) -> Option<String> {
    match (stands, history.undone_by(target)) {
        (false, Some(by)) => Some(format!("nothing to do: {by} undid it already")),
        (true, None) => Some("nothing to do: the operation stands already".to_owned()),
        _ => None,
    }
}

/// Sorts the cells of a target that ceases to stand or, with `stands`, stands again.
///
/// `own` are the steps of the target. `foreign` are those of its cells that are left alone on request, since they hold
/// another value than the log says.
///
/// # Errors
/// [`Error::Incomplete`]: the log does not know the value before.
pub(super) fn turned(
    history: &History,
    target: &Operation,
    own: &[Step],
    stands: bool,
    foreign: &BTreeSet<CellId>,
) -> Result<Turned> {
    let Turned { mut steps, mut left_alone, mut skipped } = Turned::default();
    for own in own.iter().filter(|step| !step.derived) {
        let is_left_alone = foreign.contains(&own.cell);
        if is_left_alone {
            skipped.push(skipped_line(own, "asked", None));
        }
        let (why, by) = match turned_cell(history, target, own, stands)? {
            TurnedCell::Moves(step) if is_left_alone => {
                left_alone.push(*step);
                continue;
            }
            TurnedCell::Moves(step) => {
                steps.push(*step);
                continue;
            }
            TurnedCell::Superseded(by) => ("superseded", by),
            TurnedCell::Unchanged => ("unchanged", None),
        };
        if !is_left_alone {
            skipped.push(skipped_line(own, why, by));
        }
    }
    skipped.sort_by(|a, b| (&a.domain, &a.store, &a.key).cmp(&(&b.domain, &b.store, &b.key)));
    // The newest owner first, since it has to be rolled back first.
    skipped.sort_by_key(|line| {
        Reverse(line.by.as_ref().and_then(|by| history.operation(by)).map(|by| by.opened))
    });
    Ok(Turned { steps, left_alone, skipped })
}

/// What becomes of one cell of a target.
enum TurnedCell {
    /// It moves.
    Moves(Box<Step>),
    /// It belongs to another operation, or to none.
    Superseded(Option<OperationId>),
    /// It has its value already.
    Unchanged,
}

fn turned_cell(history: &History, target: &Operation, own: &Step, stands: bool) -> Result<TurnedCell> {
    // For a revert, the owner as it will be: the target is assumed to stand.
    let owner = history.owner(&own.cell, stands.then_some((&target.id, true)))?;
    if owner.as_ref().is_none_or(|write| write.operation != target.id) {
        return Ok(TurnedCell::Superseded(owner.map(|write| write.operation)));
    }
    let source = history.owner(&own.cell, Some((&target.id, stands)))?;
    refuse_unknown_predecessor(history, target, own, source.as_ref(), stands)?;
    let to: Value = source.as_ref().and_then(|write| write.step.after);
    let now = history.value(&own.cell)?;
    if now == to {
        return Ok(TurnedCell::Unchanged);
    }
    let version = |write: Option<Write>| write.and_then(|write| write.step.to_version.clone());
    Ok(TurnedCell::Moves(Box::new(Step {
        before: now,
        after: to,
        from_version: version(history.owner(&own.cell, None)?),
        to_version: to.and(version(source)),
        ..own.clone()
    })))
}

/// Returns the operation that is to be undone or made again, if it can be.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Rejected`], [`Error::Invalid`]: it never can be. [`Error::Incomplete`]: it has not ended.
pub(super) fn turnable<'h>(history: &'h History, target: &OperationId) -> Result<&'h Operation> {
    let target = history
        .operation(target)
        .ok_or_else(|| Error::NotFound { kind: "publish", text: target.to_string() })?;
    if target.kind == OperationKind::Adopt {
        return Err(Error::Rejected {
            message: format!("a genesis cannot be rolled back, it moved nothing: publish_id={}", target.id),
            hint: "roll back the publishes that came after it".into(),
            source: None,
        });
    }
    if target.kind == OperationKind::Project {
        return Err(Error::invalid(
            format!("a projection cannot be rolled back, it moved no document: publish_id={}", target.id),
            "what it shows follows the documents: roll back the publishes that moved them",
        ));
    }
    match target.status(false) {
        Status::Completed => Ok(target),
        Status::Aborted | Status::Failed => Err(Error::invalid(
            format!("nothing of it stands, it went back to the prior state: publish_id={}", target.id),
            advice!["look at ", Remedy::ListPublishes, " for the one that is meant"],
        )),
        status => Err(Error::Incomplete {
            message: format!("it has not ended: publish_id={} status={status}", target.id),
            hint: "resume or abort it first".into(),
            next: Remedy::both_ways(&target.id),
        }),
    }
}

/// Refuses to guess the prior value of a cell (R23). The target's record says that there was one, and the log does
/// not know it: a pipeline that writes its own records published onto a value that was never adopted.
fn refuse_unknown_predecessor(
    history: &History,
    target: &Operation,
    own: &Step,
    source: Option<&Write>,
    stands: bool,
) -> Result<()> {
    let before = history.cell(&own.cell)?.and_then(|cell| cell.value_at(target.opened.before()));
    if stands
        || source.is_some()
        || own.before.is_none()
        || own.before == before
        || !target.moves_references()
    {
        return Ok(());
    }
    Err(Error::Incomplete {
        message: format!(
            "the log does not know the version before: publish_id={} cell={}",
            target.id, own.cell
        ),
        hint: "adopt what stands in the stores before publishing onto it".into(),
        next: vec![Remedy::Adopt],
    })
}

#[cfg(test)]
#[path = "turn_tests.rs"]
mod tests;
