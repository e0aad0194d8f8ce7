//! What a draft reads from the stores and the version store; `turn` and `decide` say what follows from it.

use std::collections::BTreeSet;

use kfm_lineage::{CellId, Digest, OperationId, Step};

use super::PlanKind;
use super::draft::Wanted;
use super::turn::{Turned, nothing_to_turn, turnable, turned};
use crate::assess::describe_step;
use crate::error::{Error, Result};
use crate::history::read_steps;
use crate::session::Session;
use crate::skip;

/// Finds the cells that move when a target ceases to stand, or stands again.
///
/// The inner error is a note for the actor: there is nothing to turn.
pub(super) async fn turned_steps(
    session: &Session,
    wanted: &Wanted,
) -> Result<std::result::Result<Turned, String>> {
    let stands = wanted.kind == PlanKind::Revert;
    let target = turnable(&session.history, &wanted.target)?;
    if let Some(note) = nothing_to_turn(&session.history, &target.id, stands) {
        return Ok(Err(note));
    }
    let own = read_steps(&session.versions(), &target.steps).await?;
    skip::refuse_unknown_keys(&own, &wanted.skip)?;
    let foreign = foreign_among(session, &own, &wanted.skip).await?;
    let mut found = turned(&session.history, target, &own, stands, &foreign)?;
    for step in found.steps.iter_mut().chain(&mut found.left_alone) {
        *step = described(session, step).await?;
    }
    skip::refuse_known_values(&wanted.skip, &foreign)?;
    Ok(Ok(found))
}

/// Finds the cells among those with these keys whose store holds another value than the log says: only such a cell may
/// be left alone on request.
async fn foreign_among(session: &Session, own: &[Step], skip: &[String]) -> Result<BTreeSet<CellId>> {
    let mut foreign = BTreeSet::new();
    for own in own.iter().filter(|step| !step.derived && skip.contains(&step.cell.key)) {
        if skip::observed(session, &own.cell).await? != session.history.value(&own.cell)? {
            foreign.insert(own.cell.clone());
        }
    }
    Ok(foreign)
}

/// Notes on the step of a document what both of its versions say of themselves.
async fn described(session: &Session, turned: &Step) -> Result<Step> {
    if !session.is_document(&turned.cell) {
        return Ok(turned.clone());
    }
    let before = session.facts.of_value(turned.before).await?;
    let after = match session.facts.of_value(turned.after).await {
        Ok(after) => after,
        // `without_missing` deals with all missing bytes together.
        Err(Error::Versions(_)) => None,
        Err(error) => return Err(error),
    };
    let mut step = describe_step(session, &turned.cell.key, turned.before, before.as_ref(), after.as_ref());
    step.after = turned.after;
    step.from_version = turned.from_version.clone().or(step.from_version);
    step.to_version = turned.to_version.clone().or(step.to_version);
    Ok(step)
}

/// Finds the versions that steps lead to and whose bytes are gone.
pub(super) async fn lacking(session: &Session, wanted: &Wanted, steps: &[Step]) -> Result<BTreeSet<Digest>> {
    let named: BTreeSet<Digest> = steps.iter().filter_map(|step| step.after).collect();
    let named: Vec<Digest> = named.into_iter().collect();
    let mut lacking: BTreeSet<Digest> = session.versions().lacking(&named).await?.into_iter().collect();
    for (digest, _) in &wanted.contents {
        lacking.remove(digest);
    }
    Ok(lacking)
}

/// Returns the cells of an operation as steps that change nothing.
pub(super) async fn standing(session: &Session, target: &OperationId) -> Result<Vec<Step>> {
    let Some(target) = session.history.operation(target) else { return Ok(Vec::new()) };
    let mut standing = read_steps(&session.versions(), &target.steps).await?;
    standing.retain(|step| !step.derived);
    for step in &mut standing {
        step.before = session.history.value(&step.cell)?;
        step.after = step.before;
    }
    Ok(standing)
}
