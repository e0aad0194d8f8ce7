//! Judges the end of an operation by the digest of its scope.

use kfm_lineage::{CellId, Digest, Value};
use kfm_wal::record::Direction;

use super::{Halt, Steps};
use crate::bulk;
use crate::op::Depth;
use crate::scope::scope_digest;
use crate::session::Session;

/// Observes every cell of the scope and compares it with what it must be.
///
/// Returns the digest of the scope as observed. A run backward of an operation that never `announced` a step has
/// moved nothing. Whatever the cells hold then, the operation did not write it, so their values do not keep it
/// open.
pub(super) async fn verify_scope(
    session: &mut Session,
    steps: &Steps,
    direction: Direction,
    announced: bool,
) -> Result<Digest, Halt> {
    session.begin_phase("verify", steps.moves.len() as u64);
    let mut seen: Vec<(&CellId, Value)> = Vec::with_capacity(steps.moves.len());
    for batch in crate::order::batches(&steps.moves) {
        let moves = &steps.moves[batch.range(steps.moves.len())];
        let moves: Vec<_> = moves.iter().filter(|step| !steps.skip.contains(&step.cell)).collect();
        let Some(first) = moves.first() else { continue };
        let store = session.store(&first.cell).map_err(Halt::Store)?;
        let keys: Vec<String> = moves.iter().map(|step| step.cell.key.clone()).collect();
        let observed = bulk::values(&*store, &keys, Depth::Content).await.map_err(Halt::Store)?;
        seen.extend(moves.iter().map(|step| &step.cell).zip(observed));
        session.progress(batch.first + batch.count);
    }
    let digest = scope_digest(seen.iter().copied());
    let expected = scope_digest(steps.made().map(|step| (&step.cell, steps.target(step, direction))));
    let is_idle = direction == Direction::Backward && !announced;
    if digest == expected || is_idle || !super::judges_by_digest() {
        return Ok(digest);
    }
    let wrong: Vec<_> = steps
        .made()
        .zip(seen)
        .filter(|(step, (_, observed))| *observed != steps.target(step, direction))
        .map(|(step, (_, observed))| (step, observed))
        .collect();
    // Another process wrote a value that this operation never planned: the value is kept, and going back would not
    // remove it.
    let foreign = wrong.iter().find(|(step, observed)| !steps.knows(step, *observed));
    if let Some((step, observed)) = foreign {
        return Err(Halt::Foreign { cell: step.cell.clone(), observed: *observed });
    }
    let wrong: Vec<String> = wrong.iter().take(5).map(|(step, _)| step.cell.to_string()).collect();
    Err(Halt::Verification(format!(
        "cells do not hold what they must hold at the end: cells={}",
        wrong.join(", ")
    )))
}
