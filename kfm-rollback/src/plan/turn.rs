//! Which cells move when an operation ceases to stand or stands again, and from what to what (`docs/states.md`
//! section 2).

use std::collections::BTreeSet;

use kfm_lineage::{OperationKind, Status, Step, Value};
use kfm_policy::{Remedy, advice};

use super::draft::Wanted;
use super::{PlanKind, skipped_line};
use crate::assess::describe_step;
use crate::error::{Error, Result};
use crate::history::{Operation, Write, read_steps};
use crate::report::SkippedLine;
use crate::session::Session;
use crate::skip;

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

/// Finds the cells that move when a target ceases to stand, or stands again.
///
/// The inner error is a note for the actor: there is nothing to turn.
pub(super) async fn turned_steps(
    session: &Session,
    wanted: &Wanted,
) -> Result<std::result::Result<Turned, String>> {
    let stands = wanted.kind == PlanKind::Revert;
    let target = turnable(session, wanted)?;
    match (stands, session.history.undone_by(&target.id)) {
        (false, Some(by)) => return Ok(Err(format!("nothing to do: {by} undid it already"))),
        (true, None) => return Ok(Err("nothing to do: the operation stands already".to_owned())),
        _ => {}
    }
    let Turned { mut steps, mut left_alone, mut skipped } = Turned::default();
    let target_steps = read_steps(&session.versions(), &target.steps).await?;
    skip::refuse_unknown_keys(&target_steps, &wanted.skip)?;
    let mut foreign = BTreeSet::new();
    // Only a cell whose store holds another value than the log says may be left alone on request.
    for own in target_steps.iter().filter(|step| !step.derived) {
        if wanted.skip.contains(&own.cell.key)
            && skip::observed(session, &own.cell).await? != session.history.value(&own.cell)
        {
            foreign.insert(own.cell.clone());
        }
        // For a revert, the owner as it will be: the target is assumed to stand.
        let owner = session.history.owner(&own.cell, stands.then_some((&target.id, true)));
        let now = session.history.value(&own.cell);
        let owns = match owner {
            Some(write) => write.operation == target.id,
            None => false,
        };
        let is_left_alone = foreign.contains(&own.cell);
        if is_left_alone {
            skipped.push(skipped_line(own, "asked", None));
        }
        if !owns {
            if !is_left_alone {
                let by = owner.map(|write| write.operation.clone());
                skipped.push(skipped_line(own, "superseded", by));
            }
            continue;
        }
        let source = session.history.owner(&own.cell, Some((&target.id, stands)));
        refuse_unknown_predecessor(session, &target, own, source, stands)?;
        let to: Value = source.and_then(|write| write.step.after);
        if now == to {
            if !is_left_alone {
                skipped.push(skipped_line(own, "unchanged", None));
            }
            continue;
        }
        let step = turned(session, own, now, to, source).await?;
        if is_left_alone {
            left_alone.push(step);
        } else {
            steps.push(step);
        }
    }
    skip::refuse_known_values(&wanted.skip, &foreign)?;
    skipped.sort_by(|a, b| (&a.domain, &a.store, &a.key).cmp(&(&b.domain, &b.store, &b.key)));
    // The newest owner first, since it has to be rolled back first.
    skipped.sort_by_key(|line| {
        std::cmp::Reverse(line.by.as_ref().and_then(|by| session.history.operation(by)).map(|by| by.opened))
    });
    Ok(Ok(Turned { steps, left_alone, skipped }))
}

async fn turned(
    session: &Session,
    own: &Step,
    now: Value,
    to: Value,
    source: Option<&Write>,
) -> Result<Step> {
    let from_version = session.history.owner(&own.cell, None).and_then(|write| write.step.to_version.clone());
    let to_version = to.and(source.and_then(|write| write.step.to_version.clone()));
    if !session.is_document(&own.cell) {
        return Ok(Step { before: now, after: to, from_version, to_version, ..own.clone() });
    }
    let before = session.facts.of_value(now).await?;
    let after = match session.facts.of_value(to).await {
        Ok(after) => after,
        // `without_missing` deals with all missing bytes together.
        Err(Error::Versions(_)) => None,
        Err(error) => return Err(error),
    };
    let mut step = describe_step(session, &own.cell.key, now, before.as_ref(), after.as_ref());
    step.after = to;
    step.from_version = from_version.or(step.from_version);
    step.to_version = to_version.or(step.to_version);
    Ok(step)
}

/// Returns the operation that is to be undone or made again, if it can be.
fn turnable(session: &Session, wanted: &Wanted) -> Result<Operation> {
    let target = session
        .history
        .operation(&wanted.target)
        .cloned()
        .ok_or_else(|| Error::NotFound { kind: "publish", text: wanted.target.to_string() })?;
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
    session: &Session,
    target: &Operation,
    own: &Step,
    source: Option<&Write>,
    stands: bool,
) -> Result<()> {
    let before = session.history.cell(&own.cell).and_then(|cell| cell.value_at(target.opened.before()));
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
