//! The trait through which operations record what they do: records and alerts, durable before success is
//! reported.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::alert::AlertRecord;
use crate::error::TelemetryError;
use crate::record::OperationRecord;

/// Takes operation records and alerts, and keeps them.
///
/// # Laws
/// - **Durable**: when [`append`](RecordSink::append) or [`alert`](RecordSink::alert) returns `Ok`, the
///   record survives the loss of the process and of the machine's power.
/// - **Whole**: a record is there as one whole line, or not at all. A line that an earlier crash tore is set
///   aside; it is never completed with another record's bytes, and never thrown away.
/// - **Ordered**: records that one caller appended one after the other are kept in that order.
/// - **Checked**: a record that contradicts itself is refused, and nothing is written.
///
/// A record is there at least once, not exactly once: after an error that leaves it open whether the record
/// is there, append it again under the same [`EventId`](crate::EventId); readers count an id once.
///
/// # Cancel safety
/// When the caller drops the future, the record is there as a whole or not at all; append it again to be
/// sure.
///
/// # Implementing
/// Do not retry, and do not answer from a buffer. The engine turns an error into a held operation (R94), and
/// an answer before the record is durable would be a success without evidence.
#[async_trait]
pub trait RecordSink: Debug + Send + Sync {
    /// Appends the record of an operation, of a phase or of an attempt.
    ///
    /// # Errors
    /// - [`TelemetryError::InvalidRecord`]: correct the caller; nothing was written.
    /// - [`TelemetryError::Busy`]: another process writes; try again later.
    /// - [`TelemetryError::NotWritten`]: do not report success; hold the operation and append again.
    async fn append(&self, record: &OperationRecord) -> Result<(), TelemetryError>;

    /// Appends an alert, or what became of its message.
    ///
    /// # Errors
    /// As for [`append`](RecordSink::append).
    async fn alert(&self, record: &AlertRecord) -> Result<(), TelemetryError>;
}

const _OBJECT_SAFE: Option<&dyn RecordSink> = None;
