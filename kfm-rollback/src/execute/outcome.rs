//! What an operation came to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kfm_lineage::integrity::IntegrityChange;
use kfm_lineage::{Digest, OperationId, OperationKind, Step, Timestamp, Value};
use kfm_wal::Entry;
use kfm_wal::record::{Direction, EndState, JournalEntry, Record, TreatedCell};

use super::treated::protected;
use super::{Work, decide};
use crate::around::{Moment, censuses};
use crate::error::Result;
use crate::history::Operation;
use crate::report::{CellCount, Listing, ProtectedLine};
use crate::session::Session;

/// What an operation came to, before and as it is recorded.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub end: EndState,
    /// Cells that readers see changed by the operation.
    pub applied: CellCount,
    /// Cells that had their value before the operation came to them. With those applied they are the plan's steps.
    pub already: u64,
    pub scope_digest: Digest,
    /// How many milliseconds processes worked on it since it was opened, without the time that it waited between
    /// them.
    pub worked_ms: u64,
    pub treated: Vec<TreatedCell>,
    /// The change of the catalog's links and orphans.
    pub integrity: IntegrityChange,
    /// Why the engine went back by itself; `None` if it did not.
    pub error: Option<String>,
    /// Where its manifest lies; `None` if the kind of operation has none.
    pub manifest: Option<String>,
}

impl Outcome {
    /// Judges what a run in `direction` came to.
    pub(super) async fn of(
        session: &Session,
        id: &OperationId,
        work: &Work,
        direction: Direction,
        scope_digest: Digest,
    ) -> Result<Self> {
        let operation = session.history.require(id)?.clone();
        let treated = work.deviations();
        let (end, error) = decide::end_of(direction, &operation.journal, !treated.is_empty());
        let log = session.wal.by_operation(id).await?;
        let (applied, already) = match direction {
            Direction::Forward => {
                let found = found_done(&log, work);
                let made = CellCount::of(work.made().map(|step| step.cell.domain));
                (made.without(&found), operation.already.saturating_add(found.total))
            }
            Direction::Backward => (CellCount::default(), 0),
        };
        let integrity = integrity_of(session, &operation, work, direction).await?;
        Ok(Self {
            end,
            applied,
            already,
            scope_digest,
            worked_ms: worked_ms(session, &log),
            treated,
            integrity,
            error,
            manifest: None,
        })
    }

    /// Lists the cells that protection changed; it keeps the first `first_max`.
    pub(crate) fn protected(&self, first_max: usize) -> Listing<ProtectedLine> {
        protected(&self.treated, first_max)
    }

    /// Returns what says which value a step has at the end.
    pub(crate) fn ends(&self) -> impl Fn(&Step) -> Value {
        let treated: BTreeMap<_, _> =
            self.treated.iter().map(|treated| (&treated.cell, treated.value)).collect();
        move |step| match (treated.get(&step.cell), self.end) {
            (Some(value), _) => *value,
            (None, EndState::Completed) => step.after,
            (None, _) => step.before,
        }
    }
}

/// Adds up the times of the operation's runs, in milliseconds: each from where it was opened or taken up to its
/// last line in the log.
fn worked_ms(session: &Session, log: &[Arc<Entry>]) -> u64 {
    let (mut worked, mut run) = (0, None);
    for entry in log {
        run = match (&entry.record, run) {
            (Record::PublishIntent(_) | Record::Operation(_), _) => Some((entry.at, entry.at)),
            (Record::Journal(journal), Some((begun, last))) => match journal.entry {
                JournalEntry::Resumed { .. } => {
                    worked += elapsed_ms(begun, last);
                    Some((entry.at, entry.at))
                }
                _ => Some((begun, entry.at)),
            },
            (_, run) => run,
        };
    }
    worked + run.map_or(0, |(begun, _)| elapsed_ms(begun, session.now()))
}

/// Counts the cells that had their value before a step came to them.
fn found_done(log: &[Arc<Entry>], work: &Work) -> CellCount {
    let mut found = CellCount::default();
    for entry in log {
        let Record::Journal(journal) = &entry.record else { continue };
        let JournalEntry::Outcome { direction: Direction::Forward, batch, already, .. } = journal.entry
        else {
            continue;
        };
        // A batch is of one store.
        if let Some(step) = work.steps[batch.range(work.steps.len())].first() {
            found.add(step.cell.domain, already.min(batch.count));
        }
    }
    found
}

fn elapsed_ms(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_millisecond().saturating_sub(from.as_millisecond())).unwrap_or(0)
}

/// Counts links and orphans before and after an operation, in the documents that the log knows.
async fn integrity_of(
    session: &Session,
    operation: &Operation,
    work: &Work,
    direction: Direction,
) -> Result<IntegrityChange> {
    let before = Moment::at(operation.opened.before());
    let mut made: Vec<_> = work.made().cloned().collect();
    for step in &mut made {
        step.after = work.target(step, direction);
    }
    let after = before.clone().with(session, &made);
    change(session, operation.kind, &operation.target, [before, after], &made).await
}

/// Compares two catalogs as the kind of operation asks: with the catalog before it and, for a rollback or a revert,
/// also with the catalog before the operation that it undoes.
pub(crate) async fn change(
    session: &Session,
    kind: OperationKind,
    target: &OperationId,
    [before, after]: [Moment; 2],
    steps: &[kfm_lineage::Step],
) -> Result<IntegrityChange> {
    let undone = match kind {
        OperationKind::Rollback => session.history.operation(target),
        OperationKind::Revert => session.history.last_turn(target),
        _ => None,
    };
    let mut moments = vec![before, after];
    moments.extend(undone.map(|undone| Moment::at(undone.opened.before())));
    moments.extend(undone.map(|undone| Moment::at(undone.opened)));
    let mut censuses = censuses(session, &moments).await?.into_iter();
    let mut next = || censuses.next().unwrap_or_default();
    let (before, after) = (next(), next());
    if undone.is_none() {
        return Ok(IntegrityChange::of_publish(before, after));
    }
    let (undone_before, undone_after) = (next(), next());
    let moved: BTreeSet<String> = steps
        .iter()
        .filter(|step| session.is_document(&step.cell))
        .map(|step| step.cell.key.clone())
        .collect();
    Ok(IntegrityChange::of_rollback(before, after, &undone_before, &undone_after, &moved))
}
