//! Finding records by position, operation, plan, time and entity. Records that this handle has not read yet
//! are read now.

use std::sync::Arc;

use kfm_lineage::{Digest, EntityId, Lsn, OperationId, PublishId, Timestamp};

use super::{Entry, SCAN_RECORDS, Wal};
use crate::error::WalError;
use crate::fold::PublishRecord;
use crate::index::{SegmentReader, moves_of, parse_moves};
use crate::record::Record;
use crate::store::StoredRecord;
use crate::typed::{self, Read};

/// # Errors
/// Every method that returns records fails with:
/// - [`WalError::Corrupt`]: restore or repair the log.
/// - [`WalError::Malformed`]: a record cannot be read as its type; report it.
/// - [`WalError::Io`]: try again.
///
/// # Cancel safety
/// A dropped call leaves nothing behind.
impl Wal {
    /// Returns the records from a position on, in order.
    ///
    /// # Errors
    /// As said above.
    pub async fn entries_from(&self, from: Lsn) -> Result<Vec<Arc<Entry>>, WalError> {
        let places = self.read().index.from(from);
        self.entries_at(&places).await
    }

    /// Returns the record at a position; `None` if there is none, or none of a type that this version knows.
    ///
    /// # Errors
    /// As said above.
    pub async fn entry(&self, lsn: Lsn) -> Result<Option<Arc<Entry>>, WalError> {
        if !self.read().index.holds(lsn) {
            return Ok(None);
        }
        Ok(self.entries_at(&[lsn]).await?.pop())
    }

    /// Returns the records of a publish, folded into one (R21); `None` if there is no intent.
    ///
    /// # Errors
    /// As said above.
    pub async fn publish(&self, id: &PublishId) -> Result<Option<PublishRecord>, WalError> {
        let Some(frames) = self.read().index.publish(id) else { return Ok(None) };
        let Some(intent) = frames.intent else { return Ok(None) };
        let places: Vec<Lsn> = [Some(intent), frames.completion].into_iter().flatten().collect();
        let entries = self.entries_at(&places).await?;
        let completion = entries.iter().find_map(|entry| match &entry.record {
            Record::PublishCompletion(record) => Some((entry.lsn, record)),
            _ => None,
        });
        Ok(entries.iter().find_map(|entry| match &entry.record {
            Record::PublishIntent(record) => Some(PublishRecord::fold((entry.lsn, record), completion)),
            _ => None,
        }))
    }

    /// Returns the ids of all publishes, sorted.
    pub fn publishes(&self) -> Vec<PublishId> {
        self.read().index.publishes()
    }

    /// Returns every record about an operation, in order: its frames, its journal, its plan, its refusals.
    ///
    /// # Errors
    /// As said above.
    pub async fn by_operation(&self, id: &OperationId) -> Result<Vec<Arc<Entry>>, WalError> {
        let places = self.read().index.operation(id);
        self.entries_at(&places).await
    }

    /// Returns every record about a plan, in order: the plan, its approvals, its refusals, its execution.
    ///
    /// # Errors
    /// As said above.
    pub async fn by_plan(&self, plan_id: &Digest) -> Result<Vec<Arc<Entry>>, WalError> {
        let places = self.read().index.plan(plan_id);
        self.entries_at(&places).await
    }

    /// Returns the records with `from <= at < to`.
    ///
    /// # Errors
    /// As said above.
    pub async fn by_time(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Arc<Entry>>, WalError> {
        let places = self.read().index.between(from, to);
        self.entries_at(&places).await
    }

    /// Returns the operations that were opened and not closed (R16), sorted.
    pub fn open_operations(&self) -> Vec<OperationId> {
        self.read().index.open()
    }

    /// Returns the records that opened an operation that moves a reference of `entity`, in order.
    ///
    /// The moves are in segments of the version store. Segments that were not read yet are read now.
    ///
    /// # Errors
    /// [`WalError::Incomplete`]: a segment does not resolve, so the operation cannot be rolled back (R23).
    /// Others as said above.
    pub async fn by_entity(
        &self,
        entity: &EntityId,
        segments: &dyn SegmentReader,
    ) -> Result<Vec<Arc<Entry>>, WalError> {
        let unread = self.read().index.moves_unread();
        for run in unread.chunks(SCAN_RECORDS) {
            for entry in self.entries_at(run).await? {
                let Some((operation, segment)) = moves_of(&entry.record) else { continue };
                let moves = segments.read(&segment).await.and_then(|bytes| parse_moves(&segment, &bytes));
                let moves = moves.map_err(|source| WalError::Incomplete {
                    id: operation.to_string(),
                    digest: segment.digest,
                    source,
                })?;
                self.write().index.add_moves(entry.lsn, moves);
            }
        }
        let places = self.read().index.entity(entity);
        self.entries_at(&places).await
    }

    /// Returns the records at these positions, in order; the index knows all of them.
    async fn entries_at(&self, places: &[Lsn]) -> Result<Vec<Arc<Entry>>, WalError> {
        let mut entries = Vec::with_capacity(places.len());
        while let Some(&first) = places.get(entries.len()) {
            let known = self.read().entry(first).cloned();
            match known {
                Some(entry) => entries.push(entry),
                None => entries.extend(self.scan_run(&places[entries.len()..]).await?),
            }
        }
        Ok(entries)
    }

    /// Reads the records that lie next to each other at the beginning of `places`, at least one.
    async fn scan_run(&self, places: &[Lsn]) -> Result<Vec<Arc<Entry>>, WalError> {
        let first = places[0];
        let places = &places[..places.len().min(SCAN_RECORDS)];
        let run = (first.0..).zip(places).take_while(|(lsn, place)| *lsn == place.0).count();
        let stored = self.store().scan(first, run).await?;
        let moved = |lsn| WalError::Malformed { lsn, source: "the record is not where it was".into() };
        if stored.len() != run {
            return Err(moved(first));
        }
        stored
            .iter()
            .zip(places)
            .map(|(stored, lsn)| entry_of(stored, *lsn).unwrap_or(Err(moved(*lsn))))
            .collect()
    }
}

/// Reads the record at a position; `None` if the store gave another record, or one of a type that this
/// version does not know.
fn entry_of(stored: &StoredRecord, lsn: Lsn) -> Option<Result<Arc<Entry>, WalError>> {
    match typed::read(stored) {
        Ok(Read::Known(record)) if stored.lsn == lsn => {
            Some(Ok(Arc::new(Entry { lsn, at: stored.record.at, leaf: stored.leaf, record: *record })))
        }
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    }
}
