//! What the log says: operations, cells, their owners and their predecessors (`docs/states.md` section 2).
//!
//! A history is a fold over the log's records. A *content operation* (publish, genesis, reconcile, hotfix) writes
//! values to cells. A rollback or a revert writes no value of its own: it only says whether a content operation
//! stands. By the log, a cell has the value that its newest standing operation wrote. So the result of several
//! rollbacks does not depend on their order, and a rollback with its revert changes nothing.

mod cell;
mod cells;
mod fold;
#[cfg(test)]
pub(crate) mod given;
mod kept;
mod kept_cells;
mod labels;
mod lost;
mod operation;
mod parts;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kfm_lineage::{
    CellId, Digest, Domain, Lsn, OperationId, OperationKind, PublishId, RollbackId, Step, Value,
};
use kfm_wal::record::{
    ApprovalRecord, Close, EndState, PlanCancelled, PlanRecord, PublishKind, Record, SegmentRef, StageRecord,
    TreatedCell,
};

pub use cell::{CellHistory, Write};
use cells::Cells;
pub(crate) use cells::{Counts, Naming};
pub use kept::HISTORY;
pub use kept_cells::{CELLS, CELLS_FORM};
pub(crate) use lost::Lost;
pub(crate) use operation::{Closed, ENGINE, misfit};
pub use operation::{JournalState, Operation};
pub use parts::Parts;

use crate::error::{Error, Result};
use crate::versions::VersionStore;
pub(crate) use labels::entries_of;

/// What the log says, folded.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct History {
    operations: BTreeMap<OperationId, Operation>,
    order: Vec<OperationId>,
    cells: Cells,
    parts: Parts,
    /// Content operations that do not stand, each with the rollback that undid it.
    undone: BTreeMap<OperationId, RollbackId>,
    plans: BTreeMap<Digest, (Lsn, PlanRecord)>,
    /// Plans that were taken back before they were executed.
    cancelled: BTreeMap<Digest, PlanCancelled>,
    approvals: Vec<ApprovalRecord>,
    labels: Vec<serde_json::Value>,
    /// Digest of each policy file as the log last recorded it, by the file's name in records.
    policy_files: BTreeMap<String, Digest>,
    /// The newest record of each stage, by its idempotency key.
    stages: BTreeMap<Digest, StageRecord>,
    /// Lists that were not there when it was folded; empty wherever something is decided.
    lost: Vec<Lost>,
    /// Positions of records that change nothing since this engine does not write such records, each with the reason.
    passed_over: Vec<(Lsn, String)>,
    folded: Lsn,
}

impl History {
    /// Folds all records of a log; move lists are read from the version store.
    ///
    /// # Errors
    /// [`Error::Versions`]: a list of steps is missing or damaged; restore the version store.
    pub async fn fold(wal: &kfm_wal::Wal, versions: &VersionStore) -> Result<Self> {
        let mut history = Self::default();
        history.catch_up(wal, versions).await?;
        Ok(history)
    }

    /// Folds the records that were appended since the last call.
    ///
    /// # Errors
    /// As [`fold`](Self::fold).
    pub(crate) async fn catch_up(&mut self, wal: &kfm_wal::Wal, versions: &VersionStore) -> Result<()> {
        for entry in wal.entries_from(self.folded.next()).await? {
            self.take_next(entry.lsn, Some(&entry.record), versions).await?;
        }
        Ok(())
    }

    /// Folds the next record; `record` is `None` if its type is one that may be passed over.
    ///
    /// # Cancel safety
    /// A call that was dropped or that failed has folded nothing of the record.
    ///
    /// # Errors
    /// As [`fold`](Self::fold).
    pub(crate) async fn take_next(
        &mut self,
        lsn: Lsn,
        record: Option<&Record>,
        versions: &VersionStore,
    ) -> Result<()> {
        if let Some(record) = record {
            self.take(lsn, record, versions).await?;
        }
        self.folded = lsn;
        Ok(())
    }

    /// Returns the position of the last record that was folded.
    pub(crate) fn position(&self) -> Lsn {
        self.folded
    }

    async fn take(&mut self, lsn: Lsn, record: &Record, versions: &VersionStore) -> Result<()> {
        match record {
            Record::PublishIntent(intent) => {
                let operation = Operation::of_publish(lsn, intent);
                // Only a publish shows readers new documents before it has ended; an adoption or a reconcile names
                // what stands already.
                if intent.kind == PublishKind::Publish {
                    self.note_names(&operation, versions).await?;
                }
                self.open(operation);
            }
            Record::Operation(frame) => {
                let operation = Operation::of_frame(lsn, frame);
                self.note_names(&operation, versions).await?;
                self.open(operation);
            }
            Record::PublishCompletion(completion) => {
                let closed = Closed { lsn, at: completion.completed_at, close: completion.close.clone() };
                self.close(&completion.publish_id.clone().into(), closed, versions).await?;
            }
            Record::OperationClosed(frame) => {
                let closed = Closed { lsn, at: frame.closed_at, close: frame.close.clone() };
                self.close(&frame.wal_id, closed, versions).await?;
            }
            Record::Journal(journal) => {
                if let Some(operation) = self.operations.get_mut(&journal.operation) {
                    operation.journal.take(journal.n, &journal.entry);
                }
            }
            Record::Plan(plan) => {
                self.plans.insert(plan.plan_id, (lsn, plan.clone()));
            }
            Record::PlanCancelled(cancelled) => {
                self.cancelled.insert(cancelled.plan_id, cancelled.clone());
            }
            Record::Approval(approval) => self.approvals.push(approval.clone()),
            Record::Labels(labels) => {
                self.labels.extend(entries_of(labels, versions).await?);
                self.policy_files.extend(labels.files.clone());
            }
            Record::PolicyChange(change) => {
                self.policy_files.insert(change.file.clone(), change.after);
            }
            Record::Stage(stage) => {
                self.stages.insert(stage.idempotency_key, stage.clone());
            }
            Record::Parts(parts) => self.parts.take(parts),
            _ => {}
        }
        Ok(())
    }

    async fn note_names(&mut self, operation: &Operation, versions: &VersionStore) -> Result<()> {
        self.note_names_of(&read_steps(versions, &operation.steps).await?)
    }

    async fn close(&mut self, id: &OperationId, closed: Closed, versions: &VersionStore) -> Result<()> {
        let Some(operation) = self.ending(id, closed.lsn)? else { return Ok(()) };
        // Everything is read before anything is noted, so a call that fails here can be repeated.
        let steps = match closed.close.end {
            EndState::Completed => read_steps(versions, &operation.steps).await?,
            EndState::Aborted | EndState::Failed => Vec::new(),
        };
        let treated = read_treated(versions, &closed.close).await?;
        let treated_cells = treated.iter().map(|treated| &treated.cell);
        let own = steps.iter().filter(|step| !step.derived).map(|step| &step.cell);
        self.cells.load(own.chain(treated_cells))?;
        self.end(operation, closed, steps, &treated);
        Ok(())
    }

    /// Returns the positions of the records that change nothing since this engine does not write such records, each
    /// with the reason.
    pub(crate) fn passed_over(&self) -> &[(Lsn, String)] {
        &self.passed_over
    }

    /// Returns an operation; `None` if the log does not know the id.
    pub(crate) fn operation(&self, id: &OperationId) -> Option<&Operation> {
        self.operations.get(id)
    }

    /// Returns an operation that must be there.
    ///
    /// # Errors
    /// [`Error::NotFound`]: the log does not know it.
    pub(crate) fn require(&self, id: &OperationId) -> Result<&Operation> {
        self.operation(id).ok_or_else(|| Error::NotFound { kind: "operation", text: id.to_string() })
    }

    /// Returns all operations in the log's order.
    pub fn operations(&self) -> impl DoubleEndedIterator<Item = &Operation> {
        self.order.iter().filter_map(|id| self.operations.get(id))
    }

    /// Returns the operations that have begun and not ended.
    pub(crate) fn open_operations(&self) -> impl Iterator<Item = &Operation> {
        self.operations().filter(|operation| operation.closed.is_none())
    }

    /// Returns the publishes, in the log's order.
    pub(crate) fn publishes(&self) -> impl DoubleEndedIterator<Item = &Operation> {
        self.operations().filter(|operation| PublishId::parse(operation.id.as_str()).is_ok())
    }

    /// Returns a cell's history; `None` if the log does not know the cell.
    ///
    /// # Errors
    /// [`Error::File`]: what is kept beside the log cannot be read; if it was damaged, it is removed, and the next command
    /// reads the log instead.
    pub fn cell(&self, cell: &CellId) -> Result<Option<Arc<CellHistory>>> {
        self.cells.get(cell)
    }

    /// Returns the stores and checks that the platform has.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Lists the cells that the log knows, in order, each with its history. After an error there are no more.
    pub fn cells(&self) -> impl Iterator<Item = Result<(CellId, Arc<CellHistory>)>> + '_ {
        self.cells.iter()
    }

    /// Lists the cells of a store whose keys begin with `prefix`, as [`cells`](Self::cells).
    pub(crate) fn cells_of<'a>(
        &'a self,
        domain: Domain,
        store: &'a str,
        prefix: &'a str,
    ) -> impl Iterator<Item = Result<(CellId, Arc<CellHistory>)>> + 'a {
        let is_of_it =
            move |cell: &CellId| cell.domain == domain && cell.store == store && cell.key.starts_with(prefix);
        let cells = self.cells.iter_from(CellId::new(domain, store, prefix));
        cells.take_while(move |next| next.as_ref().map_or(true, |(cell, _)| is_of_it(cell)))
    }

    /// Lists the documents of a store, present and retired ones, as [`cells`](Self::cells).
    pub(crate) fn documents<'a>(
        &'a self,
        store: &'a str,
    ) -> impl Iterator<Item = Result<(CellId, Arc<CellHistory>)>> + 'a {
        self.cells_of(Domain::Stac, store, "")
    }

    /// Returns the cells that have, or had, a name.
    ///
    /// # Errors
    /// As [`cell`](Self::cell).
    pub(crate) fn named(&self, naming: Naming, name: &str) -> Result<BTreeSet<CellId>> {
        self.cells.named(naming, name)
    }

    /// Returns how much the log says of cells.
    pub(crate) fn counts(&self) -> Counts {
        self.cells.counts()
    }

    /// Returns the position of the snapshot from which it was folded on; `None` without one.
    pub(crate) fn kept_at(&self) -> Option<Lsn> {
        self.cells.kept_at()
    }

    /// Returns the value that a cell had when the snapshot was made from which it was folded on.
    ///
    /// # Errors
    /// As [`cell`](Self::cell).
    pub(crate) fn value_kept(&self, cell: &CellId) -> Result<Value> {
        Ok(self.cells.kept(cell)?.and_then(|history| history.value()))
    }

    /// Lists the cells that the log moved, or that it named, after the snapshot.
    pub(crate) fn cells_since_kept(&self) -> impl Iterator<Item = &CellId> {
        self.cells.since_snapshot()
    }

    /// Returns how much it said of cells when the snapshot was made from which it was folded on; nothing without one.
    pub(crate) fn counts_kept(&self) -> Counts {
        self.cells.counts_kept()
    }

    /// Returns the value that, by the log, a cell has now.
    ///
    /// # Errors
    /// As [`cell`](Self::cell).
    pub fn value(&self, cell: &CellId) -> Result<Value> {
        Ok(self.cell(cell)?.and_then(|history| history.value()))
    }

    /// Returns the standing rollback that undid a content operation.
    pub(crate) fn undone_by(&self, id: &OperationId) -> Option<&RollbackId> {
        self.undone.get(id)
    }

    /// Returns the content operations that do not stand, with the rollback that undid each.
    pub(crate) fn undone(&self) -> impl Iterator<Item = (&OperationId, &RollbackId)> {
        self.undone.iter()
    }

    /// Returns how far a stage has come, by its idempotency key.
    pub(crate) fn stage(&self, idempotency_key: &Digest) -> Option<&StageRecord> {
        self.stages.get(idempotency_key)
    }

    /// Says whether a content operation has completed and is not undone.
    pub fn stands(&self, id: &OperationId) -> bool {
        self.operations.get(id).is_some_and(Operation::is_completed) && !self.undone.contains_key(id)
    }

    /// Returns where the log last moved a cell: the position of the operation, zero if the log does not know the cell.
    ///
    /// # Errors
    /// As [`cell`](Self::cell).
    pub(crate) fn generation(&self, cell: &CellId) -> Result<Lsn> {
        Ok(self.cell(cell)?.map_or(Lsn::ZERO, |history| history.generation()))
    }

    /// Returns the write that gives a cell its value, under the assumption that an operation stands (`true`) or
    /// does not.
    ///
    /// Without an assumption it is the write of today's owner.
    ///
    /// # Errors
    /// As [`cell`](Self::cell).
    pub fn owner(&self, cell: &CellId, assumed: Option<(&OperationId, bool)>) -> Result<Option<Write>> {
        let stands = |id: &OperationId| match assumed {
            Some((other, stands)) if other == id => stands,
            _ => self.stands(id),
        };
        let Some(history) = self.cell(cell)? else { return Ok(None) };
        Ok(history.writes.iter().rev().find(|write| stands(&write.operation)).cloned())
    }

    /// Says whether a pipeline keeps a cell itself: then it is an ordinary cell, whatever its key.
    ///
    /// A cell that was only adopted or reconciled is not kept by any pipeline: a projection under its key takes it
    /// over.
    ///
    /// # Errors
    /// As [`cell`](Self::cell).
    pub fn is_a_pipelines(&self, cell: &CellId) -> Result<bool> {
        let moved =
            |write: &Write| self.operations.get(&write.operation).is_some_and(Operation::moves_references);
        Ok(self.cell(cell)?.is_some_and(|history| history.writes.iter().any(moved)))
    }

    /// Returns the newest completed rollback or revert of an operation.
    pub fn last_turn(&self, target: &OperationId) -> Option<&Operation> {
        self.operations().rev().find(|operation| {
            matches!(operation.kind, OperationKind::Rollback | OperationKind::Revert)
                && operation.target == *target
                && operation.is_completed()
        })
    }

    /// Lists what the documents of a store were after the record at `lsn`, absent ones too, as [`cells`](Self::cells).
    pub(crate) fn documents_at<'a>(
        &'a self,
        store: &'a str,
        lsn: Lsn,
    ) -> impl Iterator<Item = Result<(String, Value)>> + 'a {
        self.documents(store).map(move |next| next.map(|(cell, history)| (cell.key, history.value_at(lsn))))
    }

    /// Returns the versions that documents have, or had when they were retired, in every catalog.
    ///
    /// # Errors
    /// As [`cell`](Self::cell).
    pub(crate) fn documents_seen_last(&self) -> Result<BTreeSet<Digest>> {
        let is_document = |cell: &CellId| cell.domain == Domain::Stac;
        let cells = self.cells().take_while(|next| next.as_ref().map_or(true, |(cell, _)| is_document(cell)));
        cells.filter_map(|next| next.map(|(_, history)| history.last_seen()).transpose()).collect()
    }

    /// Returns the versions that [`documents_seen_last`](Self::documents_seen_last) has now and had not when the snapshot was
    /// made, and those that it had then and has not now.
    ///
    /// # Errors
    /// As [`cell`](Self::cell).
    pub(crate) fn documents_seen_since_kept(&self) -> Result<(BTreeSet<Digest>, BTreeSet<Digest>)> {
        let (mut come, mut gone) = (BTreeSet::new(), BTreeSet::new());
        for cell in self.cells_since_kept().filter(|cell| cell.domain == Domain::Stac) {
            let last = self.cell(cell)?.and_then(|history| history.last_seen());
            let kept = self.cells.kept(cell)?.and_then(|history| history.last_seen());
            if last != kept {
                come.extend(last);
                gone.extend(kept);
            }
        }
        // Another document may have the same bytes.
        let mut shared = BTreeSet::new();
        for digest in &gone {
            for cell in self.named(Naming::Content, &digest.to_string())? {
                let last = self.cell(&cell)?.and_then(|history| history.last_seen());
                if cell.domain == Domain::Stac && last == Some(*digest) {
                    shared.insert(*digest);
                    break;
                }
            }
        }
        Ok((come, gone.difference(&shared).copied().collect()))
    }

    /// Returns a stored plan.
    pub(crate) fn plan(&self, plan_id: &Digest) -> Option<&PlanRecord> {
        self.plans.get(plan_id).map(|(_, plan)| plan)
    }

    /// Returns the stored plans in the log's order.
    pub(crate) fn plans(&self) -> Vec<&PlanRecord> {
        let mut plans: Vec<_> = self.plans.values().collect();
        plans.sort_by_key(|(lsn, _)| *lsn);
        plans.into_iter().map(|(_, plan)| plan).collect()
    }

    /// Returns the record by which a plan was taken back; `None` if it was not.
    pub(crate) fn cancelled(&self, plan_id: &Digest) -> Option<&PlanCancelled> {
        self.cancelled.get(plan_id)
    }

    /// Returns the approvals of a plan, in the log's order.
    pub(crate) fn approvals<'a>(&'a self, plan_id: &'a Digest) -> impl Iterator<Item = &'a ApprovalRecord> {
        self.approvals.iter().filter(move |approval| approval.plan_id == *plan_id)
    }

    /// Returns the label entries that are in force.
    pub(crate) fn labels(&self) -> &[serde_json::Value] {
        &self.labels
    }

    /// Returns the digest of a policy file as the log last recorded it. Of a registry's file, all entries are in
    /// force then.
    pub(crate) fn policy_file(&self, name: &str) -> Option<Digest> {
        self.policy_files.get(name).copied()
    }

    /// Returns every operation id that is in use, by an operation or by a plan.
    pub(crate) fn taken_ids(&self) -> BTreeSet<&str> {
        let planned = self.plans.values().map(|(_, plan)| plan.operation.as_str());
        self.operations.keys().map(OperationId::as_str).chain(planned).collect()
    }
}

/// Reads the steps of an operation from the version store.
///
/// # Errors
/// [`Error::Versions`]: the list is missing or damaged.
pub(crate) async fn read_steps(versions: &VersionStore, steps: &SegmentRef) -> Result<Vec<Step>> {
    if steps.count == 0 {
        return Ok(Vec::new());
    }
    Ok(versions.read_segment(steps).await?)
}

/// Reads the cells that ended at another value than planned, in the form of this version or of an older one.
///
/// # Errors
/// As [`read_steps`].
pub(crate) async fn read_treated(versions: &VersionStore, close: &Close) -> Result<Vec<TreatedCell>> {
    match &close.treated_segment {
        Some(segment) => Ok(versions.read_segment(segment).await?),
        None => Ok(close.treated.clone()),
    }
}
