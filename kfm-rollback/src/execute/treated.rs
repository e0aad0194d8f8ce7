//! What protection asks of the cells of an unfinished operation; noted in the journal before any cell gets it.
//!
//! A value that protection asked for in one run counts as this operation's own value in every later run, also if
//! protection asks for something else by then. So it is never taken for a foreign value.

use std::collections::{BTreeMap, BTreeSet};

use kfm_lineage::{CellId, OperationId, Step, Value};
use kfm_wal::record::{Direction, JournalEntry, SegmentRef, TreatedCell};

use crate::error::Result;
use crate::history::{Operation, read_treated};
use crate::report::{FIRST_MAX, Listing, ProtectedLine};
use crate::session::Session;
use crate::versions::VersionStore;

/// The cells that end at another value than the direction asks for, each with its value and the rule that wants it.
pub(crate) type Treated = BTreeMap<CellId, (Value, String)>;

/// The steps of one operation, with the values that today's protection wants instead, and cells left alone.
#[derive(Debug)]
pub(crate) struct Work {
    /// The steps, in the order in which they are made.
    pub steps: Vec<Step>,
    /// Cells that end at another value than the direction asks for, each with its value and the rule that wants it.
    pub treated: Treated,
    /// Cells that the actor asked to leave alone, since they hold a foreign value.
    pub skip: BTreeSet<CellId>,
    /// Every value that protection asked for, in this run or an earlier one.
    given: BTreeMap<CellId, BTreeSet<Value>>,
    /// The newest list of them in the journal.
    noted: Option<SegmentRef>,
}

impl Work {
    /// The steps as they were planned: nothing is treated, nothing left alone.
    pub(crate) fn planned(steps: Vec<Step>) -> Self {
        Self { steps, treated: Treated::new(), skip: BTreeSet::new(), given: BTreeMap::new(), noted: None }
    }

    /// The steps of an operation that is taken up again, with the values that earlier runs gave to cells.
    ///
    /// # Errors
    /// [`Error::Versions`](crate::Error::Versions): a list is missing; restore the version store.
    pub(super) async fn of_journal(
        session: &Session,
        id: &OperationId,
        steps: Vec<Step>,
        skip: BTreeSet<CellId>,
    ) -> Result<Self> {
        let mut work = Self { skip, ..Self::planned(steps) };
        let noted = session.history.operation(id).map(|operation| operation.journal.treated.clone());
        for segment in noted.unwrap_or_default() {
            for cell in session.versions().read_segment::<TreatedCell>(&segment).await? {
                work.given.entry(cell.cell).or_default().insert(cell.value);
            }
            work.noted = Some(segment);
        }
        Ok(work)
    }

    /// Takes over what protection asks now, after it is in the journal.
    ///
    /// # Errors
    /// [`Error::Versions`](crate::Error::Versions), [`Error::Log`](crate::Error::Log): it is not in the journal, so
    /// no step may be made.
    pub(super) async fn treat(
        &mut self,
        session: &mut Session,
        id: &OperationId,
        treated: Treated,
    ) -> Result<()> {
        if !treated.is_empty() {
            let cells: Vec<TreatedCell> = treated_cells(&treated).collect();
            let segment = session.versions().put_segment(&cells).await?;
            if self.noted != Some(segment) {
                session.journal(id, JournalEntry::Treated { cells: segment }).await?;
                self.noted = Some(segment);
            }
        }
        for (cell, (value, _)) in &treated {
            self.given.entry(cell.clone()).or_default().insert(*value);
        }
        self.treated = treated;
        Ok(())
    }

    /// Returns the value that a step has at the end of a run in `direction`.
    pub(crate) fn target(&self, step: &Step, direction: Direction) -> Value {
        match (self.treated.get(&step.cell), direction) {
            (Some((value, _)), _) => *value,
            (None, Direction::Forward) => step.after,
            (None, Direction::Backward) => step.before,
        }
    }

    /// Says whether a value is one that this operation found in the cell, or gave to it at any time.
    pub(super) fn knows(&self, step: &Step, value: Value) -> bool {
        let is_given = self.given.get(&step.cell).is_some_and(|given| given.contains(&value));
        step.before == value || step.after == value || is_given
    }

    /// Says whether protection ever gave the cell a value: then the journal alone does not tell what the cell
    /// holds.
    pub(super) fn was_treated(&self, cell: &CellId) -> bool {
        self.given.contains_key(cell)
    }

    /// Returns the steps that are not left alone.
    pub(super) fn made(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| !self.skip.contains(&step.cell))
    }

    /// Returns the cells that do not end as planned, with their values: those treated, and those left alone. By the
    /// log, a cell that is left alone has the value that it had before; the value that really stands there stays
    /// foreign.
    pub(super) fn deviations(&self) -> Vec<TreatedCell> {
        let treated = treated_cells(&self.treated).filter(|treated| !self.skip.contains(&treated.cell));
        let alone = self.steps.iter().filter(|step| self.skip.contains(&step.cell)).map(|step| TreatedCell {
            cell: step.cell.clone(),
            value: step.before,
            why: LEFT_ALONE.into(),
        });
        treated.chain(alone).collect()
    }
}

/// Why a cell that the actor asked to leave alone does not end as planned, in the log; every other reason is
/// protection's.
const LEFT_ALONE: &str = "left alone on request";

/// Lists those of the cells that did not end as planned which protection changed; it keeps the first `first_max`.
pub(super) fn protected(treated: &[TreatedCell], first_max: usize) -> Listing<ProtectedLine> {
    let protected = treated.iter().filter(|cell| cell.why != LEFT_ALONE);
    Listing::of_first(protected.map(ProtectedLine::from), first_max)
}

/// Lists the cells that protection changed in an operation that has ended.
///
/// # Errors
/// [`Error::Versions`](crate::Error::Versions): the list is missing; restore the version store.
pub(crate) async fn protected_by_log(
    versions: &VersionStore,
    operation: &Operation,
) -> Result<Listing<ProtectedLine>> {
    match &operation.closed {
        Some(closed) => Ok(protected(&read_treated(versions, &closed.close).await?, FIRST_MAX)),
        None => Ok(Listing::default()),
    }
}

fn treated_cells(treated: &Treated) -> impl Iterator<Item = TreatedCell> + '_ {
    treated.iter().map(|(cell, (value, why))| TreatedCell {
        cell: cell.clone(),
        value: *value,
        why: why.clone(),
    })
}
