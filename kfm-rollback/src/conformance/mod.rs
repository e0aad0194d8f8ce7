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
//!
//! What a store promises ([`Capabilities`](crate::op::Capabilities)) is held against it. Some laws need more than the
//! trait shows, and are not judged without it:
//!
//! | law | needs |
//! |---|---|
//! | reads write nothing; recovery takes what a crash left | [`in_folder`](Fixture::in_folder), or [`in_state`](Fixture::in_state) |
//! | recovery takes what a crash left | [`leaving_unfinished`](Fixture::leaving_unfinished) |
//! | another reader sees what was swapped | [`read_by`](Fixture::read_by); without it a second handle reads |
//! | a foreign edit is seen though the mark is as it was | [`edited_by`](Fixture::edited_by) |
//! | lost requests and answers | [`cut_by`](Fixture::cut_by) |
//! | what is answered is durable | [`losing_power`](Fixture::losing_power) |

mod laws;

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use kfm_lineage::{Domain, Value, canonical_json};

pub use laws::*;

use crate::blob::ObjectBlobs;
use crate::context::WriteContext;
use crate::op::{Depth, DomainOp, Outcomes, Seen, Swap, Swapped, Visible};
use crate::versions::VersionStore;

/// Everything in a store, by names that do not change: bytes, and times of change where it has them.
pub type State = BTreeMap<String, Vec<u8>>;

/// Where a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Before the request arrives.
    Request,
    /// After the product has done what it was asked.
    Answer,
}

type Opened = Box<dyn Fn(Cut) -> Arc<dyn DomainOp> + Send + Sync>;

type Asked<A, T> = Box<dyn Fn(A) -> BoxFuture<'static, T> + Send + Sync>;

/// One store under test, empty, and what a test needs to know of it.
pub struct Fixture {
    handle: Box<dyn Fn() -> Arc<dyn DomainOp> + Send + Sync>,
    names: Vec<String>,
    content: Option<Box<dyn Fn(u64, usize) -> Bytes + Send + Sync>>,
    state: Option<Asked<(), State>>,
    leave_unfinished: Option<Box<dyn Fn() + Send + Sync>>,
    read: Option<Asked<String, Option<Bytes>>>,
    edit: Option<Asked<(String, Bytes), ()>>,
    cut: Option<Opened>,
    lose_power: Option<Box<dyn Fn() + Send + Sync>>,
    kept: Vec<Box<dyn Any + Send + Sync>>,
    versions: Arc<VersionStore>,
}

impl Fixture {
    /// Takes a store; each call of `handle` opens it anew, as another process would.
    pub fn new(handle: impl Fn() -> Arc<dyn DomainOp> + Send + Sync + 'static) -> Self {
        Self {
            handle: Box::new(handle),
            names: ODD_NAMES.map(str::to_owned).to_vec(),
            content: None,
            state: None,
            leave_unfinished: None,
            read: None,
            edit: None,
            cut: None,
            lose_power: None,
            kept: Vec::new(),
            versions: Arc::new(VersionStore::new(Arc::new(ObjectBlobs::in_memory()))),
        }
    }

    /// Names keys that the store can have and that are as odd as its keys get, where it cannot have all those that a
    /// document can have.
    #[must_use]
    pub fn named(mut self, names: &[&str]) -> Self {
        self.names = names.iter().map(|&name| name.to_owned()).collect();
        self
    }

    /// Says which contents the store takes, where it does not take all that its domain can have: the `n`th one, of at
    /// least so many bytes.
    #[must_use]
    pub fn holding(mut self, content: impl Fn(u64, usize) -> Bytes + Send + Sync + 'static) -> Self {
        self.content = Some(Box::new(content));
        self
    }

    /// Names the folder that all files of the store are in: its state.
    #[must_use]
    pub fn in_folder(self, folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        self.in_state(move || std::future::ready(files(&folder)))
    }

    /// Says how to look at all that the store keeps, past its adapter.
    #[must_use]
    pub fn in_state<F>(mut self, look: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = State> + Send + 'static,
    {
        self.state = Some(Box::new(move |()| look().boxed()));
        self
    }

    /// Says how to leave in the store what a crash in the middle of a swap would leave.
    #[must_use]
    pub fn leaving_unfinished(mut self, leave: impl Fn() + Send + Sync + 'static) -> Self {
        self.leave_unfinished = Some(Box::new(leave));
        self
    }

    /// Says how one of the product's readers reads a cell, past the adapter: a search, a query, a GET.
    #[must_use]
    pub fn read_by<F>(mut self, read: impl Fn(String) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Option<Bytes>> + Send + 'static,
    {
        self.read = Some(Box::new(move |key| read(key).boxed()));
        self
    }

    /// Says how another hand changes the content that readers see at a cell, and leaves every mark beside it as it is.
    #[must_use]
    pub fn edited_by<F>(mut self, edit: impl Fn(String, Bytes) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.edit = Some(Box::new(move |(key, content)| edit(key, content).boxed()));
        self
    }

    /// Says how to open the store over a connection that is cut once, at the next swap.
    #[must_use]
    pub fn cut_by(mut self, cut: impl Fn(Cut) -> Arc<dyn DomainOp> + Send + Sync + 'static) -> Self {
        self.cut = Some(Box::new(cut));
        self
    }

    /// Says how the store's machine loses its power and comes back; handles that are open are not used after it.
    #[must_use]
    pub fn losing_power(mut self, lose: impl Fn() + Send + Sync + 'static) -> Self {
        self.lose_power = Some(Box::new(lose));
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

    /// The context of an executor that nobody has followed.
    fn context(&self) -> WriteContext {
        self.context_of(TOKEN)
    }

    fn context_of(&self, token: u64) -> WriteContext {
        WriteContext::for_conformance(Arc::clone(&self.versions), token)
    }

    /// Stores a content as the engine does before it moves anything, and returns its value.
    async fn store(&self, content: &Bytes) -> Value {
        let formed = self.op().form("x.json", content.clone());
        let (digest, bytes) = formed.expect("the store keeps contents of its domain");
        self.versions.put(vec![(digest, bytes)]).await.expect("a form matches its digest");
        Some(digest)
    }

    /// The `n`th content that a cell of this store can have, in the store's form.
    fn content(&self, n: u64, bytes_min: usize) -> Bytes {
        let content = match &self.content {
            Some(content) => content(n, bytes_min),
            None => content(self.op().domain(), n, bytes_min),
        };
        self.op().form("x.json", content).expect("the store keeps contents of its domain").1
    }

    /// The `n`th value that a cell of this store can have, stored.
    async fn value(&self, n: u64) -> Value {
        self.store(&self.content(n, 0)).await
    }

    async fn swap(&self, key: &str, from: Value, to: Value) -> Outcome {
        self.swap_all(&[(key, from, to)]).await.remove(0)
    }

    async fn swap_all(&self, swaps: &[(&str, Value, Value)]) -> Vec<Outcome> {
        let swapped = self.try_swap_all(swaps).await.into_iter();
        swapped.map(|swapped| Outcome::of(&swapped.expect("the store takes the swap"))).collect()
    }

    /// Swaps from what stands there, where that has the value, as the engine does; and settles.
    async fn try_swap_all(&self, swaps: &[(&str, Value, Value)]) -> Outcomes {
        let (op, cx) = (self.op(), self.context());
        let keys: Vec<String> = swaps.iter().map(|(key, ..)| (*key).to_owned()).collect();
        let seen = op.observe(&keys, Depth::Mark).await.expect("the store answers");
        let batch: Vec<Swap> = swaps
            .iter()
            .zip(seen)
            .map(|(&(key, from, to), seen)| {
                let from = if seen.value == from { seen } else { Seen::value(from) };
                Swap { key: key.to_owned(), from, to }
            })
            .collect();
        let swapped = op.swap(&cx, &batch).await.expect("the store takes the batch");
        assert_eq!(swapped.len(), batch.len(), "one answer per swap");
        self.settle(&*op, &cx, &keys).await;
        swapped
    }

    async fn settle(&self, op: &dyn DomainOp, cx: &WriteContext, keys: &[String]) {
        if op.capabilities().visible == Visible::AfterSettle {
            op.settle(cx, keys).await.expect("the store settles");
        }
    }

    async fn seen_at(&self, key: &str, depth: Depth) -> Seen {
        let seen = self.op().observe(&[key.to_owned()], depth).await.expect("the store answers");
        assert_eq!(seen.len(), 1, "one answer per key");
        seen.into_iter().next().unwrap_or_default()
    }

    async fn observe(&self, key: &str) -> Value {
        self.seen_at(key, Depth::Content).await.value
    }

    async fn read(&self, key: &str) -> Option<Bytes> {
        let read = self.op().read(&[key.to_owned()]).await.expect("the store answers");
        assert_eq!(read.len(), 1, "one answer per key");
        read.into_iter().next().flatten()
    }

    async fn keys(&self) -> Vec<String> {
        let (op, mut keys) = (self.op(), Vec::<String>::new());
        loop {
            let page = op.scan(keys.last().map(String::as_str), 1_000).await.expect("the store answers");
            if page.is_empty() {
                return keys;
            }
            keys.extend(page.into_iter().map(|(key, _)| key));
            assert!(keys.is_sorted_by(|a, b| a < b), "not the names, or not ascending: {keys:?}");
        }
    }

    /// Everything that readers see.
    async fn seen(&self) -> BTreeMap<String, (Value, Option<Bytes>)> {
        let mut seen = BTreeMap::new();
        for key in self.keys().await {
            let cell = (self.observe(&key).await, self.read(&key).await);
            seen.insert(key, cell);
        }
        seen
    }

    /// All that the store keeps, where the test can look at it.
    async fn state(&self) -> Option<State> {
        match &self.state {
            Some(look) => Some(look(()).await),
            None => None,
        }
    }
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture").field("op", &self.op()).finish_non_exhaustive()
    }
}

/// The token of the executor in most laws.
const TOKEN: u64 = 5;

/// Names with whatever a document's name may contain.
const ODD_NAMES: [&str; 7] = [
    "hydrography_<year>.json",
    "x#1.json",
    "a b/c d.json",
    "a%20b/c.json",
    "日本/ç\u{301}.json",
    "q?*|\".json",
    "-x/y z.json",
];

/// What became of a swap, without generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Applied,
    Already,
    Conflict(Value),
}

impl Outcome {
    fn of(swapped: &Swapped) -> Self {
        match swapped {
            Swapped::Applied { .. } => Self::Applied,
            Swapped::Already { .. } => Self::Already,
            Swapped::Conflict { observed } => Self::Conflict(observed.value),
        }
    }
}

/// Everything in a folder: names, bytes and times of change.
fn files(root: &Path) -> State {
    let mut files = State::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("the folder can be read").path();
            let changed = std::fs::symlink_metadata(&path).and_then(|metadata| metadata.modified()).ok();
            let changed = changed.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
            if path.is_dir() {
                folders.push(path.clone());
            }
            let mut state = std::fs::read(&path).unwrap_or_default();
            state.extend(changed.map_or(0, |changed| changed.as_nanos()).to_be_bytes());
            files.insert(path.display().to_string(), state);
        }
    }
    files
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
            each_cell_of_a_batch_has_its_own_outcome
            a_value_may_come_back
            a_cell_whose_content_is_missing_is_left_alone
            what_was_retired_or_replaced_can_be_restored
            answers_come_in_the_order_of_the_keys
            a_form_is_its_own_form_and_matches_its_digest
            a_probe_names_the_product_and_finds_a_healthy_one_healthy
            reads_write_nothing
            a_page_is_bounded_ascending_and_above_its_start
            pages_miss_nothing_while_another_writes
            a_reader_sees_the_old_value_or_the_new_one
            another_reader_sees_what_was_swapped
            a_foreign_edit_is_seen_though_the_mark_is_as_it_was
            recovery_removes_only_what_no_reader_sees
            of_two_writers_one_wins
            of_a_retire_and_a_replacement_one_wins
            batches_in_opposite_orders_do_not_stand_in_each_others_way
            a_generation_that_is_handed_back_is_the_one_that_stands
            a_value_that_went_and_came_back_is_not_taken_for_untouched
            a_retire_does_not_take_what_was_touched
            a_lost_request_or_answer_is_no_outcome
            a_dropped_swap_leaves_each_cell_old_or_new
            what_was_answered_survives_the_loss_of_power
            a_stale_token_changes_nothing
            a_fence_is_raised_again_by_the_same_executor_and_by_the_next
            a_batch_up_to_the_limit_is_taken
            staging_shows_nothing
            what_an_operation_keeps_is_given_back_at_its_end
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

#[doc(hidden)]
#[macro_export]
macro_rules! __op_laws_broken {
    (($fixture:ident) $($law:ident)*) => {{
        let mut broken = Vec::new();
        $(
            let fixture = $fixture().await;
            let kept = tokio::spawn(async move { $law(&fixture).await }).await;
            if kept.is_err() {
                broken.push(stringify!($law));
            }
        )*
        broken
    }};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __op_law_names {
    (() $($law:ident)*) => { &[$(stringify!($law)),*] };
}

/// The names of all laws, in their order.
pub const LAWS: &[&str] = crate::__for_each_op_law! { __op_law_names () };

/// Runs all laws, each on a store of its own.
pub async fn all<F: Future<Output = Fixture>>(an_empty_store: impl Fn() -> F) {
    crate::__for_each_op_law! { __op_law_calls (an_empty_store) }
}

/// Runs all laws, each on a store of its own, and names those that do not hold.
pub async fn broken_laws<F: Future<Output = Fixture>>(an_empty_store: impl Fn() -> F) -> Vec<&'static str> {
    crate::__for_each_op_law! { __op_laws_broken (an_empty_store) }
}

/// Runs a future to its end on a runtime of its own, of several threads, with every driver that the program was built
/// with.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    runtime.expect("a runtime can be made").block_on(future)
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
