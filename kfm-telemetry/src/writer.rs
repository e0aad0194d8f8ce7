//! The sink for production: one NDJSON file for each tool, each line durable when it is acknowledged (R90,
//! R94).
//!
//! A line is one write at the end of the file, under a lock of the system that ends with its process, and
//! then a sync. The name of a file is durable before the file has a line. So a success costs one write and
//! one `fdatasync`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kfm_retry::Clock;
use serde::Serialize;
use tokio::sync::Mutex;

use crate::alert::AlertRecord;
use crate::error::TelemetryError;
use crate::line_file::{self, AppendFault, LINE_BYTES_MAX};
use crate::record::{ALERTS, OperationRecord};
use crate::sink::RecordSink;

/// How many times a file that another process has locked is tried again; with [`WAIT`], for ten seconds.
const TRIES_MAX: u32 = 1_000;

/// How long to wait for another process that is writing a line.
const WAIT: Duration = Duration::from_millis(10);

/// Appends records to `<folder>/ops_<tool>.ndjson` and alerts to `<folder>/ops_alerts.ndjson`.
///
/// Several processes may write into one folder; they take turns, file by file. If a crash tore the last line
/// of a file, the torn bytes are moved into a `.part` file beside it before the next line is written.
#[derive(Debug)]
pub struct TelemetryWriter {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    turn: Mutex<()>,
}

impl TelemetryWriter {
    /// Makes a writer into `folder`; the first line makes the folder.
    pub fn new(folder: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self { folder: folder.into(), clock, turn: Mutex::new(()) }
    }

    /// Returns the folder of the files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the file of a tool's records, which the log and the manifest call `telemetry_ref`.
    pub fn file_of(&self, tool: &str) -> PathBuf {
        file_of(&self.folder, tool)
    }

    async fn append_line<T: Serialize + Sync>(&self, tool: &str, record: &T) -> Result<(), TelemetryError> {
        let path = self.file_of(tool);
        let not_written =
            |source: crate::error::BoxError| TelemetryError::NotWritten { path: path.clone(), source };
        let mut line = serde_json::to_vec(record).map_err(|error| not_written(error.into()))?;
        line.push(b'\n');
        assert!(line.len() <= LINE_BYTES_MAX, "every field of a record is bounded");
        let line: Arc<[u8]> = line.into();
        let _turn = self.turn.lock().await;
        for _ in 0..TRIES_MAX {
            let (path, line) = (path.clone(), Arc::clone(&line));
            let appended = tokio::task::spawn_blocking(move || line_file::append(&path, &line)).await;
            match appended.map_err(|error| not_written(error.into()))? {
                Ok(()) => return Ok(()),
                Err(AppendFault::Busy) => self.clock.sleep(WAIT).await,
                Err(AppendFault::ForeignTail) => {
                    return Err(TelemetryError::ForeignTail { path: self.file_of(tool) });
                }
                Err(AppendFault::Io(error)) => return Err(not_written(error.into())),
            }
        }
        Err(TelemetryError::Busy { path })
    }
}

/// Returns the file of a tool's records in a folder of telemetry.
pub fn file_of(folder: &Path, tool: &str) -> PathBuf {
    folder.join(format!("ops_{tool}.ndjson"))
}

#[async_trait]
impl RecordSink for TelemetryWriter {
    async fn append(&self, record: &OperationRecord) -> Result<(), TelemetryError> {
        record
            .check()
            .map_err(|source| TelemetryError::InvalidRecord { event_id: record.event_id.clone(), source })?;
        self.append_line(record.tool.as_str(), record).await
    }

    async fn alert(&self, record: &AlertRecord) -> Result<(), TelemetryError> {
        record
            .check()
            .map_err(|source| TelemetryError::InvalidAlert { alert_id: record.alert_id.clone(), source })?;
        self.append_line(ALERTS, record).await
    }
}
