//! The embedded graph, search engine and cache: all of the platform in one folder, without a server (R54).
//!
//! One small persistent cell store keeps them all; each has its domain's semantics on top: a graph
//! forgets no node, a search engine builds an index beside and switches the alias, a cache opens a generation.

mod cache;
mod cells;
mod database;
mod graph;
mod kind;
mod search;
mod store;

use std::fmt::Debug;
use std::marker::PhantomData;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use kfm_lineage::Domain;

pub use cache::Cache;
pub use graph::{Deleted, Graph, Node, NodeVersion};
pub use kind::EmbeddedKind;
pub use search::{Index, Search};

use self::cells::Cells;
use self::store::CellStore;
use crate::context::WriteContext;
use crate::op::{
    Capabilities, CompareAndSet, Depth, DomainOp, Fence, Listed, OpError, Outcomes, Probe, Seen, Swap,
    ValueIs, Visible,
};

/// The embedded graph store.
pub type EmbeddedGraph = Embedded<Graph>;
/// The embedded search engine, in alias mode.
pub type EmbeddedSearch = Embedded<Search>;
/// The embedded cache store.
pub type EmbeddedCache = Embedded<Cache>;

/// A persistent store of one domain in a folder: a SQLite database, for any number of processes of one machine.
///
/// A value is the digest of a content's canonical JSON; the store keeps its own copy of the content. The folder
/// must exist, since a missing one must not pass for an empty store; [`create`](Self::create) makes it. A call opens the
/// database, and memory holds what the call asks for. The tables `cells`, `contents` and `changes` of `cells.sqlite3` can
/// be read with any SQLite client while the platform works; a change by another hand is found as a foreign value.
///
/// The file system must have locks that hold between all processes that use it (POSIX `fcntl`): a local one has, some
/// network file systems do not.
#[derive(Debug)]
pub struct Embedded<D> {
    store: CellStore,
    domain: PhantomData<fn() -> D>,
}

/// What tells one embedded store from another.
pub trait Semantics: sealed::Sealed + Debug + 'static {
    /// The kind of the store.
    const DOMAIN: Domain;
    /// Its name among the products.
    const PRODUCT: &'static str;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Graph {}
    impl Sealed for super::Search {}
    impl Sealed for super::Cache {}
}

impl<D: Semantics> Embedded<D> {
    /// Takes a folder as a store named `name`.
    pub fn new(name: &str, folder: impl Into<PathBuf>) -> Self {
        Self { store: CellStore::new(name, folder.into()), domain: PhantomData }
    }

    /// Says that hosts share the platform: another host may take over from one that is silent and wakes later, so the
    /// store itself refuses what carries an older token.
    #[must_use]
    pub fn shared_by_hosts(self) -> Self {
        Self { store: self.store.shared(), domain: PhantomData }
    }

    /// Makes an empty store, if there is none in the folder.
    ///
    /// # Errors
    /// As [`OpError`] says.
    pub async fn create(&self) -> Result<(), OpError> {
        self.store.create().await
    }

    async fn look<T: Send + 'static>(
        &self,
        answer: impl FnOnce(&Cells<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, OpError> {
        self.store.look(answer).await
    }
}

impl<D> Clone for Embedded<D> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), domain: PhantomData }
    }
}

#[async_trait]
impl<D: Semantics> DomainOp for Embedded<D> {
    fn name(&self) -> &str {
        self.store.name()
    }

    fn domain(&self) -> Domain {
        D::DOMAIN
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            put: CompareAndSet::Generation,
            retire: CompareAndSet::Generation,
            fence: if self.store.is_shared() { Fence::Token } else { Fence::Lock },
            durable_ack: true,
            value_is: ValueIs::Mark,
            visible: Visible::AtOnce,
            cells_max: u32::MAX,
        }
    }

    async fn probe(&self) -> Result<Probe, OpError> {
        self.look(|_| Ok(())).await?;
        let mut probe = Probe::healthy(D::PRODUCT, database::FORM.to_string());
        probe.findings.extend(self.store.earlier_form());
        Ok(probe)
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, OpError> {
        let after = after.map(str::to_owned);
        self.look(move |cells| cells.scan(after.as_deref(), limit)).await
    }

    async fn observe(&self, keys: &[String], depth: Depth) -> Result<Vec<Seen>, OpError> {
        keys.iter().try_for_each(|key| self.store.check_key(key))?;
        let keys = keys.to_vec();
        self.look(move |cells| {
            let seen = |key: &String| match depth {
                Depth::Mark => cells.seen(key),
                Depth::Content => cells.seen_in_content(key),
            };
            keys.iter().map(seen).collect()
        })
        .await
    }

    async fn read(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, OpError> {
        keys.iter().try_for_each(|key| self.store.check_key(key))?;
        let keys = keys.to_vec();
        self.look(move |cells| keys.iter().map(|key| Ok(cells.content(key)?.map(Bytes::from))).collect())
            .await
    }

    async fn fence(&self, cx: &WriteContext) -> Result<(), OpError> {
        self.store.fence(cx).await
    }

    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Outcomes, OpError> {
        self.store.swap(cx, batch).await
    }

    async fn recover(&self, _: &WriteContext) -> Result<(), OpError> {
        self.store.recover().await
    }
}
