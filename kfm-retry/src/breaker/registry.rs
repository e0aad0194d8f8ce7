//! Breakers by name: all callers of a dependency share its breaker.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Breaker, BreakerPolicy};

/// The breakers of a process, by the names of their dependencies.
///
/// ```
/// use kfm_retry::breaker::{BreakerPolicy, Breakers};
/// use std::sync::Arc;
///
/// let breakers = Breakers::new(BreakerPolicy::kfm());
/// let (one, other) = (breakers.of("stac"), breakers.of("stac"));
/// assert!(Arc::ptr_eq(&one, &other));
/// ```
#[derive(Debug)]
pub struct Breakers {
    policy: BreakerPolicy,
    by_name: Mutex<BTreeMap<String, Arc<Breaker>>>,
}

impl Breakers {
    /// Makes an empty registry. A breaker gets `policy` unless it is made with one of its own.
    pub const fn new(policy: BreakerPolicy) -> Self {
        Self { policy, by_name: Mutex::new(BTreeMap::new()) }
    }

    /// Returns the breaker of `name`; makes it with the registry's policy if it is not there yet.
    pub fn of(&self, name: &str) -> Arc<Breaker> {
        self.with_policy(name, self.policy)
    }

    /// Returns the breaker of `name`; makes it with `policy` if it is not there yet. A breaker keeps its
    /// first policy.
    pub fn with_policy(&self, name: &str, policy: BreakerPolicy) -> Arc<Breaker> {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(breaker) = by_name.get(name) {
            return Arc::clone(breaker);
        }
        let breaker = Arc::new(Breaker::named(name, policy));
        by_name.insert(name.to_owned(), Arc::clone(&breaker));
        breaker
    }

    /// Returns all breakers, in the order of their names.
    pub fn all(&self) -> Vec<Arc<Breaker>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
