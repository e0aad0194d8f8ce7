//! The laws of `WalStore`, on every store of this crate.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use kfm_retry::ManualClock;
use kfm_wal::conformance::Fixture;
use kfm_wal::local::SegmentSizes;
use kfm_wal::{Announcing, LocalLog, LocalOptions, MemoryLog, WalStore};

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
}

impl Local {
    fn new(sizes: SegmentSizes) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), sizes }
    }
}

#[async_trait]
impl Fixture for Local {
    async fn open(&self) -> Arc<dyn WalStore> {
        let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
        let options = LocalOptions::new(clock).with_segment_sizes(self.sizes);
        Arc::new(LocalLog::open(self.dir.path().join("wal"), options).unwrap().0)
    }
}

/// The wrapper that announces appends, above a store.
struct Above(Local);

#[async_trait]
impl Fixture for Above {
    async fn open(&self) -> Arc<dyn WalStore> {
        Arc::new(Announcing::new(self.0.open().await))
    }
}

mod memory {
    use super::*;
    kfm_wal::wal_store_laws!(Memory(MemoryLog::new()));
}

mod announcing {
    use super::*;
    kfm_wal::wal_store_laws!(Above(Local::new(SegmentSizes::default())));
}

mod local {
    use super::*;
    kfm_wal::wal_store_laws!(Local::new(SegmentSizes::default()));
}

mod local_with_the_smallest_segments {
    use super::*;
    kfm_wal::wal_store_laws!(Local::new(SegmentSizes { first_bytes: 0, max_bytes: 4096 }));
}
