//! A store that fails as often as it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use kfm_lineage::Domain;
use kfm_rollback::context::WriteContext;
use kfm_rollback::op::{Capabilities, Depth, Listed, OpError, Outcomes, Probe, Role, Seen, Swap};
use kfm_rollback::{DomainOp, Platform};

/// Fails its first swaps or recoveries permanently, and changes nothing by them.
#[derive(Debug)]
pub struct Failing {
    inner: Arc<dyn DomainOp>,
    swaps: AtomicUsize,
    recoveries: AtomicUsize,
}

impl Failing {
    /// Replaces a store of a platform by itself.
    pub fn instead_of(platform: Platform, store: &str, swaps: usize, recoveries: usize) -> Platform {
        let inner = platform.store(store).unwrap();
        let (swaps, recoveries) = (AtomicUsize::new(swaps), AtomicUsize::new(recoveries));
        platform.with_store(Arc::new(Self { inner, swaps, recoveries }))
    }

    fn fails(&self, left: &AtomicUsize) -> Result<(), OpError> {
        match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            Err(_) => Ok(()),
            Ok(_) => Err(OpError::Permanent {
                store: self.inner.name().into(),
                key: "-".into(),
                source: "as the test wants it".into(),
            }),
        }
    }
}

#[async_trait]
impl DomainOp for Failing {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn domain(&self) -> Domain {
        self.inner.domain()
    }

    fn role(&self) -> Role {
        self.inner.role()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn probe(&self) -> Result<Probe, OpError> {
        self.inner.probe().await
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, OpError> {
        self.inner.scan(after, limit).await
    }

    async fn observe(&self, keys: &[String], depth: Depth) -> Result<Vec<Seen>, OpError> {
        self.inner.observe(keys, depth).await
    }

    async fn read(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, OpError> {
        self.inner.read(keys).await
    }

    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Outcomes, OpError> {
        self.fails(&self.swaps)?;
        self.inner.swap(cx, batch).await
    }

    async fn recover(&self, cx: &WriteContext) -> Result<(), OpError> {
        self.fails(&self.recoveries)?;
        self.inner.recover(cx).await
    }
}
