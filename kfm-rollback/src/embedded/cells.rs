//! The state of an embedded store: the fold of its log.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use kfm_lineage::{Lsn, OperationId, Timestamp, Value};
use kfm_wal::store::{OPTIONAL, StoredRecord};

use super::record::{CELL_BATCH, CELL_BATCH_SCHEMA, CellBatch, Content, Put};
use crate::op::{Generation, Listed, Seen};

/// All cells that ever had a value.
#[derive(Debug, Default)]
pub(super) struct Cells {
    cells: BTreeMap<String, Cell>,
    /// The last record that is folded in.
    pub(super) folded: Lsn,
}

/// One cell, absent or not; never forgotten.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    /// The content of its value; `None` if the cell is absent.
    pub(super) content: Option<Content>,
    /// Every change, the first one first.
    pub(super) changes: Vec<Change>,
}

/// A change that a cell went through.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) value: Value,
    pub(super) by: Arc<OperationId>,
    pub(super) at: Timestamp,
}

impl Cell {
    pub(super) fn value(&self) -> Value {
        self.changes.last().and_then(|change| change.value)
    }

    /// Returns the number of changes; it only rises.
    pub(super) fn generation(&self) -> u64 {
        self.changes.len() as u64
    }
}

fn seen(value: Value, generation: u64) -> Seen {
    Seen { value, generation: Some(Generation::new(generation.to_string())) }
}

/// Why a record of the log does not follow from the records before it.
#[derive(Debug, thiserror::Error)]
pub(super) enum FoldError {
    #[error("record is of a newer version: lsn={lsn} rtype={rtype} schema={schema}")]
    Newer { lsn: Lsn, rtype: u16, schema: u16 },
    #[error("record cannot be read: lsn={lsn}")]
    Unreadable { lsn: Lsn, source: serde_json::Error },
    #[error("record does not follow from the ones before: lsn={lsn} key={key} generation={generation}")]
    Misplaced { lsn: Lsn, key: String, generation: u64 },
}

impl Cells {
    pub(super) fn get(&self, key: &str) -> Option<&Cell> {
        self.cells.get(key)
    }

    /// Returns what a cell is; its generation is the number of its changes.
    pub(super) fn seen(&self, key: &str) -> Seen {
        self.get(key).map_or_else(|| seen(None, 0), |cell| seen(cell.value(), cell.generation()))
    }

    /// Lists cells that are not absent, above a key, in ascending order.
    pub(super) fn scan(&self, after: Option<&str>, limit: usize) -> Vec<Listed> {
        let above = after.map_or(Bound::Unbounded, Bound::Excluded);
        let cells = self.cells.range::<str, _>((above, Bound::Unbounded));
        let standing = cells.filter(|(_, cell)| cell.value().is_some()).take(limit);
        standing.map(|(key, cell)| (key.clone(), Some(seen(cell.value(), cell.generation())))).collect()
    }

    /// Folds the next record of the log in.
    pub(super) fn fold(&mut self, stored: &StoredRecord) -> Result<(), FoldError> {
        let (lsn, record) = (stored.lsn, &stored.record);
        match (record.rtype, record.schema) {
            (CELL_BATCH, CELL_BATCH_SCHEMA) => {
                let batch: CellBatch = serde_json::from_slice(&record.payload)
                    .map_err(|source| FoldError::Unreadable { lsn, source })?;
                let by = Arc::new(batch.operation);
                for put in batch.puts {
                    self.put(put, &by, record.at).map_err(|put| FoldError::Misplaced {
                        lsn,
                        key: put.key,
                        generation: put.generation,
                    })?;
                }
            }
            (rtype, _) if rtype & OPTIONAL != 0 => {}
            (rtype, schema) => return Err(FoldError::Newer { lsn, rtype, schema }),
        }
        self.folded = lsn;
        Ok(())
    }

    fn put(&mut self, put: Put, by: &Arc<OperationId>, at: Timestamp) -> Result<(), Put> {
        let cell = self.cells.entry(put.key.clone()).or_default();
        let has_content = put.value.is_some() == put.content.is_some();
        if put.generation != cell.generation() + 1 || !has_content {
            return Err(put);
        }
        cell.changes.push(Change { value: put.value, by: Arc::clone(by), at });
        cell.content = put.content;
        Ok(())
    }
}
