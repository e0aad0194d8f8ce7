//! The laws of [`DomainOp`] as tests that run on any store (feature `test-util`).
//!
//! An adapter's tests say how to make an empty store and get one test a law:
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
//! A law that does not hold panics and says what was seen.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use kfm_lineage::{Digest, Domain, Value, canonical_json};

use crate::blob::ObjectBlobs;
use crate::context::WriteContext;
use crate::op::{DomainOp, OpError, Swap, SwapOutcome};
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

    /// Keeps a guard, such as that of a temporary folder, until the test has ended.
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

/// **Compare-and-set**: a cell of another value is left as it is, and the answer says what it is.
pub async fn a_cell_of_another_value_is_left_alone(fixture: &Fixture) {
    let (a, b, c) = (fixture.value(1).await, fixture.value(2).await, fixture.value(3).await);
    assert_eq!(fixture.swap("x.json", a, b).await, SwapOutcome::Conflict { observed: None });
    assert_eq!(fixture.swap("x.json", None, a).await, SwapOutcome::Applied);
    let before = fixture.seen().await;
    for (from, to) in [(b, c), (None, c), (b, None)] {
        let outcome = fixture.swap("x.json", from, to).await;
        assert_eq!(outcome, SwapOutcome::Conflict { observed: a }, "from {from:?} to {to:?}");
        assert_eq!(fixture.seen().await, before, "a refused swap changed the store");
    }
}

/// **Idempotent**: the same swap again changes nothing and says so, whatever its `from`.
pub async fn a_swap_made_twice_is_made_once(fixture: &Fixture) {
    let (a, b) = (fixture.value(1).await, fixture.value(2).await);
    for (from, to) in [(None, a), (a, b), (b, None)] {
        assert_eq!(fixture.swap("x.json", from, to).await, SwapOutcome::Applied);
        let once = fixture.seen().await;
        let again = fixture.swap("x.json", from, to).await;
        assert_eq!(again, SwapOutcome::Already, "the same swap was made twice");
        assert_eq!(fixture.swap("x.json", to, to).await, SwapOutcome::Already);
        assert_eq!(fixture.seen().await, once);
    }
    assert_eq!(fixture.swap("x.json", a, None).await, SwapOutcome::Already);
}

/// **Inverse**: swaps and their inverses in reverse order leave everything as it was to readers.
pub async fn a_batch_and_its_inverse_leave_the_store_as_it_was(fixture: &Fixture) {
    let (a, b) = (fixture.value(1).await, fixture.value(2).await);
    fixture.swap_all(&[("kept.json", None, a), ("gone.json", None, a)]).await;
    let before = fixture.seen().await;
    let batch = [("new.json", None, b), ("kept.json", a, b), ("gone.json", a, None)];
    assert_eq!(fixture.swap_all(&batch).await, [SwapOutcome::Applied; 3]);
    assert_ne!(fixture.seen().await, before);
    let inverse: Vec<_> = batch.iter().rev().map(|&(key, from, to)| (key, to, from)).collect();
    assert_eq!(fixture.swap_all(&inverse).await, [SwapOutcome::Applied; 3], "the inverse was not made");
    assert_eq!(fixture.seen().await, before, "the inverse left something else");
}

/// **Exact**: what was swapped in is what is listed, observed and read, small or large.
pub async fn what_was_swapped_in_is_read_exactly(fixture: &Fixture) {
    let domain = fixture.op().domain();
    let mut expected = BTreeMap::new();
    for (n, bytes_min) in [(1, 0), (2, 5_000), (3, 70_000), (4, 1_200_000)] {
        let key = format!("{n}.json");
        let content = content(domain, n, bytes_min);
        let value = Some(fixture.store(&content).await);
        assert_eq!(fixture.swap(&key, None, value).await, SwapOutcome::Applied);
        expected.insert(key, (value, Some(content)));
    }
    assert!(fixture.seen().await == expected, "what is seen is not what was swapped in");
    let never = ["never.json", "no/folder.json"].map(str::to_owned);
    assert_eq!(fixture.op().observe(&never).await.expect("the store answers"), [None, None]);
    assert_eq!(fixture.read("never.json").await, None);
}

/// **Exact**: names are taken as they are, with whatever a document's name may contain.
pub async fn odd_names_are_names_like_others(fixture: &Fixture) {
    let mut names = [
        "hydrography_<year>.json",
        "x#1.json",
        "a b/c d.json",
        "a%20b/c.json",
        "日本/ç\u{301}.json",
        "q?*|\".json",
        "-x/y z.json",
    ];
    let mut swaps = Vec::new();
    for (name, n) in names.iter().zip(1..) {
        swaps.push((*name, None, fixture.value(n).await));
    }
    assert_eq!(fixture.swap_all(&swaps).await, [SwapOutcome::Applied; 7]);
    names.sort_unstable();
    assert_eq!(
        fixture.op().keys().await.expect("the store answers"),
        names,
        "not the names, or not ascending"
    );
    for (name, _, value) in &swaps {
        assert_eq!(fixture.observe(name).await, *value, "{name}");
    }
    let inverse: Vec<_> = swaps.iter().rev().map(|&(key, from, to)| (key, to, from)).collect();
    assert_eq!(fixture.swap_all(&inverse).await, [SwapOutcome::Applied; 7]);
    assert!(fixture.seen().await.is_empty());
}

/// A key that the store cannot have is refused as such, wherever it is used, and changes nothing.
pub async fn a_key_that_cannot_be_is_refused(fixture: &Fixture) {
    let (op, cx, value) = (fixture.op(), fixture.context(), fixture.value(1).await);
    for key in ["", "a\nb.json", "a\0.json"] {
        let swap = Swap { key: key.to_owned(), from: None, to: value };
        let answers = [
            op.observe(&[key.to_owned()]).await.map(drop),
            op.read(key).await.map(drop),
            op.swap(&cx, &[swap]).await.map(drop),
        ];
        for answer in answers {
            assert!(matches!(answer, Err(OpError::InvalidKey { .. })), "{key:?}: {answer:?}");
        }
    }
    assert!(fixture.seen().await.is_empty());
}

/// Swaps are made in the order of the batch, and a conflict does not stop those after it.
pub async fn a_batch_is_swapped_in_its_order(fixture: &Fixture) {
    let (a, b, c) = (fixture.value(1).await, fixture.value(2).await, fixture.value(3).await);
    let batch = [
        ("x.json", None, a),
        ("y.json", None, b),
        ("x.json", a, b),
        ("x.json", a, c),
        ("x.json", b, c),
        ("y.json", b, None),
        ("y.json", None, a),
    ];
    let applied = SwapOutcome::Applied;
    let conflict = SwapOutcome::Conflict { observed: b };
    assert_eq!(
        fixture.swap_all(&batch).await,
        [applied, applied, applied, conflict, applied, applied, applied],
        "not the answers of this order"
    );
    assert_eq!((fixture.observe("x.json").await, fixture.observe("y.json").await), (c, a));
    assert!(fixture.swap_all(&[]).await.is_empty());
}

/// A value may come back: A to B to A to B is four swaps.
pub async fn a_value_may_come_back(fixture: &Fixture) {
    let (a, b) = (fixture.value(1).await, fixture.value(2).await);
    for (from, to) in [(None, a), (a, b), (b, a), (a, b), (b, None), (None, b), (b, a)] {
        assert_eq!(fixture.swap("x.json", from, to).await, SwapOutcome::Applied, "from {from:?} to {to:?}");
        assert_eq!(fixture.observe("x.json").await, to);
    }
}

/// Content that the version store lacks is an error that names it, and the cell is left as it is.
pub async fn a_cell_whose_content_is_missing_is_left_alone(fixture: &Fixture) {
    let domain = fixture.op().domain();
    let a = fixture.value(1).await;
    fixture.swap("x.json", None, a).await;
    let missing = digest_of(domain, &content(domain, 99, 0));
    for (key, from) in [("x.json", a), ("new.json", None)] {
        let swap = Swap { key: key.to_owned(), from, to: Some(missing) };
        let answer = fixture.op().swap(&fixture.context(), &[swap]).await;
        assert!(
            matches!(&answer, Err(OpError::Content { digest, .. }) if *digest == missing),
            "{key}: {answer:?}"
        );
        assert_eq!(fixture.observe(key).await, from, "{key}");
    }
}

/// **Keeps**: after a retire and a replacement, the engine's content is still there and can be restored.
pub async fn what_was_retired_or_replaced_can_be_restored(fixture: &Fixture) {
    let (a, b) = (fixture.value(1).await, fixture.value(2).await);
    let content = fixture.versions.get(&a.expect("a value")).await.expect("it was stored");
    for between in [None, b] {
        fixture.swap("x.json", None, a).await;
        fixture.swap("x.json", a, between).await;
        assert_eq!(fixture.swap("x.json", between, a).await, SwapOutcome::Applied);
        assert_eq!(fixture.read("x.json").await, Some(content.clone()), "restored as something else");
        fixture.swap("x.json", a, None).await;
        assert_eq!(fixture.read("x.json").await, None, "a retired cell is absent");
        assert!(fixture.op().keys().await.expect("the store answers").is_empty());
    }
}

/// **Reads write nothing**: no byte, no name and no time stamp changes.
pub async fn reads_write_nothing(fixture: &Fixture) {
    let Some(folder) = &fixture.folder else { return };
    let a = fixture.value(1).await;
    let unused = files(folder);
    fixture.seen().await;
    fixture.observe("never.json").await;
    fixture.read("never.json").await;
    assert_eq!(files(folder), unused, "reading an unused store wrote something");
    fixture.swap_all(&[("x.json", None, a), ("y/z.json", None, a)]).await;
    let before = files(folder);
    fixture.seen().await;
    fixture.observe("never.json").await;
    fixture.read("never.json").await;
    assert_eq!(files(folder), before, "reading wrote something");
}

/// **Whole**, and no cache: another handle sees the old value or the new one, and the new one afterwards.
pub async fn a_reader_sees_the_old_value_or_the_new_one(fixture: &Fixture) {
    const ROUNDS: u64 = 8;
    let domain = fixture.op().domain();
    let mut contents = Vec::new();
    for n in 0..ROUNDS {
        let content = content(domain, n, 100_000);
        contents.push((Some(fixture.store(&content).await), Some(content)));
    }
    let reader = fixture.op();
    fixture.swap("x.json", None, contents[0].0).await;
    for pair in contents.windows(2) {
        let [(from, old), (to, new)] = pair else { continue };
        let reads = async {
            for _ in 0..4 {
                let read = reader.read("x.json").await.expect("the store answers");
                assert!(read == *old || read == *new, "a reader saw what was never swapped in");
            }
        };
        let (outcome, ()) = futures::future::join(fixture.swap("x.json", *from, *to), reads).await;
        assert_eq!(outcome, SwapOutcome::Applied);
        assert!(reader.read("x.json").await.expect("the store answers") == *new, "a handle caches");
    }
}

/// `recover` removes what a crash left and changes nothing that readers see, also when it runs twice.
pub async fn recovery_removes_only_what_nobody_sees(fixture: &Fixture) {
    let a = fixture.value(1).await;
    fixture.swap_all(&[("x.json", None, a), ("y/z.json", None, a)]).await;
    let seen = fixture.seen().await;
    let names = fixture.folder.as_deref().map(|folder| files(folder).into_keys().collect::<Vec<_>>());
    for _ in 0..2 {
        if let Some(leave) = &fixture.leave_unfinished {
            leave();
        }
        assert_eq!(fixture.seen().await, seen, "readers see what a crash left");
        fixture.op().recover(&fixture.context()).await.expect("the store recovers");
        fixture.op().recover(&fixture.context()).await.expect("the store recovers again");
        let left = fixture.folder.as_deref().map(|folder| files(folder).into_keys().collect::<Vec<_>>());
        assert_eq!(left, names, "recovery left something, or took too much");
        assert_eq!(fixture.seen().await, seen, "recovery changed what readers see");
    }
    assert_eq!(fixture.swap("x.json", a, None).await, SwapOutcome::Applied, "recovery spoilt the store");
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

/// Makes a test module with one test a law, each on a store of its own: `op_conformance!(name, an_empty_store)`.
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

/// Everything in a folder: names, bytes and times of change.
fn files(root: &Path) -> BTreeMap<PathBuf, (Vec<u8>, Option<SystemTime>)> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("the folder can be read").path();
            let changed = std::fs::symlink_metadata(&path).and_then(|metadata| metadata.modified()).ok();
            if path.is_dir() {
                folders.push(path.clone());
            }
            files.insert(path.clone(), (std::fs::read(&path).unwrap_or_default(), changed));
        }
    }
    files
}
