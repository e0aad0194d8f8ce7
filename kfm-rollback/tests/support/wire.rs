//! A connection that is cut.
#![allow(unreachable_pub, reason = "tests of several files use it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use kfm_lineage::Domain;
use kfm_rollback::conformance::Cut;
use kfm_rollback::context::WriteContext;
use kfm_rollback::op::{
    Capabilities, Depth, DomainOp, ErrorClass, Listed, OpError, Outcomes, Probe, Role, Seen, Swap,
};

/// A store over a connection that is cut once, at the next swap.
#[derive(Debug)]
pub struct OverACutWire {
    store: Arc<dyn DomainOp>,
    cut: Cut,
    is_cut: AtomicBool,
}

impl OverACutWire {
    pub fn to(store: Arc<dyn DomainOp>, cut: Cut) -> Arc<dyn DomainOp> {
        Arc::new(Self { store, cut, is_cut: AtomicBool::new(false) })
    }
}

#[async_trait]
impl DomainOp for OverACutWire {
    fn name(&self) -> &str {
        self.store.name()
    }

    fn domain(&self) -> Domain {
        self.store.domain()
    }

    fn role(&self) -> Role {
        self.store.role()
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn probe(&self) -> Result<Probe, OpError> {
        self.store.probe().await
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, OpError> {
        self.store.scan(after, limit).await
    }

    async fn observe(&self, keys: &[String], depth: Depth) -> Result<Vec<Seen>, OpError> {
        self.store.observe(keys, depth).await
    }

    async fn read(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, OpError> {
        self.store.read(keys).await
    }

    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Outcomes, OpError> {
        match (self.is_cut.swap(true, Ordering::SeqCst), self.cut) {
            (true, _) => self.store.swap(cx, batch).await,
            (false, Cut::Request) => {
                Err(OpError::transient(self.name(), ErrorClass::Network, "connection reset by peer"))
            }
            (false, Cut::Answer) => {
                self.store.swap(cx, batch).await?;
                Err(OpError::unknown(self.name(), ErrorClass::Network, "connection reset by peer"))
            }
        }
    }

    async fn recover(&self, cx: &WriteContext) -> Result<(), OpError> {
        self.store.recover(cx).await
    }
}
