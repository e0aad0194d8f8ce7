//! Feeds lineage from the log: which version was made from which (R31, R33). It goes on as the log grows.
//!
//! A version was made from the versions that its `derived_from` links led to when it was published, a derivative
//! from what its pipeline recorded, and a hotfix from the version that it patched (`docs/states.md` section 2).
//! Membership in a collection, version history and derived cells are not dependences, so they are not fed.
//!
//! [`graph`] grows by one operation at a time. A command grows a graph from the log that it has folded, no further
//! back than it needs; [`LineageFeed`] grows one from each record as it comes. [`scope`] asks either of them.

mod graph;
mod scope;

use std::collections::BTreeSet;
use std::sync::Arc;

use kfm_lineage::graph::Scope;
use kfm_lineage::integrity::CatalogView;
use kfm_lineage::{Lsn, MemoryLineage, OperationId};
use kfm_wal::log::Entry;
use kfm_wal::record::Record;
use kfm_wal::{StoredRecord, WalError};

use crate::around::catalog_behind;
use crate::assess::documents_at;
use crate::error::{Error, Result};
use crate::facts::Facts;
use crate::history::History;
use crate::platform::Platform;
use crate::session::Session;
use crate::versions::VersionStore;

use self::graph::{Graph, Log, touched};
pub(crate) use self::scope::{scope_for, scope_of};

/// Feeds a graph with every version that was made at or after the record at `first`.
///
/// An older version cannot have been made from one of these, so it is left out: a plan for a recent publish need
/// not read the facts of a whole history.
///
/// # Errors
/// [`Error::Versions`]: a version or list that the log names is missing; restore it. [`Error::Incomplete`]: the
/// record of a derivative is not valid; verify the log.
pub(crate) async fn lineage_since(session: &Session, first: Lsn) -> Result<MemoryLineage> {
    let (versions, catalog) = (session.versions(), session.catalog());
    let log = Log {
        history: &session.history,
        versions: &versions,
        facts: &session.facts,
        catalog: catalog.name(),
    };
    let before = Lsn(first.0.saturating_sub(1));
    let (mut later, mut paths) = (Vec::new(), BTreeSet::new());
    for operation in session.history.operations().filter(|operation| operation.opened >= first) {
        later.push(operation.opened);
        let documents = touched(&log, operation).await?.into_iter().filter(|cell| session.is_document(cell));
        paths.extend(documents.map(|cell| cell.key));
    }
    let view = match catalog_behind(session, before, &later, paths).await? {
        Some(view) => view,
        None => documents_at(log.history, log.facts, log.catalog, before).await?,
    };
    Ok(Graph::since(&log, first, view).await?.lineage)
}

/// A lineage graph that follows a log: every record is taken in once, as it comes.
///
/// It answers as a plan that is made at this moment: what an operation made, and what was made from that and still
/// stands. It holds the whole history in memory, and no file or connection.
///
/// Operations can overlap: one that was begun first may end last, and a version of the other one may have been made
/// from its versions. Then the feed makes the graph anew at the next question, from the records that it has taken
/// in. So the graph is the same in whatever pieces the log was fed.
///
/// # Example
/// A process beside the pipelines that knows at any time what depends on a publish:
/// ```no_run
/// use std::sync::Arc;
/// use kfm_rollback::{LineageFeed, OpenOptions, Platform};
/// use kfm_wal::follow::Follower;
///
/// # async fn follow() -> Result<(), Box<dyn std::error::Error>> {
/// let platform = Platform::open("platform", OpenOptions::new("lineage")).await?;
/// let mut feed = LineageFeed::of(&platform);
/// let clock = Arc::clone(&platform.options().clock);
/// let mut follower = Follower::new(platform.wal_reader().await?, clock, feed.position().next());
/// loop {
///     for stored in follower.next(256).await? {
///         feed.take(&stored).await?;
///     }
///     let scope = feed.scope_for(&"pub_2026_01_02T00_00_00Z_dem".parse()?).await?;
///     println!("{} operations depend on it", scope.dependents.len());
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct LineageFeed {
    versions: Arc<VersionStore>,
    catalog: String,
    history: History,
    /// `None` while it is changed, and after that if it has to be made anew.
    graph: Option<Graph>,
}

impl LineageFeed {
    /// Makes a feed that has taken nothing in; `catalog` is the name of the store of documents.
    pub fn new(versions: Arc<VersionStore>, catalog: impl Into<String>) -> Self {
        Self { versions, catalog: catalog.into(), history: History::default(), graph: None }
    }

    /// Makes a feed for the log of a platform; it has taken nothing in either.
    pub fn of(platform: &Platform) -> Self {
        Self::new(platform.versions(), platform.catalog().name())
    }

    /// Returns the position of the last record that was taken in; a follower begins at the next one.
    pub fn position(&self) -> Lsn {
        self.history.position()
    }

    /// Returns what the log says, as far as it was taken in.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Takes in the next record of the log; a record that was taken in before changes nothing.
    ///
    /// # Cancel safety
    /// A dropped call has taken the record in or has not; [`position`](Self::position) tells. Take the record
    /// again.
    ///
    /// # Errors
    /// - [`Error::Invalid`]: records between the last one and this one were left out; take them first.
    /// - [`Error::Log`]: the record cannot be read, or a newer version wrote it; upgrade, or verify the log.
    /// - [`Error::Versions`]: a list or a document that the log names is missing; restore it and take the record
    ///   again.
    /// - [`Error::Incomplete`]: the log ends an operation that it does not begin, or the record of a derivative is
    ///   not valid; verify the log.
    pub async fn take(&mut self, stored: &StoredRecord) -> Result<()> {
        let next = self.position().next();
        if stored.lsn < next {
            return Ok(());
        }
        if stored.lsn > next {
            return Err(Error::invalid(
                format!("records were left out: expected={next} found={}", stored.lsn),
                "take every record of the log, in order",
            ));
        }
        let entry = Entry::read(stored).map_err(|error: WalError| Error::Log(Box::new(error)))?;
        let record = entry.as_ref().map(|entry| &entry.record);
        self.history.take_next(stored.lsn, record, &self.versions).await?;
        match record {
            Some(Record::PublishCompletion(end)) => self.grow(&end.publish_id.clone().into()).await,
            Some(Record::OperationClosed(end)) => self.grow(&end.wal_id).await,
            _ => Ok(()),
        }
    }

    /// Returns the graph: every version of every operation that has completed, also of those that were undone.
    ///
    /// # Errors
    /// As [`take`](Self::take), if the graph has to be made anew.
    pub async fn lineage(&mut self) -> Result<&MemoryLineage> {
        if self.graph.is_none() {
            let facts = Facts::new(Arc::clone(&self.versions));
            let log = self.log(&facts);
            self.graph = Some(Graph::since(&log, Lsn::ZERO, CatalogView::default()).await?);
        }
        Ok(&self.graph.as_ref().expect("it was made just now").lineage)
    }

    /// Resolves the scope of an operation as a plan for it would: what was made from its versions and still stands,
    /// and the later operations that made it.
    ///
    /// # Errors
    /// [`Error::Incomplete`]: lineage does not know the operation; correct the id, or take in what is new. Others as
    /// [`take`](Self::take).
    pub async fn scope_for(&mut self, operation: &OperationId) -> Result<Scope> {
        self.lineage().await?;
        let graph = self.graph.as_ref().expect("it was made just now");
        scope_for(&self.history, &graph.lineage, operation).await
    }

    /// Adds an operation that has just ended to the graph.
    async fn grow(&mut self, ended: &OperationId) -> Result<()> {
        // Taken out while it is changed: if this call fails or is dropped, the graph is missing and will be made
        // anew.
        let Some(mut graph) = self.graph.take() else { return Ok(()) };
        let Some(operation) = self.history.operation(ended) else { return Ok(()) };
        if graph.is_behind(operation) {
            let facts = Facts::new(Arc::clone(&self.versions));
            graph.add(&self.log(&facts), operation).await?;
            self.graph = Some(graph);
        }
        Ok(())
    }

    fn log<'a>(&'a self, facts: &'a Facts) -> Log<'a> {
        Log { history: &self.history, versions: &self.versions, facts, catalog: &self.catalog }
    }
}
