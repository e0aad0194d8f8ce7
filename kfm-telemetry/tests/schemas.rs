//! The committed schemas fit the types, and the types read what earlier versions wrote (R96).
#![cfg(feature = "test-util")]
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kfm_telemetry::conformance::{alert, record};
use kfm_telemetry::focus::{Aggregated, aggregate};
use kfm_telemetry::ledger::LedgerEntry;
use kfm_telemetry::schema::schemas;
use kfm_telemetry::validate::{read, validate};
use kfm_telemetry::{EventStatus, OperationRecord};
use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn schema(path: &str) -> Value {
    let file = schemas().into_iter().find(|file| file.path == path).unwrap();
    file.schema.to_value()
}

#[test]
fn the_committed_schemas_are_those_of_the_types() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    for file in schemas() {
        let committed = fs::read(folder.join(&file.path)).unwrap_or_default();
        // Compared as values, because the order of keys depends on the features of serde_json that other
        // crates choose.
        assert!(
            serde_json::from_slice::<Value>(&committed).ok().as_ref() == Some(file.schema.as_value()),
            "schemas/{} is not what the types say; if the change is meant, run \
             `cargo run -p kfm-cli -- schemas --out schemas` and commit it",
            file.path
        );
    }
}

#[test]
fn every_schema_is_of_2020_12_and_has_an_id() {
    for file in schemas() {
        let schema = file.schema.to_value();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{}", file.path);
        assert!(schema["$id"].as_str().unwrap().ends_with(&file.path), "{}", file.path);
    }
}

/// Returns the keys of an object that its schema does not know, and the required keys that it lacks.
fn strangers_and_missing(schema: &Value, object: &Value) -> (Vec<String>, Vec<String>) {
    let keys: BTreeSet<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    let known = schema["properties"].as_object().unwrap();
    let required = schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    (
        keys.iter().filter(|key| !known.contains_key(**key)).map(|key| (*key).to_owned()).collect(),
        required.filter(|name| !keys.contains(name)).map(str::to_owned).collect(),
    )
}

#[test]
fn what_is_written_has_the_keys_of_its_schema() {
    let mut failed = record(1);
    failed.status = EventStatus::Failed;
    failed.error_class = "store".parse().ok();
    for (path, written) in [
        ("telemetry/pipelines-operations-v1.json", serde_json::to_value(record(1)).unwrap()),
        ("telemetry/pipelines-operations-v1.json", serde_json::to_value(failed).unwrap()),
        ("telemetry/alerts-v1.json", serde_json::to_value(alert(1)).unwrap()),
    ] {
        let schema = schema(path);
        assert_eq!(schema["additionalProperties"], false, "{path}");
        assert_eq!(strangers_and_missing(&schema, &written), (vec![], vec![]), "{path}");
    }
}

#[test]
fn what_a_schema_requires_of_a_record_the_types_require_too() {
    let schema = schema("telemetry/pipelines-operations-v1.json");
    let whole = serde_json::to_value(record(1)).unwrap();
    for name in schema["required"].as_array().unwrap() {
        let mut lacking = whole.clone();
        lacking.as_object_mut().unwrap().remove(name.as_str().unwrap());
        assert!(serde_json::from_value::<OperationRecord>(lacking).is_err(), "{name}");
    }
}

#[test]
fn records_of_the_first_form_are_read_for_ever() {
    let path = fixture("v1/ops_rollback.ndjson");
    let records = read(&path).unwrap();
    assert_eq!(records.len(), 4);
    // Written again they are the same bytes, so that nothing was lost in reading.
    let written: Vec<String> = records.iter().map(|record| serde_json::to_string(record).unwrap()).collect();
    assert_eq!(written.join("\n") + "\n", fs::read_to_string(path).unwrap());
}

#[test]
fn a_ledger_entry_of_the_first_form_is_read_for_ever() {
    let text = fs::read(fixture("v1/ledger_entry.json")).unwrap();
    let entry: LedgerEntry = serde_json::from_slice(&text).unwrap();
    entry.check().unwrap();
    // The chain has the canonical form, for which reading and writing again changes nothing.
    assert_eq!(kfm_lineage::canonical::canonical_of(&entry).unwrap(), text);
}

#[test]
fn a_focus_telemetry_of_the_first_form_is_read_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let old = fs::read(fixture("v1/focus-telemetry.json")).unwrap();
    let file = folder.path().join("focus-telemetry.json");
    fs::write(&file, &old).unwrap();
    let done = aggregate(&folder.path().join("empty"), &file).unwrap();
    assert_eq!(done, Aggregated { events: 2, added: 0 });
    assert_eq!(fs::read(&file).unwrap(), old);
}

#[test]
fn alerts_of_the_first_form_are_read_for_ever() {
    let report = validate(&fixture("v1/ops_alerts.ndjson")).unwrap();
    assert_eq!((report.lines, report.invalid), (2, 0), "{report:?}");
}
