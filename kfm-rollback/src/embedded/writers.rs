//! Logs that stay open for writing while an operation lasts.

use std::path::Path;
use std::sync::Arc;

use kfm_wal::local::LocalLog;

use crate::context::{Kept, WriteContext};

/// The logs of embedded stores that an operation writes, by folder, open from its first change to its end.
///
/// Opening a log for writing reads all of it. An operation on many cells that opened it for each batch would read
/// it as many times. A log whose append failed is closed at once, so that the next writer opens it anew and finds
/// out what was written. While an operation lasts, other writers of the store find it busy; readers do not.
///
/// Where hosts share the platform's log, another host may take over from one that is silent, but the lock of an
/// embedded store has no lease that would run out. So there a log is open for one batch only.
#[derive(Debug, Clone)]
pub(super) struct Writers {
    stay_open: bool,
    kept: Kept,
}

impl Writers {
    /// Takes the place where an operation keeps what is open.
    pub(super) fn of(cx: &WriteContext, is_shared: bool) -> Self {
        Self { stay_open: !is_shared, kept: cx.kept() }
    }

    pub(super) fn get(&self, folder: &Path) -> Option<Arc<LocalLog>> {
        self.kept.get(&name(folder))
    }

    pub(super) fn keep(&self, folder: &Path, log: &Arc<LocalLog>) {
        if self.stay_open {
            let log: Arc<LocalLog> = Arc::clone(log);
            self.kept.put(&name(folder), log);
        }
    }

    /// Closes a log as soon as no call works with it.
    pub(super) fn close(&self, folder: &Path) {
        self.kept.release(&name(folder));
    }
}

fn name(folder: &Path) -> String {
    format!("log of {}", folder.display())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use bytes::Bytes;
    use kfm_lineage::{Digest, OperationId, Timestamp, Value};
    use kfm_retry::{Clock, ManualClock};
    use kfm_wal::WalError;
    use kfm_wal::local::LocalOptions;

    use super::*;
    use crate::blob::ObjectBlobs;
    use crate::context::Stop;
    use crate::embedded::EmbeddedGraph;
    use crate::op::{Depth, DomainOp, DomainOpExt, OpError, Seen, Swap, Swapped};
    use crate::versions::VersionStore;

    struct World {
        folder: tempfile::TempDir,
        clock: Arc<dyn Clock>,
        versions: Arc<VersionStore>,
        value: Value,
    }

    impl World {
        async fn new() -> Self {
            let versions = Arc::new(VersionStore::new(Arc::new(ObjectBlobs::in_memory())));
            let digest = Digest::of_canonical_bytes(b"{}");
            versions.put(vec![(digest, Bytes::from_static(b"{}"))]).await.unwrap();
            let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
            Self { folder: tempfile::tempdir().unwrap(), clock, versions, value: Some(digest) }
        }

        fn graph(&self) -> EmbeddedGraph {
            EmbeddedGraph::new("graph", self.folder.path(), Arc::clone(&self.clock))
        }

        fn operation(&self) -> WriteContext {
            let id = OperationId::parse("pub_2025_11_14T03_15_42Z_daily").unwrap();
            WriteContext::new(id, Timestamp::UNIX_EPOCH, Arc::clone(&self.versions), 1, Stop::never())
        }

        async fn add(&self, graph: &EmbeddedGraph, cx: &WriteContext, key: &str) -> Result<bool, OpError> {
            let swap = Swap { key: key.to_owned(), from: Seen::default(), to: self.value };
            Ok(matches!(graph.swap(cx, &[swap]).await?.remove(0)?, Swapped::Applied { .. }))
        }

        /// Opens the log as another writer would.
        fn other_writer(&self) -> Result<LocalLog, WalError> {
            let options = LocalOptions::new(Arc::clone(&self.clock));
            LocalLog::open(self.folder.path().join("log"), options).map(|(log, _)| log)
        }
    }

    #[tokio::test]
    async fn a_log_is_opened_once_for_an_operation_and_is_free_after_it() {
        let world = World::new().await;
        let (graph, cx) = (world.graph(), world.operation());
        let keys = ["a.json", "b.json", "c.json"].map(str::to_owned);
        for (n, key) in keys.iter().enumerate() {
            assert!(world.add(&graph, &cx, key).await.unwrap());
            for reader in [&graph, &world.graph()] {
                let there = reader.observe(&keys, Depth::Mark).await.unwrap();
                let there = there.iter().filter(|seen| seen.value.is_some()).count();
                assert_eq!(there, n + 1, "readers see each change at once");
            }
        }
        assert!(matches!(world.other_writer(), Err(WalError::Locked { .. })));
        drop(cx);
        let other = world.other_writer().unwrap();
        assert_eq!(other.report().epoch, 2, "each opening claims an epoch: the operation's, and this one");
        drop(other);
        assert!(world.add(&graph, &world.operation(), "d.json").await.unwrap());
        assert_eq!(graph.keys().await.unwrap().len(), 4);
    }

    #[tokio::test]
    async fn where_hosts_share_the_platforms_log_a_store_is_busy_for_one_batch_only() {
        let world = World::new().await;
        let (graph, cx) = (world.graph().shared_by_hosts(), world.operation());
        for key in ["a.json", "b.json"] {
            assert!(world.add(&graph, &cx, key).await.unwrap());
            drop(world.other_writer().unwrap());
        }
        assert_eq!(graph.keys().await.unwrap(), ["a.json", "b.json"]);
    }

    #[tokio::test]
    async fn an_operation_that_found_the_log_busy_opens_it_when_it_is_free() {
        let world = World::new().await;
        let (graph, cx) = (world.graph(), world.operation());
        graph.create().await.unwrap();
        let other = world.other_writer().unwrap();
        let refused = world.add(&graph, &cx, "a.json").await;
        assert!(matches!(refused, Err(OpError::Transient { .. })), "{refused:?}");
        drop(other);
        assert!(world.add(&graph, &cx, "a.json").await.unwrap());
    }
}
