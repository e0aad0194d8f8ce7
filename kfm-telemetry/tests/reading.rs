//! Validating telemetry, and aggregating it.
#![cfg(feature = "test-util")]
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kfm_retry::SystemClock;
use kfm_telemetry::conformance::{alert, record};
use kfm_telemetry::focus::{Aggregated, FocusTelemetry, aggregate};
use kfm_telemetry::validate::{read, validate, validate_folder};
use kfm_telemetry::{OperationRecord, RecordSink, TelemetryError, TelemetryWriter};

struct Folder(tempfile::TempDir);

impl Folder {
    /// A folder with these records and one alert, as the writer leaves it.
    async fn with(records: &[OperationRecord]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let writer = TelemetryWriter::new(folder.path(), Arc::new(SystemClock));
        for record in records {
            writer.append(record).await.unwrap();
        }
        writer.alert(&alert(1)).await.unwrap();
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn rollbacks(&self) -> PathBuf {
        self.path().join("ops_rollback.ndjson")
    }

    fn focus(&self) -> PathBuf {
        self.path().join("releases/v1/focus-telemetry.json")
    }

    fn add(&self, text: &str) {
        let before = fs::read_to_string(self.rollbacks()).unwrap();
        fs::write(self.rollbacks(), before + text).unwrap();
    }
}

#[tokio::test]
async fn what_the_writer_wrote_is_valid() {
    let folder = Folder::with(&[record(1), record(2)]).await;
    let report = validate_folder(folder.path()).unwrap();
    assert!(report.ok, "{report:?}");
    let lines: Vec<u64> = report.files.iter().map(|file| file.lines).collect();
    assert_eq!(lines, [1, 2], "alerts, then rollbacks");
    assert_eq!(read(&folder.rollbacks()).unwrap(), [record(1), record(2)]);
}

#[test]
fn a_folder_that_is_not_there_has_no_telemetry() {
    let report = validate_folder(Path::new("no/such/folder")).unwrap();
    assert!(report.ok && report.files.is_empty());
}

#[tokio::test]
async fn each_bad_line_is_named_with_its_number() {
    let folder = Folder::with(&[record(1)]).await;
    let good = serde_json::to_string(&record(2)).unwrap();
    let long = "x".repeat(100_000);
    let other = good.replace("\"tool\":\"rollback\"", "\"tool\":\"hotfix\"");
    let contradictory = good.replace("\"status\":\"ok\"", "\"status\":\"failed\"");
    let unknown = good.replacen('{', "{\"unknown\":1,", 1);
    folder.add(&format!("\n{good}\n{long}\n{other}\n{contradictory}\n{unknown}\nnull\n{good}"));
    let report = validate(&folder.rollbacks()).unwrap();
    let bad: Vec<u64> = report.first.iter().map(|defect| defect.line).collect();
    assert_eq!((report.lines, report.invalid), (9, 7));
    assert_eq!(bad, [2, 4, 5, 6, 7, 8, 9], "{report:?}");
    let error = read(&folder.rollbacks()).unwrap_err();
    assert!(matches!(error, TelemetryError::InvalidLine { line: 2, .. }), "{error:?}");
    assert!(error.to_string().contains("ops_rollback.ndjson line=2"), "{error}");
}

#[tokio::test]
async fn torn_lines_that_were_set_aside_are_listed() {
    let folder = Folder::with(&[record(1)]).await;
    folder.add("{\"schema\":\"kfm.o");
    assert!(!validate_folder(folder.path()).unwrap().ok);
    TelemetryWriter::new(folder.path(), Arc::new(SystemClock)).append(&record(2)).await.unwrap();
    let report = validate_folder(folder.path()).unwrap();
    assert!(report.ok, "{report:?}");
    assert_eq!(report.set_aside.len(), 1);
    assert_eq!(fs::read_to_string(&report.set_aside[0]).unwrap(), "{\"schema\":\"kfm.o");
}

#[tokio::test]
async fn a_bad_alert_is_found_too() {
    let folder = Folder::with(&[]).await;
    let path = folder.path().join("ops_alerts.ndjson");
    let text = fs::read_to_string(&path).unwrap().replace("warning", "notice");
    fs::write(&path, text).unwrap();
    assert_eq!(validate(&path).unwrap().invalid, 1);
}

#[tokio::test]
async fn events_are_aggregated_in_order_of_time_each_once() {
    let mut earlier = record(7);
    earlier.ts = "2025-11-13T00:00:00Z".parse().unwrap();
    let mut again = record(1);
    again.duration_ms = 99;
    let mut hotfix = record(3);
    hotfix.tool = "hotfix".parse().unwrap();
    let folder = Folder::with(&[record(1), hotfix.clone(), earlier.clone(), again.clone()]).await;
    let done = aggregate(folder.path(), &folder.focus()).unwrap();
    assert_eq!(done, Aggregated { events: 3, added: 3 });
    let focus: FocusTelemetry = serde_json::from_slice(&fs::read(folder.focus()).unwrap()).unwrap();
    assert_eq!(focus.events, [earlier, again, hotfix]);
}

#[tokio::test]
async fn aggregating_again_gives_the_same_bytes() {
    let folder = Folder::with(&[record(2), record(1)]).await;
    aggregate(folder.path(), &folder.focus()).unwrap();
    let first = fs::read(folder.focus()).unwrap();
    assert_eq!(aggregate(folder.path(), &folder.focus()).unwrap(), Aggregated { events: 2, added: 0 });
    assert_eq!(fs::read(folder.focus()).unwrap(), first);
}

#[tokio::test]
async fn the_aggregate_outlives_the_raw_records() {
    let folder = Folder::with(&[record(1)]).await;
    aggregate(folder.path(), &folder.focus()).unwrap();
    fs::remove_file(folder.rollbacks()).unwrap();
    TelemetryWriter::new(folder.path(), Arc::new(SystemClock)).append(&record(2)).await.unwrap();
    assert_eq!(aggregate(folder.path(), &folder.focus()).unwrap(), Aggregated { events: 2, added: 1 });
}

#[tokio::test]
async fn one_bad_line_refuses_the_whole_and_the_old_aggregate_stays() {
    let folder = Folder::with(&[record(1)]).await;
    aggregate(folder.path(), &folder.focus()).unwrap();
    let before = fs::read(folder.focus()).unwrap();
    folder.add("{}\n");
    let error = aggregate(folder.path(), &folder.focus()).unwrap_err();
    assert!(matches!(error, TelemetryError::InvalidLine { line: 2, .. }), "{error:?}");
    assert_eq!(fs::read(folder.focus()).unwrap(), before);
}

#[tokio::test]
async fn an_old_aggregate_that_is_not_valid_is_not_overwritten() {
    let folder = Folder::with(&[record(1)]).await;
    aggregate(folder.path(), &folder.focus()).unwrap();
    let text = fs::read_to_string(folder.focus()).unwrap();
    for damaged in [
        text.replace("\"care_violations\": 0", "\"care_violations\": 2"),
        text.replace("kfm.focus-telemetry/v1", "kfm.focus-telemetry/v2"),
        "[]".to_owned(),
    ] {
        fs::write(folder.focus(), &damaged).unwrap();
        let error = aggregate(folder.path(), &folder.focus()).unwrap_err();
        assert!(matches!(error, TelemetryError::NotRead { .. }), "{error:?}");
        assert_eq!(fs::read_to_string(folder.focus()).unwrap(), damaged);
    }
}
