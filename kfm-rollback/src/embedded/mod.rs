//! The embedded graph, search engine and cache: all of the platform in one folder, without a server (R54).
//!
//! One small persistent cell store keeps them all; each has its domain's semantics on top: a graph
//! forgets no node, a search engine builds an index beside and switches the alias, a cache opens a generation.

mod append;
mod cache;
mod cells;
mod graph;
mod kind;
pub mod record;
mod search;
mod store;
mod writers;

use std::fmt::Debug;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use kfm_lineage::Domain;
use kfm_retry::Clock;
use kfm_wal::local::disk::Disk;

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

/// A persistent store of one domain in a folder, for one writer at a time and any number of readers.
///
/// A value is the digest of a content's canonical JSON; the store keeps its own copy of the content. The folder
/// must exist, since a missing one must not pass for an empty store; [`create`](Self::create) makes it. Each
/// process reads the whole store and holds it in memory, except contents above 64 KiB: the store is for platforms
/// that fit on one machine.
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
    /// Takes a folder as a store named `name`; `clock` gives the time of each change.
    pub fn new(name: &str, folder: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self { store: CellStore::new(name, folder.into(), clock), domain: PhantomData }
    }

    /// Sets the file system that the log is on; a test gives one that fails.
    #[must_use]
    pub fn with_disk(self, disk: Arc<dyn Disk>) -> Self {
        Self { store: self.store.with_disk(disk), domain: PhantomData }
    }

    /// Says that hosts share the platform: another host may take over from one that is silent, so the store keeps nothing
    /// open between two calls.
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
        answer: impl FnOnce(&Cells) -> T + Send + 'static,
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
            fence: Fence::Lock,
            durable_ack: true,
            value_is: ValueIs::Content,
            visible: Visible::AtOnce,
            cells_max: u32::MAX,
        }
    }

    async fn probe(&self) -> Result<Probe, OpError> {
        self.look(|_| ()).await?;
        Ok(Probe::healthy(D::PRODUCT, record::CELL_BATCH_SCHEMA.to_string()))
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, OpError> {
        let after = after.map(str::to_owned);
        self.look(move |cells| cells.scan(after.as_deref(), limit)).await
    }

    async fn observe(&self, keys: &[String], _: Depth) -> Result<Vec<Seen>, OpError> {
        keys.iter().try_for_each(|key| self.store.check_key(key))?;
        let keys = keys.to_vec();
        self.look(move |cells| keys.iter().map(|key| cells.seen(key)).collect()).await
    }

    async fn read(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, OpError> {
        keys.iter().try_for_each(|key| self.store.check_key(key))?;
        let keys = keys.to_vec();
        let content = move |cells: &Cells, key: &String| cells.get(key).and_then(|cell| cell.content.clone());
        let found: Vec<_> =
            self.look(move |cells| keys.iter().map(|key| content(cells, key)).collect()).await?;
        let mut contents = Vec::with_capacity(found.len());
        for content in found {
            contents.push(match content {
                Some(content) => Some(self.store.bytes(content).await?),
                None => None,
            });
        }
        Ok(contents)
    }

    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Outcomes, OpError> {
        self.store.swap(cx, batch).await
    }

    async fn recover(&self, _: &WriteContext) -> Result<(), OpError> {
        self.store.recover().await
    }

    async fn end(&self, cx: &WriteContext) -> Result<(), OpError> {
        self.store.end(cx).await
    }
}
