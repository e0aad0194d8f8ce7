//! Makes steps, batch by batch: intent, swap, outcome.
//!
//! One function serves both directions. A step is compare-and-set between its two values. Going back makes the same
//! steps in reverse order with the values exchanged; resuming is the same run without the batches that the journal
//! has as done.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use kfm_lineage::{CellId, Move};
use kfm_wal::record::{Batch, Direction, JournalEntry};

use super::{Halt, Steps};
use crate::assess::listings_among;
use crate::bulk;
use crate::context::WriteContext;
use crate::op::{Depth, DomainOp, Fence, Seen, Swap, Swapped, Visible};
use crate::order::{Phase, barriers, batches};
use crate::planted::{Bug, planted};
use crate::session::Session;

/// How often a cell is swapped at most while another hand writes the same value over and over.
const TOUCHED_TURNS_MAX: u32 = 3;

/// Makes the steps of an operation that are not made yet, in one direction.
pub(crate) async fn make_steps(
    session: &mut Session,
    cx: &WriteContext,
    steps: &Steps,
    direction: Direction,
) -> Result<(), Halt> {
    let before = listings_among(session, &steps.moves, |step| step.before).await;
    let after = listings_among(session, &steps.moves, |step| step.after).await;
    let barriers = barriers(&steps.moves, &before, &after);
    let mut pending = pending_batches(session, cx, steps, direction);
    if direction == Direction::Backward && !planted(Bug::AbortInForwardOrder) {
        pending.reverse();
    }
    settle_earlier(session, cx, steps).await?;
    let total = pending.iter().map(|batch| batch.count).sum();
    let mut done = 0;
    let phase_of = |batch: &Batch| Phase::of(&steps.moves[batch.range(steps.moves.len()).start]);
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
        stage(session, cx, steps, batches, direction).await?;
        for &batch in batches {
            if session.interrupted() {
                return Err(Halt::Interrupted);
            }
            let range = batch.range(steps.moves.len());
            if planted(Bug::OutcomeBeforeEffect) {
                let early = JournalEntry::Outcome { direction, batch, applied: batch.count, already: 0 };
                session.journal(cx.operation(), early).await.map_err(Halt::of_log)?;
            }
            let is_announced = is_announced(session, cx, &range);
            if !planted(Bug::NoIntent) {
                session
                    .journal(cx.operation(), JournalEntry::Intent { direction, batch })
                    .await
                    .map_err(Halt::of_log)?;
            }
            let made = make_batch(session, cx, steps, range, direction, &barriers).await?;
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
        let moves = batches.iter().flat_map(|batch| &steps.moves[batch.range(steps.moves.len())]);
        settle(session, cx, moves.filter(|step| !steps.skip.contains(&step.cell))).await?;
    }
    Ok(())
}

/// Lets each store make ready what the steps of a phase will show.
async fn stage(
    session: &Session,
    cx: &WriteContext,
    steps: &Steps,
    batches: &[Batch],
    direction: Direction,
) -> Result<(), Halt> {
    for batch in batches {
        let moves = &steps.moves[batch.range(steps.moves.len())];
        let store = session.store(&moves[0].cell).map_err(Halt::Store)?;
        let moves: Vec<&Move> = moves.iter().filter(|step| !steps.skip.contains(&step.cell)).collect();
        for moves in moves.chunks(bulk::call_cells(&*store)) {
            let from = |step: &Move| match direction {
                Direction::Forward => step.before,
                Direction::Backward => step.after,
            };
            let swap = |step: &&Move| Swap {
                key: step.cell.key.clone(),
                from: Seen::value(from(step)),
                to: steps.target(step, direction),
            };
            store.stage(cx, &moves.iter().map(swap).collect::<Vec<_>>()).await.map_err(Halt::Store)?;
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
    moves: impl Iterator<Item = &Move>,
) -> Result<(), Halt> {
    let mut by_store: BTreeMap<&str, Vec<&Move>> = BTreeMap::new();
    for step in moves {
        by_store.entry(&step.cell.store).or_default().push(step);
    }
    for moves in by_store.values() {
        let store = session.store(&moves[0].cell).map_err(Halt::Store)?;
        if store.capabilities().visible == Visible::AtOnce {
            continue;
        }
        let keys: Vec<String> = moves.iter().map(|step| step.cell.key.clone()).collect();
        for keys in keys.chunks(bulk::call_cells(&*store)) {
            store.settle(cx, keys).await.map_err(Halt::Store)?;
        }
    }
    Ok(())
}

/// Settles what earlier runs of the operation may have swapped: they may have ended before they could.
async fn settle_earlier(session: &Session, cx: &WriteContext, steps: &Steps) -> Result<(), Halt> {
    let journal = session.history.operation(cx.operation()).map(|operation| &operation.journal);
    let announced = journal.into_iter().flat_map(|journal| &journal.intended);
    settle(session, cx, announced.flat_map(|batch| &steps.moves[batch.range(steps.moves.len())])).await
}

/// The batches that a run in `direction` still has to make, in the order of the steps.
///
/// Forward, these are all batches without an outcome. Backward, they are the announced batches less those undone: a
/// batch that was never announced has changed nothing. They are cut anew around what is done, so that an engine
/// with other batch sizes can resume what an older one began.
fn pending_batches(session: &Session, cx: &WriteContext, steps: &Steps, direction: Direction) -> Vec<Batch> {
    let journal = session.history.operation(cx.operation()).map(|operation| operation.journal.clone());
    let journal = journal.unwrap_or_default();
    let mut pending = vec![direction == Direction::Forward; steps.moves.len()];
    let mut mark = |batches: &BTreeSet<Batch>, value: bool| {
        for batch in batches {
            pending[batch.range(steps.moves.len())].fill(value);
        }
    };
    // Where a store may lose what it has answered, an outcome in the journal proves nothing.
    let is_durable =
        |step: &Move| session.store(&step.cell).is_ok_and(|store| store.capabilities().durable_ack);
    let lasting = |batches: &BTreeSet<Batch>| -> BTreeSet<Batch> {
        let first = |batch: &Batch| steps.moves[batch.range(steps.moves.len())].first();
        batches.iter().filter(|batch| first(batch).is_some_and(is_durable)).copied().collect()
    };
    match direction {
        Direction::Forward => mark(&lasting(&journal.made), false),
        Direction::Backward => {
            mark(&journal.intended, true);
            mark(&lasting(&journal.unmade), false);
            if planted(Bug::OutcomeWithoutDirection) {
                mark(&journal.made, false);
            }
        }
    }
    // Protection gave these cells another value, in this run or in an earlier one. They are made in any case, since
    // the value that they hold now may be one that readers must not see.
    for (step, pending) in steps.moves.iter().zip(&mut pending) {
        *pending |= steps.was_treated(&step.cell);
    }
    // Runs of pending steps, each inside one batch of the fresh cut: so a run never spans two stores or two phases.
    let mut cut: Vec<Batch> = Vec::new();
    for batch in batches(&steps.moves) {
        let mut goes_on = false;
        for (at, is_pending) in (batch.first..).zip(&pending[batch.range(steps.moves.len())]) {
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
fn is_announced(session: &Session, cx: &WriteContext, steps: &Range<usize>) -> bool {
    session.history.operation(cx.operation()).is_some_and(|operation| {
        let mut intended = operation.journal.intended.iter().map(|batch| batch.range(usize::MAX));
        intended.any(|batch| batch.start < steps.end && steps.start < batch.end)
    })
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
    steps: &Steps,
    range: Range<usize>,
    direction: Direction,
    barriers: &BTreeSet<usize>,
) -> Result<Made, Halt> {
    let store = session.store(&steps.moves[range.start].cell).map_err(Halt::Store)?;
    let mut ends: Vec<usize> = barriers.range(range.start + 1..range.end).copied().collect();
    ends.push(range.end);
    let starts = std::iter::once(range.start).chain(ends.clone());
    let mut parts: Vec<&[Move]> = starts.zip(ends).map(|(start, end)| &steps.moves[start..end]).collect();
    if direction == Direction::Backward {
        parts.reverse();
    }
    let mut made = Made::default();
    for moves in parts.into_iter().flat_map(|moves| moves.chunks(bulk::call_cells(&*store))) {
        let part = make_at_once(session, cx, steps, &*store, moves, direction).await?;
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
    steps: &Steps,
    store: &dyn DomainOp,
    moves: &[Move],
    direction: Direction,
) -> Result<Made, Halt> {
    let moves: Vec<&Move> = moves.iter().filter(|step| !steps.skip.contains(&step.cell)).collect();
    let keys: Vec<String> = moves.iter().map(|step| step.cell.key.clone()).collect();
    let seen = bulk::observe(store, &keys, Depth::Mark).await.map_err(Halt::Store)?;
    let mut made = Made::default();
    let mut swaps = Vec::with_capacity(moves.len());
    for (step, from) in moves.iter().zip(seen) {
        let to = steps.target(step, direction);
        if from.value != to && !steps.knows(step, from.value) && !planted(Bug::OverwriteForeign) {
            return Err(Halt::Foreign { cell: step.cell.clone(), observed: from.value });
        }
        // A cell that has its value already is swapped too: a process that was killed may have left the value
        // visible and not durable, and the store makes it durable before it answers.
        made.already += u64::from(from.value == to);
        swaps.push(Swap { key: step.cell.key.clone(), from, to });
    }
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
