//! Finding records by position, operation, time and entity (R24). Records that this handle has not read yet are read
//! now.

use std::sync::Arc;

use kfm_lineage::{EntityId, Lsn, OperationId, PublishId, Timestamp};

use super::{Entry, SCAN_RECORDS, Wal};
use crate::error::WalError;
use crate::fold::PublishRecord;
use crate::index::{SegmentReader, parse_steps, steps_of};
use crate::record::Record;
use crate::store::StoredRecord;
use crate::typed::{self, Read};

/// # Errors
/// Every method that returns records fails with:
/// - [`WalError::Corrupt`]: restore or repair the log.
/// - [`WalError::Malformed`]: a record cannot be read as its type; report it.
/// - [`WalError::Io`], [`WalError::Snapshot`]: try again.
///
/// # Cancel safety
/// A dropped call leaves nothing behind.
impl Wal {
    /// Returns the records from a position on, in order.
    ///
    /// # Errors
    /// As said above.
    pub async fn entries_from(&self, from: Lsn) -> Result<Vec<Arc<Entry>>, WalError> {
        let places = self.read().index.from(from)?;
        self.entries_at(&places).await
    }

    /// Returns the records of a publish, folded into one (R21); `None` if there is no intent.
    ///
    /// # Errors
    /// As said above.
    pub async fn publish(&self, id: &PublishId) -> Result<Option<PublishRecord>, WalError> {
        let entries = self.by_operation(&id.clone().into()).await?;
        let completion = entries.iter().find_map(|entry| match &entry.record {
            Record::PublishCompletion(record) => Some((entry.lsn, record)),
            _ => None,
        });
        Ok(entries.iter().find_map(|entry| match &entry.record {
            Record::PublishIntent(record) => Some(PublishRecord::fold((entry.lsn, record), completion)),
            _ => None,
        }))
    }

    /// Returns every record about an operation, in order: its frames, its journal, its plan, its refusals.
    ///
    /// # Errors
    /// As said above.
    pub async fn by_operation(&self, id: &OperationId) -> Result<Vec<Arc<Entry>>, WalError> {
        let places = self.read().index.operation(id)?;
        self.entries_at(&places).await
    }

    /// Returns the records with `from <= at < to`.
    ///
    /// # Errors
    /// As said above.
    pub async fn by_time(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Arc<Entry>>, WalError> {
        let places = self.read().index.between(from, to)?;
        self.entries_at(&places).await
    }

    /// Returns the records that opened an operation that moves a reference of `entity`, in order.
    ///
    /// The steps are in segments of the version store, and each call reads the segments of all operations.
    ///
    /// # Errors
    /// [`WalError::Incomplete`]: a segment does not resolve, so the operation cannot be rolled back (R23).
    /// Others as said above.
    pub async fn by_entity(
        &self,
        entity: &EntityId,
        segments: &dyn SegmentReader,
    ) -> Result<Vec<Arc<Entry>>, WalError> {
        let mut found = Vec::new();
        for entry in self.entries_from(Lsn::ZERO).await? {
            let Some((operation, segment)) = steps_of(&entry.record) else { continue };
            let steps = segments.read(&segment).await.and_then(|bytes| parse_steps(&segment, &bytes));
            let steps = steps.map_err(|source| WalError::Incomplete {
                id: operation.to_string(),
                digest: segment.digest,
                source,
            })?;
            if steps.iter().any(|step| step.entity == *entity) {
                found.push(entry);
            }
        }
        Ok(found)
    }

    /// Returns the records at these positions, in order; the index knows all of them.
    pub(super) async fn entries_at(&self, places: &[Lsn]) -> Result<Vec<Arc<Entry>>, WalError> {
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
