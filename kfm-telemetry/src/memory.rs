//! A sink that keeps records in memory, for tests and for programs without a disk.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::alert::AlertRecord;
use crate::error::TelemetryError;
use crate::record::OperationRecord;
use crate::sink::RecordSink;

/// Keeps records and alerts until it is dropped.
#[derive(Debug, Default)]
pub struct MemorySink {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    records: Vec<OperationRecord>,
    alerts: Vec<AlertRecord>,
}

impl MemorySink {
    /// Makes an empty sink.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the records, in the order in which they were appended.
    pub fn records(&self) -> Vec<OperationRecord> {
        self.kept().records.clone()
    }

    /// Returns the alerts, in the order in which they were appended.
    pub fn alerts(&self) -> Vec<AlertRecord> {
        self.kept().alerts.clone()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RecordSink for MemorySink {
    async fn append(&self, record: &OperationRecord) -> Result<(), TelemetryError> {
        record
            .check()
            .map_err(|source| TelemetryError::InvalidRecord { event_id: record.event_id.clone(), source })?;
        self.kept().records.push(record.clone());
        Ok(())
    }

    async fn alert(&self, record: &AlertRecord) -> Result<(), TelemetryError> {
        record
            .check()
            .map_err(|source| TelemetryError::InvalidAlert { alert_id: record.alert_id.clone(), source })?;
        self.kept().alerts.push(record.clone());
        Ok(())
    }
}
