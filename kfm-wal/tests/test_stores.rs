//! The laws of `WalStore`, on every store of this crate.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use kfm_retry::ManualClock;
use kfm_wal::conformance::Fixture;
use kfm_wal::entropy::{Entropy, SeededEntropy};
use kfm_wal::local::SegmentSizes;
use kfm_wal::{Announcing, LocalLog, LocalOptions, MemoryLog, WalError, WalStore};

struct Memory(MemoryLog);

#[async_trait]
impl Fixture for Memory {
    async fn open(&self) -> Arc<dyn WalStore> {
        Arc::new(self.0.handle())
    }
}

struct Local {
    dir: tempfile::TempDir,
    sizes: SegmentSizes,
    entropy: Arc<SeededEntropy>,
}

impl Local {
    fn new(sizes: SegmentSizes) -> Self {
        let entropy = Arc::new(SeededEntropy::new(1));
        Self { dir: tempfile::tempdir().unwrap(), sizes, entropy }
    }
}

#[async_trait]
impl Fixture for Local {
    async fn open(&self) -> Arc<dyn WalStore> {
        self.open_beside().await.unwrap()
    }

    async fn open_beside(&self) -> Result<Arc<dyn WalStore>, WalError> {
        let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
        let entropy: Arc<dyn Entropy> = Arc::<SeededEntropy>::clone(&self.entropy);
        let options = LocalOptions::new(clock).with_segment_sizes(self.sizes).with_entropy(entropy);
        Ok(Arc::new(LocalLog::open(self.dir.path().join("wal"), options)?.0))
    }
}

/// The wrapper that announces appends, above a store.
struct Above(Local);

#[async_trait]
impl Fixture for Above {
    async fn open(&self) -> Arc<dyn WalStore> {
        Arc::new(Announcing::new(self.0.open().await))
    }

    async fn open_beside(&self) -> Result<Arc<dyn WalStore>, WalError> {
        Ok(Arc::new(Announcing::new(self.0.open_beside().await?)))
    }
}

mod memory {
    use super::*;
    kfm_wal::wal_store_laws!(seeded: Memory(MemoryLog::new()));
}

mod announcing {
    use super::*;
    kfm_wal::wal_store_laws!(seeded: Above(Local::new(SegmentSizes::default())));
}

mod local {
    use super::*;
    kfm_wal::wal_store_laws!(seeded: Local::new(SegmentSizes::default()));
}

mod local_with_the_smallest_segments {
    use super::*;
    kfm_wal::wal_store_laws!(seeded: Local::new(SegmentSizes { first_bytes: 0, max_bytes: 4096 }));
}
