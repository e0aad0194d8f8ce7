//! What a record and an alert may contain, and how they are read.
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use kfm_telemetry::record::RecordDefect;
use kfm_telemetry::{
    AlertEvent, AlertKind, AlertRecord, EventId, EventStatus, Label, OperationRecord, RecordKind, Severity,
    Stage,
};
use serde_json::{Value, json};

fn record() -> OperationRecord {
    OperationRecord::new(
        EventId::parse("event/1").unwrap(),
        "2025-11-14T03:15:42Z".parse().unwrap(),
        RecordKind::Phase,
        Stage::RollbackExecute,
        Label::parse("ops@kfm").unwrap(),
    )
}

/// A rollback that succeeded, with every field that a success must have.
fn success() -> OperationRecord {
    let mut success = record();
    success.kind = RecordKind::Operation;
    success.ids.rollback_id = Some("rb_2025_11_14T03_15_42Z_pub_2025_11_13T00_00_00Z_daily".parse().unwrap());
    success.broken_links_before = Some(45);
    success.broken_links_after = Some(45);
    success.orphan_count_before = Some(22);
    success.orphan_count_after = Some(22);
    success
}

#[test]
fn the_owners_fields_are_always_written_and_what_was_not_counted_is_null() {
    let written = serde_json::to_value(record()).unwrap();
    for field in [
        "stage",
        "status",
        "duration_ms",
        "entities_touched",
        "broken_links_before",
        "broken_links_after",
        "orphan_count_before",
        "orphan_count_after",
        "care_violations",
        "requested_by",
    ] {
        assert!(written.get(field).is_some(), "{field}");
    }
    assert_eq!(written["broken_links_before"], Value::Null);
    assert_eq!(written["stage"], "rollback_execute");
    assert_eq!(written["status"], "ok");
}

#[test]
fn every_stage_is_written_by_the_name_it_gives_itself() {
    for stage in [Stage::Publish, Stage::RollbackPlan, Stage::HotfixApply, Stage::Labels] {
        assert_eq!(serde_json::to_value(stage).unwrap(), stage.as_str());
    }
}

#[test]
fn a_record_reads_back_as_it_was_written() {
    let text = serde_json::to_string(&success()).unwrap();
    assert_eq!(serde_json::from_str::<OperationRecord>(&text).unwrap(), success());
}

#[test]
fn a_field_that_is_missing_unknown_twice_or_of_the_wrong_kind_is_refused() {
    let changed = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
        let mut value = serde_json::to_value(success()).unwrap();
        change(value.as_object_mut().unwrap());
        serde_json::from_value::<OperationRecord>(value)
    };
    assert!(changed(&|_| {}).is_ok());
    for field in ["stage", "event_id", "broken_links_before", "orphan_count_after", "care_violations"] {
        assert!(changed(&|map| drop(map.remove(field))).is_err(), "{field}");
    }
    for (field, value) in [
        ("unheard_of", json!(1)),
        ("schema", json!("kfm.ops/v2")),
        ("ts", json!("yesterday")),
        ("duration_ms", json!(-1)),
        ("duration_ms", json!(1.5)),
        ("status", json!("success")),
        ("tool", json!("../etc")),
        ("requested_by", json!("")),
        ("requested_by", json!("a\nb")),
        ("error_class", json!("Could not open 41.3,-105.1")),
        ("rollback_id", json!("pub_2025_11_14T03_15_42Z_daily")),
    ] {
        assert!(
            changed(&|map| drop(map.insert(field.to_owned(), value.clone()))).is_err(),
            "{field}: {value}"
        );
    }
    let twice = serde_json::to_string(&success()).unwrap().replacen('{', "{\"care_violations\":3,", 1);
    assert!(serde_json::from_str::<OperationRecord>(&twice).is_err());
}

#[test]
fn violations_do_not_go_with_success() {
    let mut record = success();
    record.care_violations = 1;
    assert_eq!(record.check(), Err(RecordDefect::ViolationInSuccess { care_violations: 1 }));
}

#[test]
fn a_failure_has_a_class_and_a_success_has_none() {
    let mut record = success();
    record.status = EventStatus::Failed;
    assert_eq!(record.check(), Err(RecordDefect::FailureWithoutClass));
    record.error_class = Some("store".parse().unwrap());
    assert_eq!(record.check(), Ok(()));
    record.status = EventStatus::Ok;
    assert!(matches!(record.check(), Err(RecordDefect::ErrorInSuccess { .. })));
}

#[test]
fn an_operation_that_succeeded_names_itself_and_has_counted() {
    assert_eq!(success().check(), Ok(()));
    let mut nameless = success();
    nameless.ids.rollback_id = None;
    assert_eq!(nameless.check(), Err(RecordDefect::OperationWithoutId { stage: Stage::RollbackExecute }));
    let mut blind = success();
    blind.orphan_count_after = None;
    assert_eq!(blind.check(), Err(RecordDefect::NotCounted { field: "orphan_count_after" }));
}

#[test]
fn an_attempt_says_which_it_was() {
    let mut record = record();
    record.kind = RecordKind::Attempt;
    record.status = EventStatus::Failed;
    record.error_class = Some("timeout".parse().unwrap());
    assert_eq!(record.check(), Err(RecordDefect::AttemptWithoutNumber));
    record.retry_attempt = Some(0);
    assert_eq!(record.check(), Ok(()));
}

#[test]
fn an_amount_is_finite_and_not_negative() {
    for amount in [f64::NAN, f64::INFINITY, -0.1] {
        let mut record = record();
        record.co2_g = Some(amount);
        assert_eq!(record.check(), Err(RecordDefect::NotAnAmount { field: "co2_g" }));
    }
}

#[test]
fn no_tool_speaks_in_the_alerts_file() {
    let mut record = record();
    record.tool = "alerts".parse().unwrap();
    assert_eq!(record.check(), Err(RecordDefect::ReservedTool));
}

#[test]
fn an_alert_is_as_urgent_as_what_it_is_about() {
    let alert =
        AlertRecord::new(EventId::parse("alert/1").unwrap(), record().ts, AlertKind::FailedAfterSwitch);
    assert_eq!((alert.severity, alert.event), (Severity::Critical, AlertEvent::Raised));
    assert!(alert.check().is_ok());
    let calmed = AlertRecord { severity: Severity::Warning, ..alert };
    assert!(calmed.check().is_err());
}

#[test]
fn a_text_that_must_be_recorded_always_fits() {
    assert_eq!(Label::lossy("a\nb").as_str(), "a b");
    assert_eq!(Label::lossy(" \t").as_str(), "-");
    let long = Label::lossy(&"ü".repeat(1_000));
    assert!(long.as_str().len() <= 512 && long.as_str().ends_with('…'));
    for text in ["a\nb", "", " ", &"x".repeat(513)] {
        assert!(Label::parse(text).is_err(), "{text}");
        assert_eq!(Label::parse(Label::lossy(text).as_str()), Ok(Label::lossy(text)));
    }
}
