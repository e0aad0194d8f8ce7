//! Judges the end of an operation by the digest of its scope.

use kfm_lineage::{CellId, Digest, Value};
use kfm_wal::record::Direction;

use super::{Halt, Work};
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
    work: &Work,
    direction: Direction,
    announced: bool,
) -> Result<Digest, Halt> {
    session.begin_phase("verify", work.steps.len() as u64);
    let mut seen: Vec<(&CellId, Value)> = Vec::with_capacity(work.steps.len());
    for batch in crate::order::batches(&work.steps) {
        let steps = &work.steps[batch.range(work.steps.len())];
        let steps: Vec<_> = steps.iter().filter(|step| !work.skip.contains(&step.cell)).collect();
        let Some(first) = steps.first() else { continue };
        let store = session.store(&first.cell).map_err(Halt::Store)?;
        let keys: Vec<String> = steps.iter().map(|step| step.cell.key.clone()).collect();
        let observed = bulk::values(&*store, &keys, Depth::Content).await.map_err(Halt::Store)?;
        seen.extend(steps.iter().map(|step| &step.cell).zip(observed));
        session.progress(batch.first + batch.count);
    }
    let digest = scope_digest(seen.iter().copied());
    let expected = scope_digest(work.made().map(|step| (&step.cell, work.target(step, direction))));
    let is_idle = direction == Direction::Backward && !announced;
    if digest == expected || is_idle {
        return Ok(digest);
    }
    let wrong: Vec<_> = work
        .made()
        .zip(seen)
        .filter(|(step, (_, observed))| *observed != work.target(step, direction))
        .map(|(step, (_, observed))| (step, observed))
        .collect();
    // Another process wrote a value that this operation never planned: the value is kept, and going back would not
    // remove it.
    let foreign = wrong.iter().find(|(step, observed)| !work.knows(step, *observed));
    if let Some((step, observed)) = foreign {
        return Err(Halt::Foreign { cell: step.cell.clone(), observed: *observed });
    }
    let wrong: Vec<String> = wrong.iter().take(5).map(|(step, _)| step.cell.to_string()).collect();
    Err(Halt::Verification(format!(
        "cells do not hold what they must hold at the end: cells={}",
        wrong.join(", ")
    )))
}
