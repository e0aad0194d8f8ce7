//! The telemetry of the release: the events of all tools in one validated document (R91).

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::durable;
use crate::error::{BoxError, TelemetryError};
use crate::record::{EventId, OperationRecord};
use crate::validate;

/// The content of `focus-telemetry.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FocusTelemetry {
    /// The version of the format of this file.
    pub schema: FocusSchema,
    /// The events, ordered by time and then by id; each id once.
    pub events: Vec<OperationRecord>,
}

/// The versions of the format of `focus-telemetry.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FocusSchema {
    /// Version 1 of the format.
    #[serde(rename = "kfm.focus-telemetry/v1")]
    V1,
}

/// The result of an aggregation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Aggregated {
    /// Number of events in the file now.
    pub events: u64,
    /// Number of events that the file did not have before.
    pub added: u64,
}

/// Aggregates the operation records of a folder into `file`, together with what the file has already.
///
/// Every event is validated first, the old ones too: if one is not valid, nothing is aggregated and the file
/// stays as it is. Aggregating again changes nothing, even if records were rotated away meanwhile: the
/// aggregate outlives the raw records.
///
/// # Errors
/// - [`TelemetryError::InvalidLine`]: a record is not valid; the error names file and line. Repair the line.
/// - [`TelemetryError::NotRead`]: the folder or the old file cannot be read, or the old file is not valid.
/// - [`TelemetryError::NotWritten`]: the old file is still there; repair the place and aggregate again.
pub fn aggregate(folder: &Path, file: &Path) -> Result<Aggregated, TelemetryError> {
    let before = read(file)?;
    let known = before.len();
    let records = validate::read_folder(folder)?;
    let events = unite(before.into_iter().chain(records));
    let aggregated = Aggregated { events: events.len() as u64, added: (events.len() - known) as u64 };
    let not_written = |source: BoxError| TelemetryError::NotWritten { path: file.to_owned(), source };
    let document = FocusTelemetry { schema: FocusSchema::V1, events };
    let mut bytes = serde_json::to_vec_pretty(&document).map_err(|error| not_written(error.into()))?;
    bytes.push(b'\n');
    durable::replace(file, &bytes).map_err(|error| not_written(error.into()))?;
    Ok(aggregated)
}

/// Keeps only the last record of each event, and orders them by time.
///
/// A caller appends a record again when it does not know whether the first is durable, so the last one is the
/// one that was acknowledged.
pub(crate) fn unite(records: impl IntoIterator<Item = OperationRecord>) -> Vec<OperationRecord> {
    let by_id: BTreeMap<EventId, OperationRecord> =
        records.into_iter().map(|record| (record.event_id.clone(), record)).collect();
    let mut events: Vec<OperationRecord> = by_id.into_values().collect();
    events.sort_by(|a, b| a.ts.cmp(&b.ts).then_with(|| a.event_id.cmp(&b.event_id)));
    events
}

fn read(file: &Path) -> Result<Vec<OperationRecord>, TelemetryError> {
    let not_read = |source: BoxError| TelemetryError::NotRead { path: file.to_owned(), source };
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(not_read(error.into())),
    };
    let document: FocusTelemetry = serde_json::from_slice(&bytes).map_err(|error| not_read(error.into()))?;
    for event in &document.events {
        event.check().map_err(|error| not_read(error.into()))?;
    }
    let events = unite(document.events.clone());
    if events != document.events {
        return Err(not_read("its events are not in order, or one is there twice".into()));
    }
    Ok(events)
}
