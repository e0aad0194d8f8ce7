//! [`MemoryOp`]: a store of any domain in memory, as strict as the strictest product.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use kfm_lineage::{Digest, Domain, Value};

use crate::blob::key;
use crate::context::WriteContext;
use crate::op::{Capabilities, CompareAndSet, DomainOp, Fence, OpError, Role, Swap, SwapOutcome};

/// Keeps the cells of one store in memory. Clones share one store; dropping the last one drops its cells.
///
/// For tests, and for trying out a pipeline. Every swap is compared and made under one lock, cell by cell.
#[derive(Debug, Clone)]
pub struct MemoryOp {
    name: Arc<str>,
    domain: Domain,
    cells: Arc<Mutex<BTreeMap<String, (Digest, Bytes)>>>,
}

impl MemoryOp {
    /// Makes an empty store.
    pub fn new(name: &str, domain: Domain) -> Self {
        Self { name: name.into(), domain, cells: Arc::default() }
    }

    /// Changes a cell without the engine, as a person or a tool with access to the product can.
    pub fn set_foreign(&self, key: &str, content: Option<Bytes>) {
        let digest = match self.domain {
            Domain::Stac => Digest::of_bytes,
            Domain::Graph | Domain::Search | Domain::Cache => Digest::of_canonical_bytes,
        };
        match content {
            Some(content) => self.lock().insert(key.to_owned(), (digest(&content), content)),
            None => self.lock().remove(key),
        };
    }

    fn check_key(&self, key: &str) -> Result<(), OpError> {
        let refused =
            |why| Err(OpError::InvalidKey { store: self.name.to_string(), key: key::shown(key), why });
        key::fault_of(key).map_or(Ok(()), refused)
    }

    /// Compares and sets one cell; `content` is the content of the swap's `to`.
    fn swap_one(&self, swap: &Swap, content: Option<(Digest, Bytes)>) -> SwapOutcome {
        let mut cells = self.lock();
        let observed = cells.get(&swap.key).map(|(digest, _)| *digest);
        if observed == swap.to {
            return SwapOutcome::Already;
        } else if observed != swap.from {
            return SwapOutcome::Conflict { observed };
        }
        match content {
            Some(content) => cells.insert(swap.key.clone(), content),
            None => cells.remove(&swap.key),
        };
        SwapOutcome::Applied
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, (Digest, Bytes)>> {
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
            product: "memory".to_owned(),
            version: "1".to_owned(),
            compare_and_set: CompareAndSet::Value,
            fence: Fence::Lock,
            atomic_batch_max: 1,
            durable_ack: false,
            role: if self.domain == Domain::Stac { Role::Target } else { Role::Derived },
        }
    }

    async fn keys(&self) -> Result<Vec<String>, OpError> {
        Ok(self.lock().keys().cloned().collect())
    }

    async fn observe(&self, keys: &[String]) -> Result<Vec<Value>, OpError> {
        keys.iter().try_for_each(|key| self.check_key(key))?;
        let cells = self.lock();
        Ok(keys.iter().map(|key| cells.get(key).map(|(digest, _)| *digest)).collect())
    }

    async fn read(&self, key: &str) -> Result<Option<Bytes>, OpError> {
        self.check_key(key)?;
        Ok(self.lock().get(key).map(|(_, content)| content.clone()))
    }

    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Vec<SwapOutcome>, OpError> {
        batch.iter().try_for_each(|swap| self.check_key(&swap.key))?;
        let mut outcomes = Vec::with_capacity(batch.len());
        for swap in batch {
            let content = match swap.to {
                None => None,
                Some(digest) => {
                    let content = cx.content(&digest).await;
                    let content = content.map_err(|error| OpError::of_content(&self.name, &digest, error))?;
                    Some((digest, content))
                }
            };
            outcomes.push(self.swap_one(swap, content));
        }
        Ok(outcomes)
    }

    async fn recover(&self, _: &WriteContext) -> Result<(), OpError> {
        Ok(())
    }
}
