//! Slots in memory: every law but durability, for tests and for logs that need not outlive their process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use super::{Created, SlotError, Slots};

/// Slots in memory; clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemorySlots {
    slots: Arc<Mutex<BTreeMap<u64, Bytes>>>,
}

impl MemorySlots {
    /// Makes slots in memory; all are empty.
    pub fn new() -> Self {
        Self::default()
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<u64, Bytes>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Slots with the delays of a remote store, for tests and measurements.
#[cfg(feature = "test-util")]
#[derive(Debug, Clone)]
pub struct SlowSlots {
    slots: MemorySlots,
    clock: Arc<dyn kfm_retry::Clock>,
    create: std::time::Duration,
    read: std::time::Duration,
}

#[cfg(feature = "test-util")]
impl SlowSlots {
    /// Makes slots in memory, all empty, whose calls take the given times. Half the time of a call passes
    /// before its effect, half after it.
    pub fn new(
        clock: Arc<dyn kfm_retry::Clock>,
        create: std::time::Duration,
        read: std::time::Duration,
    ) -> Self {
        Self { slots: MemorySlots::new(), clock, create, read }
    }
}

#[cfg(feature = "test-util")]
#[async_trait]
impl Slots for SlowSlots {
    async fn create(&self, n: u64, frame: Bytes) -> Result<Created, SlotError> {
        self.clock.sleep(self.create / 2).await;
        let created = self.slots.create(n, frame).await;
        self.clock.sleep(self.create / 2).await;
        created
    }

    async fn read(&self, n: u64) -> Result<Option<Bytes>, SlotError> {
        self.clock.sleep(self.read / 2).await;
        let read = self.slots.read(n).await;
        self.clock.sleep(self.read / 2).await;
        read
    }

    async fn last(&self, from: u64) -> Result<Option<u64>, SlotError> {
        self.clock.sleep(self.read).await;
        self.slots.last(from).await
    }

    fn name(&self, n: u64) -> String {
        self.slots.name(n)
    }

    fn place(&self) -> String {
        self.slots.place()
    }

    fn is_durable(&self) -> bool {
        false
    }

    fn proving_ground(&self, _: &str) -> Option<Box<dyn Slots>> {
        None
    }
}

#[cfg(feature = "test-util")]
impl MemorySlots {
    /// Replaces what a slot holds, or removes the slot. No log does this: it is damage, for tests.
    pub fn damage(&self, n: u64, frame: Option<Bytes>) {
        match frame {
            Some(frame) => self.slots().insert(n, frame),
            None => self.slots().remove(&n),
        };
    }
}

#[async_trait]
impl Slots for MemorySlots {
    async fn create(&self, n: u64, frame: Bytes) -> Result<Created, SlotError> {
        let mut slots = self.slots();
        if slots.contains_key(&n) {
            return Ok(Created::Taken);
        }
        slots.insert(n, frame);
        Ok(Created::Made)
    }

    async fn read(&self, n: u64) -> Result<Option<Bytes>, SlotError> {
        Ok(self.slots().get(&n).cloned())
    }

    async fn last(&self, from: u64) -> Result<Option<u64>, SlotError> {
        Ok(self.slots().range(from..).next_back().map(|(n, _)| *n))
    }

    fn name(&self, n: u64) -> String {
        n.to_string()
    }

    fn place(&self) -> String {
        "memory".to_owned()
    }

    fn is_durable(&self) -> bool {
        false
    }

    fn proving_ground(&self, _: &str) -> Option<Box<dyn Slots>> {
        None
    }
}
