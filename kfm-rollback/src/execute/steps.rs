//! Makes steps, batch by batch: intent, swap, outcome.
//!
//! One function serves both directions. A step is compare-and-set between its two values. Going back makes the same
//! steps in reverse order with the values exchanged; resuming is the same run without the batches that the journal
//! has as done.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use kfm_lineage::{CellId, Step};
use kfm_wal::record::{Batch, Direction, JournalEntry};

use super::{Halt, Work};
use crate::assess::listings_among;
use crate::bulk;
use crate::context::WriteContext;
use crate::history::JournalState;
use crate::op::{Depth, DomainOp, Fence, Seen, Swap, Swapped, Visible};
use crate::order::{Phase, barriers, batches};
use crate::session::Session;

/// How often a cell is swapped at most while another hand writes the same value over and over.
const TOUCHED_TURNS_MAX: u32 = 3;

/// Makes the steps of an operation that are not made yet, in one direction.
pub(crate) async fn make_steps(
    session: &mut Session,
    cx: &WriteContext,
    work: &Work,
    direction: Direction,
) -> Result<(), Halt> {
    let before = listings_among(session, &work.steps, |step| step.before).await;
    let after = listings_among(session, &work.steps, |step| step.after).await;
    let barriers = barriers(&work.steps, &before, &after);
    let journal = session.history.operation(cx.operation()).map(|operation| operation.journal.clone());
    let journal = journal.unwrap_or_default();
    let mut pending = pending_batches(work, &journal, direction, |step| {
        session.store(&step.cell).is_ok_and(|store| store.capabilities().durable_ack)
    });
    if direction == Direction::Backward {
        pending.reverse();
    }
    settle_earlier(session, cx, work).await?;
    let total = pending.iter().map(|batch| batch.count).sum();
    let mut done = 0;
    let phase_of = |batch: &Batch| Phase::of(&work.steps[batch.range(work.steps.len()).start]);
    for batches in pending.chunk_by(|a, b| phase_of(a) == phase_of(b)) {
        if session.interrupted() {
            return Err(Halt::Interrupted);
        }
        let phase = phase_of(&batches[0]);
        session.begin_phase(phase.as_str(), total);
        if phase == Phase::Contract && direction == Direction::Forward {
            // Readers that still follow links into the old documents get their time before the first document
            // disappears.
            session.grace().await;
            if session.interrupted() {
                return Err(Halt::Interrupted);
            }
        }
        stage(session, cx, work, batches, direction).await?;
        for &batch in batches {
            if session.interrupted() {
                return Err(Halt::Interrupted);
            }
            let range = batch.range(work.steps.len());
            let is_announced = is_announced(&journal, &range);
            session
                .journal(cx.operation(), JournalEntry::Intent { direction, batch })
                .await
                .map_err(Halt::of_log)?;
            let made = make_batch(session, cx, work, range, direction, &barriers).await?;
            let (applied, already) = match is_announced {
                // A value that stands there is the doing of an earlier run, which ended before it could say so.
                true => (made.applied + made.already, 0),
                false => (made.applied, made.already),
            };
            let outcome = JournalEntry::Outcome { direction, batch, applied, already };
            session.journal(cx.operation(), outcome).await.map_err(Halt::of_log)?;
            done += batch.count;
            session.progress(done);
        }
        let steps = batches.iter().flat_map(|batch| &work.steps[batch.range(work.steps.len())]);
        settle(session, cx, steps.filter(|step| !work.skip.contains(&step.cell))).await?;
    }
    Ok(())
}

/// Lets each store make ready what the steps of a phase will show.
async fn stage(
    session: &Session,
    cx: &WriteContext,
    work: &Work,
    batches: &[Batch],
    direction: Direction,
) -> Result<(), Halt> {
    for batch in batches {
        let steps = &work.steps[batch.range(work.steps.len())];
        let store = session.store(&steps[0].cell).map_err(Halt::Store)?;
        let steps: Vec<&Step> = steps.iter().filter(|step| !work.skip.contains(&step.cell)).collect();
        for steps in steps.chunks(bulk::call_cells(&*store)) {
            let from = |step: &Step| match direction {
                Direction::Forward => step.before,
                Direction::Backward => step.after,
            };
            let swap = |step: &&Step| Swap {
                key: step.cell.key.clone(),
                from: Seen::value(from(step)),
                to: work.target(step, direction),
            };
            store.stage(cx, &steps.iter().map(swap).collect::<Vec<_>>()).await.map_err(Halt::Store)?;
            if session.interrupted() {
                return Err(Halt::Interrupted);
            }
        }
    }
    Ok(())
}

/// Waits until readers see what was swapped, in the stores where that takes time.
async fn settle(
    session: &Session,
    cx: &WriteContext,
    steps: impl Iterator<Item = &Step>,
) -> Result<(), Halt> {
    let mut by_store: BTreeMap<&str, Vec<&Step>> = BTreeMap::new();
    for step in steps {
        by_store.entry(&step.cell.store).or_default().push(step);
    }
    for steps in by_store.values() {
        let store = session.store(&steps[0].cell).map_err(Halt::Store)?;
        if store.capabilities().visible == Visible::AtOnce {
            continue;
        }
        let keys: Vec<String> = steps.iter().map(|step| step.cell.key.clone()).collect();
        for keys in keys.chunks(bulk::call_cells(&*store)) {
            store.settle(cx, keys).await.map_err(Halt::Store)?;
        }
    }
    Ok(())
}

/// Settles what earlier runs of the operation may have swapped: they may have ended before they could.
async fn settle_earlier(session: &Session, cx: &WriteContext, work: &Work) -> Result<(), Halt> {
    let journal = session.history.operation(cx.operation()).map(|operation| &operation.journal);
    let announced = journal.into_iter().flat_map(|journal| &journal.intended);
    settle(session, cx, announced.flat_map(|batch| &work.steps[batch.range(work.steps.len())])).await
}

/// The batches that a run in `direction` still has to make, in the order of the steps.
///
/// Forward, these are all batches without an outcome. Backward, they are the announced batches less those undone: a
/// batch that was never announced has changed nothing. They are cut anew around what is done, so that an engine
/// with other batch sizes can resume what an older one began.
fn pending_batches(
    work: &Work,
    journal: &JournalState,
    direction: Direction,
    is_durable: impl Fn(&Step) -> bool,
) -> Vec<Batch> {
    let mut pending = vec![direction == Direction::Forward; work.steps.len()];
    let mut mark = |batches: &BTreeSet<Batch>, value: bool| {
        for batch in batches {
            pending[batch.range(work.steps.len())].fill(value);
        }
    };
    // Where a store may lose what it has answered, an outcome in the journal proves nothing.
    let lasting = |batches: &BTreeSet<Batch>| -> BTreeSet<Batch> {
        let first = |batch: &Batch| work.steps[batch.range(work.steps.len())].first();
        batches.iter().filter(|batch| first(batch).is_some_and(&is_durable)).copied().collect()
    };
    match direction {
        Direction::Forward => mark(&lasting(&journal.made), false),
        Direction::Backward => {
            mark(&journal.intended, true);
            mark(&lasting(&journal.unmade), false);
        }
    }
    // Protection gave these cells another value, in this run or in an earlier one. They are made in any case, since
    // the value that they hold now may be one that readers must not see.
    for (step, pending) in work.steps.iter().zip(&mut pending) {
        *pending |= work.was_treated(&step.cell);
    }
    // Runs of pending steps, each inside one batch of the fresh cut: so a run never spans two stores or two phases.
    let mut cut: Vec<Batch> = Vec::new();
    for batch in batches(&work.steps) {
        let mut goes_on = false;
        for (at, is_pending) in (batch.first..).zip(&pending[batch.range(work.steps.len())]) {
            match cut.last_mut().filter(|_| goes_on && *is_pending) {
                Some(last) => last.count += 1,
                None if *is_pending => cut.push(Batch { first: at, count: 1 }),
                None => {}
            }
            goes_on = *is_pending;
        }
    }
    cut
}

/// Says whether an earlier run of the operation was about to make some of these steps.
fn is_announced(earlier: &JournalState, steps: &Range<usize>) -> bool {
    let mut intended = earlier.intended.iter().map(|batch| batch.range(usize::MAX));
    intended.any(|batch| batch.start < steps.end && steps.start < batch.end)
}

/// What a batch changed, and what had its value before.
#[derive(Debug, Default, Clone, Copy)]
struct Made {
    applied: u64,
    already: u64,
}

/// Makes the steps of one batch, as many at the same time as their order and their store allow.
async fn make_batch(
    session: &Session,
    cx: &WriteContext,
    work: &Work,
    range: Range<usize>,
    direction: Direction,
    barriers: &BTreeSet<usize>,
) -> Result<Made, Halt> {
    let store = session.store(&work.steps[range.start].cell).map_err(Halt::Store)?;
    let mut ends: Vec<usize> = barriers.range(range.start + 1..range.end).copied().collect();
    ends.push(range.end);
    let starts = std::iter::once(range.start).chain(ends.clone());
    let mut parts: Vec<&[Step]> = starts.zip(ends).map(|(start, end)| &work.steps[start..end]).collect();
    if direction == Direction::Backward {
        parts.reverse();
    }
    let mut made = Made::default();
    for steps in parts.into_iter().flat_map(|steps| steps.chunks(bulk::call_cells(&*store))) {
        let part = make_at_once(session, cx, work, &*store, steps, direction).await?;
        made.applied += part.applied;
        made.already += part.already;
    }
    Ok(made)
}

/// Makes steps of one store whose order does not matter. The cells are observed first: what another hand wrote is left
/// alone.
async fn make_at_once(
    session: &Session,
    cx: &WriteContext,
    work: &Work,
    store: &dyn DomainOp,
    steps: &[Step],
    direction: Direction,
) -> Result<Made, Halt> {
    let steps: Vec<&Step> = steps.iter().filter(|step| !work.skip.contains(&step.cell)).collect();
    let keys: Vec<String> = steps.iter().map(|step| step.cell.key.clone()).collect();
    let seen = bulk::observe(store, &keys, Depth::Mark).await.map_err(Halt::Store)?;
    let (mut swaps, already) = swaps(work, &steps, seen, direction)?;
    let mut made = Made { applied: 0, already };
    if swaps.is_empty() {
        return Ok(Made::default());
    }
    // The last look before the act, where the store itself would not refuse an executor that was followed. Another host
    // can now follow only in the time until the store answers.
    if store.capabilities().fence == Fence::Lock {
        session.refuse_if_followed().await.map_err(Halt::of_log)?;
    }
    // A swap that was made again finds what its first call did: only the look before the first tells them apart.
    made.applied = swaps.len() as u64 - made.already;
    let cell = |key: String| CellId::new(store.domain(), store.name(), key);
    for turn in 1.. {
        let answers = bulk::swap(store, cx, &swaps).await.map_err(Halt::Store)?;
        let (mut touched, mut failed) = (Vec::new(), None);
        for (swap, answer) in swaps.into_iter().zip(answers) {
            match answer {
                Ok(Swapped::Applied { .. } | Swapped::Already { .. }) => {}
                // Another hand wrote the same value once more: nothing of it is lost.
                Ok(Swapped::Conflict { observed })
                    if observed.value == swap.from.value && turn < TOUCHED_TURNS_MAX =>
                {
                    touched.push(Swap { from: observed, ..swap });
                }
                Ok(Swapped::Conflict { observed }) => {
                    return Err(Halt::Foreign { cell: cell(swap.key), observed: observed.value });
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if let Some(error) = failed {
            return Err(Halt::Store(error));
        }
        if touched.is_empty() {
            break;
        }
        swaps = touched;
    }
    Ok(made)
}

/// Decides what the cells of steps are swapped to, from what they were `seen` to hold, and counts those that have their
/// value already. What another hand wrote is left alone.
fn swaps(
    work: &Work,
    steps: &[&Step],
    seen: Vec<Seen>,
    direction: Direction,
) -> Result<(Vec<Swap>, u64), Halt> {
    let (mut swaps, mut already) = (Vec::with_capacity(steps.len()), 0);
    for (step, from) in steps.iter().zip(seen) {
        let to = work.target(step, direction);
        if from.value != to && !work.knows(step, from.value) {
            return Err(Halt::Foreign { cell: step.cell.clone(), observed: from.value });
        }
        // A cell that has its value already is swapped too: a process that was killed may have left the value
        // visible and not durable, and the store makes it durable before it answers.
        already += u64::from(from.value == to);
        swaps.push(Swap { key: step.cell.key.clone(), from, to });
    }
    Ok((swaps, already))
}

#[cfg(test)]
#[path = "steps_tests.rs"]
mod tests;
