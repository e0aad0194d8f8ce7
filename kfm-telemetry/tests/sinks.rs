//! The laws of `RecordSink`, on every sink of this crate and on its wrapper.
#![cfg(feature = "test-util")]
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::fs::File;
use std::sync::Arc;

use kfm_retry::SystemClock;
use kfm_telemetry::conformance::{SinkPlace, alert, record};
use kfm_telemetry::faulty::{Fault, FaultySink};
use kfm_telemetry::validate::{read, read_alerts};
use kfm_telemetry::{
    AlertRecord, MemorySink, OperationRecord, RecordSink, TelemetryError, TelemetryWriter, record_sink_laws,
};

struct Folder(tempfile::TempDir);

impl SinkPlace for Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn open(&self) -> Arc<dyn RecordSink> {
        Arc::new(TelemetryWriter::new(self.0.path(), Arc::new(SystemClock)))
    }

    async fn records(&self) -> Vec<OperationRecord> {
        let path = self.0.path().join("ops_rollback.ndjson");
        let Ok(file) = File::open(&path) else { return Vec::new() };
        // An append that was dropped may still be writing.
        file.lock_shared().unwrap();
        read(&path).unwrap()
    }

    async fn alerts(&self) -> Vec<AlertRecord> {
        read_alerts(self.0.path()).unwrap()
    }
}

struct Memory(Arc<MemorySink>);

impl SinkPlace for Memory {
    fn new() -> Self {
        Self(Arc::new(MemorySink::new()))
    }

    fn open(&self) -> Arc<dyn RecordSink> {
        self.0.clone()
    }

    async fn records(&self) -> Vec<OperationRecord> {
        self.0.records()
    }

    async fn alerts(&self) -> Vec<AlertRecord> {
        self.0.alerts()
    }
}

struct Wrapped(Arc<FaultySink<MemorySink>>);

impl SinkPlace for Wrapped {
    fn new() -> Self {
        Self(Arc::new(FaultySink::new(MemorySink::new(), [])))
    }

    fn open(&self) -> Arc<dyn RecordSink> {
        self.0.clone()
    }

    async fn records(&self) -> Vec<OperationRecord> {
        self.0.inner().records()
    }

    async fn alerts(&self) -> Vec<AlertRecord> {
        self.0.inner().alerts()
    }
}

record_sink_laws!(writer, Folder);
record_sink_laws!(memory, Memory);
record_sink_laws!(faulty_without_faults, Wrapped);

#[tokio::test]
async fn a_faulty_sink_fails_as_its_script_says_and_then_works() {
    let sink = FaultySink::new(MemorySink::new(), [Fault::Lost, Fault::Unacknowledged]);
    for n in 0..2 {
        assert!(matches!(sink.append(&record(n)).await, Err(TelemetryError::NotWritten { .. })));
    }
    sink.append(&record(2)).await.unwrap();
    assert_eq!(sink.inner().records(), [record(1), record(2)]);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_an_error_that_names_the_file() {
    let place = Folder::new();
    let blocked = place.0.path().join("telemetry");
    std::fs::write(&blocked, b"a file is in the way").unwrap();
    let writer = TelemetryWriter::new(&blocked, Arc::new(SystemClock));
    let error = writer.append(&record(1)).await.unwrap_err();
    assert!(matches!(error, TelemetryError::NotWritten { .. }), "{error:?}");
    assert!(error.to_string().contains("telemetry/ops_rollback.ndjson"), "{error}");
    let error = writer.alert(&alert(1)).await.unwrap_err();
    assert!(error.to_string().contains("telemetry/ops_alerts.ndjson"), "{error}");
}

#[tokio::test]
async fn a_file_that_stays_locked_is_busy_in_the_end_and_unchanged() {
    let place = Folder::new();
    place.open().append(&record(1)).await.unwrap();
    let holder = File::open(place.0.path().join("ops_rollback.ndjson")).unwrap();
    holder.lock().unwrap();
    let clock = Arc::new(kfm_retry::ManualClock::new(std::time::SystemTime::UNIX_EPOCH));
    let error = TelemetryWriter::new(place.0.path(), clock).append(&record(2)).await.unwrap_err();
    assert!(matches!(error, TelemetryError::Busy { .. }), "{error:?}");
    drop(holder);
    assert_eq!(place.records().await, [record(1)]);
}
