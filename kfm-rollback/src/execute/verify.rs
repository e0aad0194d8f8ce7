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
    judged(work, direction, announced, &seen)
}

/// Compares what the cells were `seen` to hold with what they must hold at the end, and returns the digest of it.
fn judged(
    work: &Work,
    direction: Direction,
    announced: bool,
    seen: &[(&CellId, Value)],
) -> Result<Digest, Halt> {
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
        .map(|(step, (_, observed))| (step, *observed))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::given::{Given, cell, value};

    /// What the run gets at the end: `-` if the scope is as it must be, else the reason of the halt.
    fn end(work: &Work, direction: Direction, announced: bool, seen: &str) -> &'static str {
        let seen: Vec<(CellId, Value)> = seen
            .split_whitespace()
            .map(|word| word.split_once('=').unwrap())
            .map(|(key, held)| (cell(key), value(held)))
            .collect();
        let seen: Vec<_> = seen.iter().map(|(cell, value)| (cell, *value)).collect();
        match judged(work, direction, announced, &seen) {
            Ok(digest) => {
                assert_eq!(digest, scope_digest(seen), "the digest is that of what was seen");
                "-"
            }
            Err(halt) => halt.reason(),
        }
    }

    #[test]
    fn the_end_is_judged_by_what_the_cells_hold() {
        let (forward, backward) = (Direction::Forward, Direction::Backward);
        for (rule, treated, skip, direction, announced, seen, reason) in [
            ("as planned", "", "", forward, true, "a=1 b=- c=1", "-"),
            ("as before", "", "", backward, true, "a=0 b=0 c=-", "-"),
            ("a cell is as before: not made", "", "", forward, true, "a=0 b=- c=1", "verification"),
            ("a cell is as planned: not undone", "", "", backward, true, "a=0 b=0 c=1", "verification"),
            ("a retired cell is there again", "", "", forward, true, "a=1 b=0 c=1", "verification"),
            ("a value that the operation never had", "", "", forward, true, "a=9 b=- c=1", "foreign_value"),
            ("also on the way back", "", "", backward, true, "a=9 b=0 c=-", "foreign_value"),
            (
                "a foreign value counts before one that was not made",
                "",
                "",
                forward,
                true,
                "a=0 b=9 c=1",
                "foreign_value",
            ),
            (
                "a run back that never announced a step moved nothing",
                "",
                "",
                backward,
                false,
                "a=9 b=0 c=1",
                "-",
            ),
            ("a run forward is judged in any case", "", "", forward, false, "a=0 b=- c=1", "verification"),
            ("protection made a cell absent", "a", "", forward, true, "a=- b=- c=1", "-"),
            ("and it is there all the same", "a", "", forward, true, "a=1 b=- c=1", "verification"),
            ("joined with protection on the way back, too", "a", "", backward, true, "a=- b=0 c=-", "-"),
            ("a cell that is left alone is not looked at", "", "a", forward, true, "b=- c=1", "-"),
        ] {
            let given = Given::log("");
            let mut work = Work::planned(given.steps("a=0>1 b=0>- c=->1"));
            work.treated.extend((!treated.is_empty()).then(|| (cell(treated), (None, "rule".to_owned()))));
            work.skip.extend((!skip.is_empty()).then(|| cell(skip)));
            assert_eq!(end(&work, direction, announced, seen), reason, "{rule}");
        }
    }
}
