//! The log in memory: every law but durability, for tests and for logs that need not outlive their process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use kfm_lineage::Lsn;

use crate::error::WalError;
use crate::frame::{self, Kind, leaf_of};
use crate::position::Position;
use crate::raw::{self, RawRecord, raw_records};
use crate::store::{
    Appended, Capabilities, Depth, Head, NewRecord, StoredRecord, VerifyReport, WalStore, check_limits,
    clamp_time, find_repeat,
};

/// A log in memory; clones and [`MemoryLog::handle`]s share its records.
#[derive(Debug)]
pub struct MemoryLog {
    shared: Arc<Mutex<Shared>>,
    /// The epoch of this handle: the log's when the handle was made, or the one of its last fence.
    epoch: Mutex<u64>,
}

#[derive(Debug)]
struct Shared {
    position: Position,
    records: Vec<StoredRecord>,
    ids: HashMap<[u8; 16], Lsn>,
    frames: u64,
    bytes: u64,
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryLog {
    /// Makes an empty log.
    pub fn new() -> Self {
        let shared = Shared {
            position: Position::origin(&[0; 16]),
            records: Vec::new(),
            ids: HashMap::new(),
            frames: 0,
            bytes: 0,
        };
        Self { shared: Arc::new(Mutex::new(shared)), epoch: Mutex::new(0) }
    }

    /// Opens another handle on the same log, as another process would.
    #[must_use]
    pub fn handle(&self) -> Self {
        let epoch = guard(&self.shared).position.epoch;
        Self { shared: Arc::clone(&self.shared), epoch: Mutex::new(epoch) }
    }
}

impl Shared {
    fn append(&mut self, records: &[NewRecord], expected: Option<Lsn>) -> Result<Appended, WalError> {
        let stored = |id: &[u8; 16]| self.ids.get(id).map(|lsn| &self.records[lsn.0 as usize - 1]);
        if let Some(already) = find_repeat(records, stored)? {
            return Ok(already);
        }
        let head = self.position.last();
        if expected.is_some_and(|expected| expected != head) {
            return Err(WalError::Moved { head });
        }
        let (mut body, mut last_at) = (Vec::new(), self.position.last_at);
        for record in records {
            let (at, skew_ms) = clamp_time(record.at, last_at);
            raw::write(&mut body, record, at, skew_ms);
            last_at = Some(at);
        }
        self.take(Kind::Data, &body, records.len(), last_at);
        Ok(Appended { first: head.next(), last: self.position.last(), already: false })
    }

    /// Takes a frame in, so that the chain is the one that a durable store would have.
    fn take(&mut self, kind: Kind, body: &[u8], count: usize, last_at: Option<jiff::Timestamp>) {
        let count = u32::try_from(count).expect("a batch is far below 4 GiB");
        let header = self.position.header(kind, count, [0; 16]);
        let raw = if count > 0 {
            raw_records(body, count).expect("this process wrote the body")
        } else {
            Vec::new()
        };
        let leaves: Vec<[u8; 32]> = raw.iter().map(|record: &RawRecord<'_>| leaf_of(record.bytes)).collect();
        let (bytes, chain) = frame::encode(&header, body, &leaves);
        for (n, record) in raw.iter().enumerate() {
            let lsn = Lsn(header.first.0 + n as u64);
            self.ids.insert(record.op_id, lsn);
            self.records.push(record.stored(lsn, header.epoch));
        }
        self.position.advance(&header, chain, last_at);
        self.frames += 1;
        self.bytes += bytes.len() as u64;
    }
}

#[async_trait]
impl WalStore for MemoryLog {
    async fn append(&self, records: &[NewRecord], expected: Option<Lsn>) -> Result<Appended, WalError> {
        check_limits(records, &self.capabilities())?;
        let mut shared = guard(&self.shared);
        let epoch = shared.position.epoch;
        if *guard(&self.epoch) < epoch {
            return Err(WalError::Fenced { epoch });
        }
        shared.append(records, expected)
    }

    async fn scan(&self, from: Lsn, limit: usize) -> Result<Vec<StoredRecord>, WalError> {
        let shared = guard(&self.shared);
        let from = usize::try_from(from.0.saturating_sub(1)).unwrap_or(usize::MAX);
        Ok(shared.records.iter().skip(from).take(limit).cloned().collect())
    }

    async fn head(&self) -> Result<Head, WalError> {
        Ok(guard(&self.shared).position.head())
    }

    async fn fence(&self) -> Result<u64, WalError> {
        let mut shared = guard(&self.shared);
        shared.take(Kind::Fence, &[], 0, None);
        *guard(&self.epoch) = shared.position.epoch;
        Ok(shared.position.epoch)
    }

    async fn verify(&self, _: Depth) -> Result<VerifyReport, WalError> {
        let shared = guard(&self.shared);
        Ok(VerifyReport::sound(shared.position.head(), shared.frames, shared.bytes))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { many_writers: true, ..Capabilities::default() }
    }
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
