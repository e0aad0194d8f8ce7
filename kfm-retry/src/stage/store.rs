//! The store of the states of stages: the trait, and an implementation in memory.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use super::StageError;
use super::digest::IdempotencyKey;
use super::state::StageState;

/// Keeps the states of stages.
///
/// # Laws
/// - **Compare and set**: a state is saved only over the one before it: revision `n + 1` over `n`, and 1 over
///   nothing. Of two callers that save the same revision, one is refused.
/// - **Durable**: a state that was saved is loaded, also if the process dies directly after the save.
/// - **Whole**: a state is loaded as it was saved, or not at all; never a part of it.
///
/// # Cancel safety
/// When the caller drops a save, the state is saved or it is not; `load` finds out.
///
/// # Implementing
/// Neither retry nor log. `kfm-rollback` has the implementation on the log; here are memory and files.
#[async_trait::async_trait]
pub trait StageStore: Debug + Send + Sync {
    /// Returns the state that was saved last, if there is one.
    ///
    /// # Errors
    /// [`StageError::Unavailable`]: try again later. [`StageError::Corrupt`]: an operator has to look at the
    /// state.
    async fn load(&self, key: &IdempotencyKey) -> Result<Option<StageState>, StageError>;

    /// Saves `state`, whose revision must be one more than the saved one.
    ///
    /// # Errors
    /// [`StageError::Conflict`]: another process works on the item; leave the item to it. Others as for
    /// `load`.
    async fn save(&self, key: &IdempotencyKey, state: &StageState) -> Result<(), StageError>;
}

const _OBJECT_SAFE: Option<&dyn StageStore> = None;

#[async_trait::async_trait]
impl<S: StageStore + ?Sized> StageStore for std::sync::Arc<S> {
    async fn load(&self, key: &IdempotencyKey) -> Result<Option<StageState>, StageError> {
        (**self).load(key).await
    }

    async fn save(&self, key: &IdempotencyKey, state: &StageState) -> Result<(), StageError> {
        (**self).save(key, state).await
    }
}

/// Keeps states in memory, for tests and for work that no later process resumes.
#[derive(Debug, Default)]
pub struct MemoryStageStore(Mutex<BTreeMap<IdempotencyKey, StageState>>);

impl MemoryStageStore {
    /// Makes an empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait::async_trait]
impl StageStore for MemoryStageStore {
    async fn load(&self, key: &IdempotencyKey) -> Result<Option<StageState>, StageError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    async fn save(&self, key: &IdempotencyKey, state: &StageState) -> Result<(), StageError> {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let there = states.get(key).map_or(0, |state| state.revision);
        if there.checked_add(1) != Some(state.revision) {
            return Err(StageError::Conflict { key: *key, revision: state.revision });
        }
        states.insert(*key, state.clone());
        Ok(())
    }
}
