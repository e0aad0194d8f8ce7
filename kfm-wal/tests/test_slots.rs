//! The laws of `WalStore`, on the log on slots.
#![cfg(feature = "slots")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use kfm_retry::ManualClock;
use kfm_wal::conformance::Fixture;
use kfm_wal::entropy::{Entropy, SeededEntropy};
use kfm_wal::slots::memory::SlowSlots;
use kfm_wal::slots::{MemorySlots, Mode, SlotLog, SlotOptions};
use kfm_wal::{Announcing, WalStore};

struct Memory {
    slots: MemorySlots,
    mode: Mode,
    entropy: Arc<SeededEntropy>,
}

impl Memory {
    fn new(mode: Mode) -> Self {
        Self { slots: MemorySlots::new(), mode, entropy: Arc::new(SeededEntropy::new(1)) }
    }
}

/// The options of another handle on the log whose handles get their ids from `entropy`.
fn options(mode: Mode, entropy: &Arc<SeededEntropy>) -> SlotOptions {
    let entropy: Arc<dyn Entropy> = Arc::<SeededEntropy>::clone(entropy);
    let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
    SlotOptions::new(clock).with_mode(mode).with_entropy(entropy)
}

#[async_trait]
impl Fixture for Memory {
    async fn open(&self) -> Arc<dyn WalStore> {
        let options = options(self.mode, &self.entropy);
        Arc::new(SlotLog::open(Arc::new(self.slots.clone()), options).await.unwrap().0)
    }
}

mod memory_exclusive {
    use super::*;
    kfm_wal::wal_store_laws!(seeded: Memory::new(Mode::Exclusive));
}

mod memory_shared {
    use super::*;
    kfm_wal::wal_store_laws!(seeded: Memory::new(Mode::Shared));
}

/// The wrapper that announces appends, above a log on slow slots.
struct Above {
    slots: SlowSlots,
    clock: Arc<ManualClock>,
    mode: Mode,
    entropy: Arc<SeededEntropy>,
}

impl Above {
    fn new(mode: Mode) -> Self {
        let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
        let (create, read) = (Duration::from_millis(20), Duration::from_millis(10));
        let slots = SlowSlots::new(Arc::clone(&clock) as Arc<_>, create, read);
        Self { slots, clock, mode, entropy: Arc::new(SeededEntropy::new(1)) }
    }
}

#[async_trait]
impl Fixture for Above {
    async fn open(&self) -> Arc<dyn WalStore> {
        let options = SlotOptions::new(Arc::clone(&self.clock) as Arc<_>).with_mode(self.mode);
        let options = options.with_entropy(Arc::<SeededEntropy>::clone(&self.entropy));
        let (log, _) = SlotLog::open(Arc::new(self.slots.clone()), options).await.unwrap();
        Arc::new(Announcing::new(Arc::new(log)))
    }
}

mod announcing_slow_exclusive {
    use super::*;
    kfm_wal::wal_store_laws!(seeded: Above::new(Mode::Exclusive));
}

mod announcing_slow_shared {
    use super::*;
    kfm_wal::wal_store_laws!(seeded: Above::new(Mode::Shared));
}

#[cfg(feature = "object-store")]
mod objects {
    use kfm_wal::slots::{FolderSlots, ObjectSlots, Slots};
    use object_store::memory::InMemory;
    use object_store::path::Path;

    use super::*;

    struct Objects {
        slots: Arc<dyn Slots>,
        mode: Mode,
        entropy: Arc<SeededEntropy>,
        _dir: Option<tempfile::TempDir>,
    }

    impl Objects {
        fn new(slots: impl Slots + 'static, mode: Mode, dir: Option<tempfile::TempDir>) -> Self {
            let entropy = Arc::new(SeededEntropy::new(1));
            Self { slots: Arc::new(slots), mode, entropy, _dir: dir }
        }

        fn in_memory(mode: Mode) -> Self {
            let slots = ObjectSlots::new(Arc::new(InMemory::new()), Path::from("logs/a")).volatile();
            Self::new(slots, mode, None)
        }

        fn in_folder(mode: Mode) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let slots = FolderSlots::new(dir.path().join("wal")).unwrap();
            Self::new(slots, mode, Some(dir))
        }
    }

    #[async_trait]
    impl Fixture for Objects {
        async fn open(&self) -> Arc<dyn WalStore> {
            let options = options(self.mode, &self.entropy).with_proofs(0);
            Arc::new(SlotLog::open(Arc::clone(&self.slots), options).await.unwrap().0)
        }
    }

    mod in_memory_exclusive {
        use super::*;
        kfm_wal::wal_store_laws!(seeded: Objects::in_memory(Mode::Exclusive));
    }

    mod in_memory_shared {
        use super::*;
        kfm_wal::wal_store_laws!(seeded: Objects::in_memory(Mode::Shared));
    }

    mod in_a_folder_exclusive {
        use super::*;
        kfm_wal::wal_store_laws!(seeded: Objects::in_folder(Mode::Exclusive));
    }

    mod in_a_folder_shared {
        use super::*;
        kfm_wal::wal_store_laws!(seeded: Objects::in_folder(Mode::Shared));
    }
}
