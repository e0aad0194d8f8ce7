//! [`MemoryOp`]: a store of any domain in memory, as strict as the strictest product.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use kfm_lineage::{Digest, Domain};

use crate::blob::key;
use crate::context::WriteContext;
use crate::op::{
    Capabilities, CompareAndSet, Depth, DomainOp, Fence, Generation, Listed, OpError, Outcomes, Probe, Seen,
    Swap, Swapped, ValueIs, Visible, bytes_as_they_are,
};

/// Keeps the cells of one store in memory. Clones share one store; dropping the last one drops its cells.
///
/// For tests, and for trying out a pipeline. Every swap is compared and made under one lock, cell by cell; it compares
/// generations, and checks the token of the executor.
#[derive(Debug, Clone)]
pub struct MemoryOp {
    name: Arc<str>,
    domain: Domain,
    cells: Arc<Mutex<Cells>>,
}

#[derive(Debug, Default)]
struct Cells {
    cells: BTreeMap<String, Cell>,
    /// The number of changes of all cells, which names the newest one.
    changes: u64,
    /// The highest token of an executor.
    fence: u64,
}

#[derive(Debug, Clone)]
struct Cell {
    /// The content and its digest; `None` once the cell is absent again.
    content: Option<(Digest, Bytes)>,
    generation: u64,
}

impl Cell {
    fn seen(cell: Option<&Self>) -> Seen {
        let value = cell.and_then(|cell| Some(cell.content.as_ref()?.0));
        let generation = cell.map_or(0, |cell| cell.generation);
        Seen { value, generation: Some(Generation::new(generation.to_string())) }
    }
}

impl Cells {
    fn put(&mut self, key: &str, content: Option<(Digest, Bytes)>) {
        self.changes += 1;
        self.cells.insert(key.to_owned(), Cell { content, generation: self.changes });
    }

    fn seen(&self, key: &str) -> Seen {
        Cell::seen(self.cells.get(key))
    }

    fn swap(&mut self, swap: &Swap, content: Option<Bytes>) -> Swapped {
        let observed = self.seen(&swap.key);
        if let Some(swapped) = swap.without_change(&observed) {
            return swapped;
        }
        self.put(&swap.key, swap.to.zip(content));
        Swapped::Applied { generation: self.seen(&swap.key).generation }
    }
}

impl MemoryOp {
    /// Makes an empty store.
    pub fn new(name: &str, domain: Domain) -> Self {
        Self { name: name.into(), domain, cells: Arc::default() }
    }

    /// Changes a cell without the engine, as a person or a tool with access to the product can.
    pub fn set_foreign(&self, key: &str, content: Option<Bytes>) {
        let content = content.map(|content| (bytes_as_they_are(self.domain, &content), content));
        self.lock().put(key, content);
    }

    fn check_key(&self, key: &str) -> Result<(), OpError> {
        let refused =
            |why| Err(OpError::InvalidKey { store: self.name.to_string(), key: key::shown(key), why });
        key::fault_of(key).map_or(Ok(()), refused)
    }

    /// Gives the cells to an executor, unless one with a higher token was here.
    fn lock_for(&self, cx: &WriteContext) -> Result<MutexGuard<'_, Cells>, OpError> {
        let cells = self.lock();
        if cx.token() < cells.fence {
            return Err(OpError::Fenced { store: self.name.to_string(), token: cx.token() });
        }
        Ok(cells)
    }

    fn lock(&self) -> MutexGuard<'_, Cells> {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl DomainOp for MemoryOp {
    fn name(&self) -> &str {
        &self.name
    }

    fn domain(&self) -> Domain {
        self.domain
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            put: CompareAndSet::Generation,
            retire: CompareAndSet::Generation,
            fence: Fence::Token,
            durable_ack: false,
            value_is: ValueIs::Content,
            visible: Visible::AtOnce,
            cells_max: u32::MAX,
        }
    }

    async fn probe(&self) -> Result<Probe, OpError> {
        Ok(Probe::healthy("memory", "1"))
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, OpError> {
        let above = after.map_or(Bound::Unbounded, Bound::Excluded);
        let cells = self.lock();
        let cells = cells.cells.range::<str, _>((above, Bound::Unbounded));
        let standing = cells.filter(|(_, cell)| cell.content.is_some());
        Ok(standing.take(limit).map(|(key, cell)| (key.clone(), Some(Cell::seen(Some(cell))))).collect())
    }

    async fn observe(&self, keys: &[String], _: Depth) -> Result<Vec<Seen>, OpError> {
        keys.iter().try_for_each(|key| self.check_key(key))?;
        let cells = self.lock();
        Ok(keys.iter().map(|key| cells.seen(key)).collect())
    }

    async fn read(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, OpError> {
        keys.iter().try_for_each(|key| self.check_key(key))?;
        let cells = self.lock();
        let content = |key| Some(cells.cells.get(key)?.content.as_ref()?.1.clone());
        Ok(keys.iter().map(content).collect())
    }

    async fn fence(&self, cx: &WriteContext) -> Result<(), OpError> {
        self.lock_for(cx)?.fence = cx.token();
        Ok(())
    }

    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Outcomes, OpError> {
        batch.iter().try_for_each(|swap| self.check_key(&swap.key))?;
        let contents = cx.contents(&self.name, batch).await;
        let mut cells = self.lock_for(cx)?;
        let swap = |(swap, content): (&Swap, Result<Option<Bytes>, OpError>)| Ok(cells.swap(swap, content?));
        Ok(batch.iter().zip(contents).map(swap).collect())
    }

    async fn recover(&self, cx: &WriteContext) -> Result<(), OpError> {
        self.lock_for(cx).map(drop)
    }
}
