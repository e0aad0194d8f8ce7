//! The laws of [`DomainOp`] as tests that run on any store (feature `test-util`).
//!
//! An adapter's tests give a function that makes an empty store, and get one test for each law:
//!
//! ```
//! use std::sync::Arc;
//! use kfm_lineage::Domain;
//! use kfm_rollback::conformance::Fixture;
//! use kfm_rollback::memory::MemoryOp;
//!
//! async fn an_empty_store() -> Fixture {
//!     let op = MemoryOp::new("catalog", Domain::Stac);
//!     Fixture::new(move || Arc::new(op.clone()))
//! }
//!
//! kfm_rollback::op_conformance!(memory_catalog, an_empty_store);
//! # kfm_rollback::conformance::run(kfm_rollback::conformance::all(an_empty_store));
//! ```
//!
//! A law that does not hold panics, and the message says what was seen.

mod laws;

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use kfm_lineage::{Digest, Domain, Value, canonical_json};

pub use laws::*;

use crate::blob::ObjectBlobs;
use crate::context::WriteContext;
use crate::op::{DomainOp, Swap, SwapOutcome};
use crate::versions::VersionStore;

/// One store under test, empty, and what a test needs to know of it.
pub struct Fixture {
    handle: Box<dyn Fn() -> Arc<dyn DomainOp> + Send + Sync>,
    folder: Option<PathBuf>,
    leave_unfinished: Option<Box<dyn Fn() + Send + Sync>>,
    kept: Vec<Box<dyn Any + Send + Sync>>,
    versions: Arc<VersionStore>,
}

impl Fixture {
    /// Takes a store; each call of `handle` opens it anew, as another process would.
    pub fn new(handle: impl Fn() -> Arc<dyn DomainOp> + Send + Sync + 'static) -> Self {
        Self {
            handle: Box::new(handle),
            folder: None,
            leave_unfinished: None,
            kept: Vec::new(),
            versions: Arc::new(VersionStore::new(Arc::new(ObjectBlobs::in_memory()))),
        }
    }

    /// Names the folder that the store's files are in, which reads must leave as it is.
    #[must_use]
    pub fn in_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Says how to leave in that folder what a crash in the middle of a swap would leave.
    #[must_use]
    pub fn leaving_unfinished(mut self, leave: impl Fn() + Send + Sync + 'static) -> Self {
        self.leave_unfinished = Some(Box::new(leave));
        self
    }

    /// Keeps a guard, such as the one that removes a temporary folder, until the test has ended.
    #[must_use]
    pub fn keeping(mut self, guard: impl Any + Send + Sync) -> Self {
        self.kept.push(Box::new(guard));
        self
    }

    fn op(&self) -> Arc<dyn DomainOp> {
        (self.handle)()
    }

    fn context(&self) -> WriteContext {
        WriteContext::for_conformance(Arc::clone(&self.versions))
    }

    /// Stores a content as the engine does before it moves anything, and returns its value.
    async fn store(&self, content: &Bytes) -> Digest {
        let digest = digest_of(self.op().domain(), content);
        self.versions.put(vec![(digest, content.clone())]).await.expect("memory takes every content");
        digest
    }

    /// The `n`th content that a cell of this store can have, stored.
    async fn value(&self, n: u64) -> Value {
        Some(self.store(&content(self.op().domain(), n, 0)).await)
    }

    async fn swap(&self, key: &str, from: Value, to: Value) -> SwapOutcome {
        let outcomes = self.swap_all(&[(key, from, to)]).await;
        outcomes[0]
    }

    async fn swap_all(&self, swaps: &[(&str, Value, Value)]) -> Vec<SwapOutcome> {
        let batch: Vec<Swap> =
            swaps.iter().map(|&(key, from, to)| Swap { key: key.to_owned(), from, to }).collect();
        let outcomes = self.op().swap(&self.context(), &batch).await.expect("the store takes the batch");
        assert_eq!(outcomes.len(), batch.len(), "one answer per swap");
        outcomes
    }

    async fn observe(&self, key: &str) -> Value {
        let values = self.op().observe(&[key.to_owned()]).await.expect("the store answers");
        assert_eq!(values.len(), 1, "one value per key");
        values[0]
    }

    async fn read(&self, key: &str) -> Option<Bytes> {
        self.op().read(key).await.expect("the store answers")
    }

    /// Everything that readers see.
    async fn seen(&self) -> BTreeMap<String, (Value, Option<Bytes>)> {
        let mut seen = BTreeMap::new();
        for key in self.op().keys().await.expect("the store answers") {
            let cell = (self.observe(&key).await, self.read(&key).await);
            seen.insert(key, cell);
        }
        seen
    }
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture")
            .field("op", &self.op())
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// Calls a macro with the names of all laws: one list is the suite, its tests and their order.
#[doc(hidden)]
#[macro_export]
macro_rules! __for_each_op_law {
    ($callback:ident $args:tt) => {
        $crate::$callback! {
            $args
            a_cell_of_another_value_is_left_alone
            a_swap_made_twice_is_made_once
            a_batch_and_its_inverse_leave_the_store_as_it_was
            what_was_swapped_in_is_read_exactly
            odd_names_are_names_like_others
            a_key_that_cannot_be_is_refused
            a_batch_is_swapped_in_its_order
            a_value_may_come_back
            a_cell_whose_content_is_missing_is_left_alone
            what_was_retired_or_replaced_can_be_restored
            reads_write_nothing
            a_reader_sees_the_old_value_or_the_new_one
            recovery_removes_only_what_nobody_sees
        }
    };
}

/// Makes a test module with one test for each law, each on a store of its own:
/// `op_conformance!(name, an_empty_store)`.
///
/// `an_empty_store` is an `async fn() -> Fixture`.
#[macro_export]
macro_rules! op_conformance {
    ($suite:ident, $fixture:expr) => {
        $crate::__for_each_op_law! { __op_law_tests ($suite, $fixture) }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __op_law_tests {
    (($suite:ident, $fixture:expr) $($law:ident)*) => {
        #[cfg(test)]
        mod $suite {
            use super::*;
            $(
                #[test]
                fn $law() {
                    $crate::conformance::run(async { $crate::conformance::$law(&$fixture().await).await });
                }
            )*
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __op_law_calls {
    (($fixture:ident) $($law:ident)*) => { $( $law(&$fixture().await).await; )* };
}

/// Runs all laws, each on a store of its own.
pub async fn all<F: Future<Output = Fixture>>(an_empty_store: impl Fn() -> F) {
    crate::__for_each_op_law! { __op_law_calls (an_empty_store) }
}

/// Runs a future to its end on a runtime of its own.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime without drivers needs nothing").block_on(future)
}

/// A content that a cell of a domain can have; contents of different `n` differ.
fn content(domain: Domain, n: u64, bytes_min: usize) -> Bytes {
    let filling = "x".repeat(bytes_min);
    match domain {
        // Not even JSON: a document is restored byte for byte, whatever it is.
        Domain::Stac => [format!("{{ \"n\":{n},\r\n{filling}").as_bytes(), b"\0\xff"].concat().into(),
        Domain::Graph | Domain::Search | Domain::Cache => {
            let value = serde_json::json!({ "n": n, "filling": filling });
            canonical_json(&value).expect("small numbers have a canonical form").into()
        }
    }
}

fn digest_of(domain: Domain, content: &[u8]) -> Digest {
    match domain {
        Domain::Stac => Digest::of_bytes(content),
        Domain::Graph | Domain::Search | Domain::Cache => Digest::of_canonical_bytes(content),
    }
}
