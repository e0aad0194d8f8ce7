//! Makes steps, batch by batch: intent, swap, outcome.
//!
//! One function serves both directions. A step is compare-and-set between its two values. Going back makes the same
//! steps in reverse order with the values exchanged; resuming is the same run without the batches that the journal
//! has as done.

use std::collections::BTreeSet;
use std::ops::Range;

use kfm_lineage::Move;
use kfm_wal::record::{Batch, Direction, JournalEntry};

use super::{Halt, Steps};
use crate::context::WriteContext;
use crate::op::{Swap, SwapOutcome};
use crate::order::{Phase, batches};
use crate::planted::{Bug, planted};
use crate::session::Session;

/// Makes the steps of an operation that are not made yet, in one direction.
pub(crate) async fn make_steps(
    session: &mut Session,
    cx: &WriteContext,
    steps: &Steps,
    direction: Direction,
) -> Result<(), Halt> {
    let mut pending = pending_batches(session, cx, steps, direction);
    if direction == Direction::Backward && !planted(Bug::AbortInForwardOrder) {
        pending.reverse();
    }
    let total = pending.iter().map(|batch| batch.count).sum();
    let mut done = 0;
    let mut last_phase = None;
    for batch in pending {
        if session.interrupted() {
            return Err(Halt::Interrupted);
        }
        let range = batch.range(steps.moves.len());
        let phase = Phase::of(&steps.moves[range.start]);
        if last_phase != Some(phase) {
            session.begin_phase(phase.as_str(), total);
            if phase == Phase::Contract && direction == Direction::Forward {
                // Readers that still follow links into the old documents get their time before the first document
                // disappears.
                session.grace().await;
                if session.interrupted() {
                    return Err(Halt::Interrupted);
                }
            }
            last_phase = Some(phase);
        }
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
        let made = make_batch(session, cx, steps, &steps.moves[range], direction).await?;
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
    Ok(())
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
    match direction {
        Direction::Forward => mark(&journal.made, false),
        Direction::Backward => {
            mark(&journal.intended, true);
            mark(&journal.unmade, false);
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

/// Makes the steps of one batch. The cells are observed first: what another hand wrote is left alone.
async fn make_batch(
    session: &Session,
    cx: &WriteContext,
    steps: &Steps,
    moves: &[Move],
    direction: Direction,
) -> Result<Made, Halt> {
    let store = session.store(&moves[0].cell).map_err(Halt::Store)?;
    let mut moves: Vec<&Move> = moves.iter().filter(|step| !steps.skip.contains(&step.cell)).collect();
    if direction == Direction::Backward {
        moves.reverse();
    }
    let keys: Vec<String> = moves.iter().map(|step| step.cell.key.clone()).collect();
    let observed = store.observe(&keys).await.map_err(Halt::Store)?;
    let mut made = Made::default();
    let mut swaps = Vec::with_capacity(moves.len());
    for (step, observed) in moves.iter().zip(observed) {
        let to = steps.target(step, direction);
        if observed != to && !steps.knows(step, observed) && !planted(Bug::OverwriteForeign) {
            return Err(Halt::Foreign { cell: step.cell.clone(), observed });
        }
        // A cell that has its value already is swapped too: a process that was killed may have left the value
        // visible and not durable, and the store makes it durable before it answers.
        made.already += u64::from(observed == to);
        swaps.push(Swap { key: step.cell.key.clone(), from: observed, to });
    }
    if swaps.is_empty() {
        return Ok(Made::default());
    }
    // The last look before the act. Another host can now follow only in the time until the store answers.
    session.refuse_if_followed().await.map_err(Halt::of_log)?;
    let outcomes = store.swap(cx, &swaps).await.map_err(Halt::Store)?;
    for (step, outcome) in moves.iter().zip(outcomes) {
        if let SwapOutcome::Conflict { observed } = outcome {
            return Err(Halt::Foreign { cell: step.cell.clone(), observed });
        }
    }
    // A swap that was made again finds what its first call did: only the look before the first tells them apart.
    made.applied = swaps.len() as u64 - made.already;
    Ok(made)
}
