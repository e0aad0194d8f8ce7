//! What a record of the log changes in a history, once the lists that it names are read: plain functions, which read
//! nothing (`docs/states.md` section 2).

use std::collections::BTreeMap;
use std::sync::Arc;

use kfm_lineage::{CellId, Lsn, OperationId, OperationKind, RollbackId, Step, Value};
use kfm_policy::Remedy;
use kfm_wal::record::{EndState, TreatedCell};

use super::{Closed, History, Operation, Write};
use crate::error::{Error, Result};

impl History {
    /// Notes an operation. An operation is opened once: a record of another kind that opens it again changes nothing.
    pub(super) fn open(&mut self, operation: Operation) {
        if self.operations.contains_key(&operation.id) {
            let why = format!("it opens again what is open or has ended: operation={}", operation.id);
            self.passed_over.push((operation.opened, why));
            return;
        }
        self.order.push(operation.id.clone());
        self.operations.insert(operation.id.clone(), operation);
    }

    /// Notes the ids and collections that documents carry, also of an operation that has not ended: a label must
    /// cover what readers may have seen.
    ///
    /// # Errors
    /// As [`History::cell`]; then nothing was noted.
    pub(super) fn note_names_of(&mut self, steps: &[Step]) -> Result<()> {
        let own = || steps.iter().filter(|step| !step.derived);
        self.cells.load(own().map(|step| &step.cell))?;
        self.note_stores(steps);
        for step in own() {
            self.cells.note_names(step);
        }
        Ok(())
    }

    fn note_stores(&mut self, steps: &[Step]) {
        for Step { cell, .. } in steps {
            self.parts.has_store(cell.domain, &cell.store);
        }
    }

    /// Returns the operation that a record at `lsn` ends. An operation ends once: `None` for one that has ended, and then
    /// the record changes nothing.
    ///
    /// # Errors
    /// [`Error::Incomplete`]: the log does not begin the operation.
    pub(super) fn ending(&mut self, id: &OperationId, lsn: Lsn) -> Result<Option<Operation>> {
        let Some(operation) = self.operations.get(id) else {
            return Err(Error::Incomplete {
                message: format!(
                    "the log ends an operation that it does not begin: operation={id} lsn={lsn}"
                ),
                hint: "verify the log; restore it from a backup if it is damaged".into(),
                next: vec![Remedy::VerifyLog],
            });
        };
        if operation.closed.is_some() {
            self.passed_over.push((lsn, format!("it ends again what has ended: operation={id}")));
            return Ok(None);
        }
        Ok(Some(operation.clone()))
    }

    /// Ends an operation, with its steps if it completed, and the cells that did not end as planned. All of these cells
    /// are loaded.
    pub(super) fn end(
        &mut self,
        operation: Operation,
        closed: Closed,
        steps: Vec<Step>,
        treated: &[TreatedCell],
    ) {
        let end = closed.close.end;
        let operation = Operation { closed: Some(closed), ..operation };
        self.operations.insert(operation.id.clone(), operation.clone());
        let treated: BTreeMap<&CellId, Value> =
            treated.iter().map(|treated| (&treated.cell, treated.value)).collect();
        match end {
            EndState::Completed => {
                let moved = !steps.is_empty();
                self.note_stores(&steps);
                for mut step in steps.into_iter().filter(|step| !step.derived) {
                    if let Some(value) = treated.get(&step.cell) {
                        step.after = *value;
                    }
                    self.cells.note_names(&step);
                    self.cells.observe(&step.cell, operation.opened, step.after);
                    if operation.is_content() {
                        let (lsn, id) = (operation.opened, operation.id.clone());
                        self.cells.write(Write::new(lsn, id, Arc::new(step)));
                    }
                }
                if moved || operation.kind == OperationKind::Revert {
                    self.turn(&operation);
                }
            }
            EndState::Aborted => {
                for (cell, value) in treated {
                    self.cells.observe(cell, operation.opened, value);
                }
            }
            EndState::Failed => {}
        }
    }

    /// Notes that a completed operation changed whether its target stands, if it is one that does.
    pub(super) fn turn(&mut self, operation: &Operation) {
        match operation.kind {
            // A rollback whose record does not fit together undoes nothing; `doctor` names it.
            OperationKind::Rollback => {
                if let Ok(by) = RollbackId::parse(operation.id.as_str()) {
                    self.undone.insert(operation.target.clone(), by);
                }
            }
            OperationKind::Revert => drop(self.undone.remove(&operation.target)),
            _ => {}
        }
    }
}
