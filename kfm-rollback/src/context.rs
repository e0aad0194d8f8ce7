//! [`WriteContext`]: the proof that a write was planned, allowed and locked.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::StreamExt;
use kfm_lineage::{OperationId, Timestamp, Value};

use crate::op::{OpError, Swap};
use crate::versions::VersionStore;

/// Contents that are read from the version store at the same time.
const READS_AT_ONCE: usize = 8;

/// The proof that a store must be shown before it changes anything.
///
/// Only the executor makes one, and only while it holds the platform's lock and a permit of the policy. A dry-run
/// cannot get one, so a dry-run that writes does not compile.
#[derive(Debug)]
pub struct WriteContext {
    operation: OperationId,
    now: Timestamp,
    versions: Arc<VersionStore>,
    token: u64,
    stop: Stop,
    progress: AtomicU64,
    kept: Kept,
}

/// Says whether an operation is to stop at its next safe point.
pub(crate) struct Stop(Box<dyn Fn() -> bool + Send + Sync>);

impl Stop {
    /// Asks a function each time.
    pub(crate) fn when(asked: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Box::new(asked))
    }

    /// Lets the operation go on to its end.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn never() -> Self {
        Self::when(|| false)
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").finish_non_exhaustive()
    }
}

impl WriteContext {
    /// Made by the executor, while it holds the lock and a permit.
    pub(crate) fn new(
        operation: OperationId,
        now: Timestamp,
        versions: Arc<VersionStore>,
        token: u64,
        stop: Stop,
    ) -> Self {
        Self { operation, now, versions, token, stop, progress: AtomicU64::new(0), kept: Kept::default() }
    }

    /// Makes a context of an executor with this token, for the conformance suite of an adapter; never in a product.
    #[cfg(feature = "test-util")]
    pub fn for_conformance(versions: Arc<VersionStore>, token: u64) -> Self {
        let operation = OperationId::parse("pub_2025_11_14T03_15_42Z_conformance").expect("a well-formed id");
        let now = "2025-11-14T03:15:42Z".parse().expect("a well-formed time");
        Self::new(operation, now, versions, token, Stop::never())
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

    /// Returns the token of the executor: the epoch of its claim on the log, higher than that of every executor
    /// before.
    pub fn token(&self) -> u64 {
        self.token
    }

    /// Returns the contents that swaps bring, in their order, each checked against its digest; `None` for a swap that
    /// retires a cell. They are in memory together: a store with large contents asks for some of a batch at a time.
    ///
    /// # Errors
    /// For each swap its own, as a store named `store` answers it: the content is missing or damaged, and the store must
    /// not write anything in its place.
    ///
    /// # Cancel safety
    /// It only reads: a dropped call leaves nothing behind.
    pub async fn contents(&self, store: &str, swaps: &[Swap]) -> Vec<Result<Option<Bytes>, OpError>> {
        let read = async |to: Value| match to {
            Some(digest) => {
                let content = self.versions.get(&digest).await;
                content.map(Some).map_err(|error| OpError::of_content(store, &digest, error))
            }
            None => Ok(None),
        };
        // Collected first: a stream that borrows from its closure is not `Send`.
        let reads: Vec<_> = swaps.iter().map(|swap| read(swap.to)).collect();
        futures::stream::iter(reads).buffered(READS_AT_ONCE).collect().await
    }

    /// Says whether the operation is to stop at the next safe point.
    pub fn interrupted(&self) -> bool {
        (self.stop.0)()
    }

    /// Says that `done` of the cells of a call are ready, of those that take long. A call that says so again within
    /// ten minutes is not taken for one that hangs.
    pub fn progress(&self, done: u64) {
        self.progress.store(done, Ordering::Relaxed);
    }

    /// Returns what a store said last of its progress.
    pub(crate) fn done(&self) -> u64 {
        self.progress.load(Ordering::Relaxed)
    }

    /// Returns what stores keep open for the operation.
    pub fn kept(&self) -> Kept {
        self.kept.clone()
    }
}

/// What stores keep open while an operation lasts, under names that they choose: a connection, a file. All of it is
/// dropped at the operation's end, and at the latest with its context: also where the future of the operation was
/// dropped, and no store can be asked to [`end`](crate::op::DomainOp::end) it.
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
