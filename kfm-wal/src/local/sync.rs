//! The locks of the committer, in one place, so that a model checker can put its own in theirs.

pub(crate) use std::sync::{Arc, Mutex};
use std::sync::{MutexGuard, PoisonError};

/// Locks a mutex, also after a panic in another thread: what these locks guard is never left half done.
pub(crate) fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
