//! A sink that fails on request: for tests of code that writes telemetry (R94).

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::alert::AlertRecord;
use crate::error::TelemetryError;
use crate::record::OperationRecord;
use crate::sink::RecordSink;

/// What happens to one append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The append succeeds.
    None,
    /// The append fails, and the record is not there.
    Lost,
    /// The append fails, and the record is there all the same.
    Unacknowledged,
}

/// Wraps a sink; each append, of a record or of an alert, takes the next fault of the script.
///
/// When the script has ended, appends succeed.
#[derive(Debug)]
pub struct FaultySink<S> {
    inner: S,
    script: Mutex<VecDeque<Fault>>,
}

impl<S> FaultySink<S> {
    /// Wraps `inner`, with a script of faults.
    pub fn new(inner: S, script: impl IntoIterator<Item = Fault>) -> Self {
        Self { inner, script: Mutex::new(script.into_iter().collect()) }
    }

    /// Returns the wrapped sink.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    fn next(&self) -> Fault {
        self.script.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or(Fault::None)
    }
}

fn not_written() -> TelemetryError {
    TelemetryError::NotWritten {
        path: PathBuf::from("ops_faulty.ndjson"),
        source: "planned by the test".into(),
    }
}

#[async_trait]
impl<S: RecordSink> RecordSink for FaultySink<S> {
    async fn append(&self, record: &OperationRecord) -> Result<(), TelemetryError> {
        match self.next() {
            Fault::None => self.inner.append(record).await,
            Fault::Lost => Err(not_written()),
            Fault::Unacknowledged => self.inner.append(record).await.and(Err(not_written())),
        }
    }

    async fn alert(&self, record: &AlertRecord) -> Result<(), TelemetryError> {
        match self.next() {
            Fault::None => self.inner.alert(record).await,
            Fault::Lost => Err(not_written()),
            Fault::Unacknowledged => self.inner.alert(record).await.and(Err(not_written())),
        }
    }
}
