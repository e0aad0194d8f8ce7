//! [`WriteContext`]: the proof that a write was planned, allowed and locked.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use kfm_lineage::{Digest, OperationId, Timestamp};

use crate::versions::{VersionError, VersionStore};

/// The proof that a store must be shown before it changes anything.
///
/// Only the executor makes one, and only while it holds the platform's lock and a permit of the policy. A dry-run
/// cannot get one, so a dry-run that writes does not compile.
#[derive(Debug)]
pub struct WriteContext {
    operation: OperationId,
    now: Timestamp,
    versions: Arc<VersionStore>,
    token: Option<u64>,
    kept: Kept,
}

impl WriteContext {
    /// Made by the executor, while it holds the lock and a permit.
    pub(crate) fn new(
        operation: OperationId,
        now: Timestamp,
        versions: Arc<VersionStore>,
        token: Option<u64>,
    ) -> Self {
        Self { operation, now, versions, token, kept: Kept::default() }
    }

    /// Makes a context for the conformance suite of an adapter; never in a product.
    #[cfg(feature = "test-util")]
    pub fn for_conformance(versions: Arc<VersionStore>) -> Self {
        let operation = OperationId::parse("pub_2025_11_14T03_15_42Z_conformance").expect("a well-formed id");
        let now = "2025-11-14T03:15:42Z".parse().expect("a well-formed time");
        Self::new(operation, now, versions, None)
    }

    /// Returns the operation that writes.
    pub fn operation(&self) -> &OperationId {
        &self.operation
    }

    /// Returns the time of the operation's run, for what a store dates: the later one of the clock and the log's newest
    /// record when the run began.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns the token of the executor's claim on a log that hosts share: it grows from holder to holder, so a store
    /// that has seen a higher one refuses this one. `None` where the platform's lock alone keeps others out.
    pub fn token(&self) -> Option<u64> {
        self.token
    }

    /// Returns the content whose digest is given, checked against that digest.
    ///
    /// # Errors
    /// [`VersionError`]: the content is missing or damaged; the store must not write anything in its place.
    pub async fn content(&self, digest: &Digest) -> Result<Bytes, VersionError> {
        self.versions.get(digest).await
    }

    /// Returns what stores keep open for the operation.
    pub fn kept(&self) -> Kept {
        self.kept.clone()
    }
}

/// What stores keep open while an operation lasts, under names that they choose: a connection, a file. All of it is
/// dropped at the operation's end, and at the latest with its context.
#[derive(Debug, Clone, Default)]
pub struct Kept(Arc<Mutex<BTreeMap<String, Arc<dyn Any + Send + Sync>>>>);

impl Kept {
    /// Keeps something under a name; what stood there is let go.
    pub fn put(&self, name: &str, thing: Arc<dyn Any + Send + Sync>) {
        let replaced = self.lock().insert(name.to_owned(), thing);
        drop(replaced);
    }

    /// Returns what is kept under a name; `None` if nothing is, or something of another type.
    pub fn get<T: Send + Sync + 'static>(&self, name: &str) -> Option<Arc<T>> {
        Arc::clone(self.lock().get(name)?).downcast().ok()
    }

    /// Lets go of what is kept under a name.
    pub fn release(&self, name: &str) {
        let released = self.lock().remove(name);
        drop(released);
    }

    /// Lets go of everything.
    pub(crate) fn release_all(&self) {
        let released = std::mem::take(&mut *self.lock());
        drop(released);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<dyn Any + Send + Sync>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
