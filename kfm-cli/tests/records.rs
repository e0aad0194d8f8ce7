//! The commands that read: checks of the catalog, the log, the ledger, the telemetry, and adoption.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use support::{Sandbox, first_version, item, two_publishes};

#[test]
fn checks_of_a_sound_platform_pass() {
    let (sandbox, ..) = two_publishes();
    sandbox.kfm(&["rollback", "execute", "--publish-id", "latest", "--reason", "r", "--yes"]).exits(0);
    let catalog = sandbox.json(0, &["catalog", "check"]);
    assert_eq!((&catalog["documents"], &catalog["broken_links"]), (&4.into(), &0.into()));
    let wal = sandbox.json(0, &["wal", "verify"]);
    assert!(wal["records"].as_u64().unwrap() > 4 && wal["segments"] == 1, "{wal:#}");
    let verify = sandbox.json(0, &["verify", "--rollback-id", "latest"]);
    assert!(verify["checks"].as_array().unwrap().iter().all(|check| check["ok"] == true), "{verify:#}");
    assert_eq!(sandbox.json(0, &["telemetry", "validate"])["files"][0]["invalid"], 0);
    let doctor = sandbox.json(0, &["doctor", "--digests"]);
    for store in doctor["stores"].as_array().unwrap() {
        assert!(store["ok"] == true && store["digest"].is_string() && store["capabilities"].is_object());
    }
    sandbox.kfm(&["ledger", "verify"]).exits(0);
    sandbox.kfm(&["reconcile"]).exits(0);
}

#[test]
fn a_catalog_with_a_broken_link_exits_1_and_names_it() {
    let sandbox = Sandbox::platform();
    let mut documents = support::base(&["a", "gone"]);
    documents.push(("things/a.json", item("a", "first")));
    sandbox.publish("one", &documents);
    let report = sandbox.json(1, &["catalog", "check"]);
    assert_eq!(report["broken_links"], 1);
    assert_eq!(report["error"]["kind"], "findings");
    assert!(report["findings"]["first"].to_string().contains("gone.json"), "{report:#}");
}

#[test]
fn the_log_is_listed_and_exported_line_by_line() {
    let (sandbox, ..) = two_publishes();
    let records = sandbox.json(0, &["wal", "verify"])["records"].as_u64().unwrap();
    let exported = sandbox.kfm(&["wal", "export"]).exits(0).stdout;
    assert_eq!(exported.lines().count() as u64, records);
    for (at, line) in exported.lines().enumerate() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(record["lsn"], at + 1);
    }
    let frames = sandbox.json(0, &["wal", "inspect"])["segments"][0]["frames"].clone();
    let counted: u64 = frames.as_array().unwrap().iter().map(|frame| frame["count"].as_u64().unwrap()).sum();
    assert!(counted >= records, "{frames:#}");
    sandbox.json(0, &["wal", "export", "--out", "log.ndjson"]);
    assert_eq!(sandbox.read("log.ndjson"), Some(exported));
}

#[test]
fn a_damaged_log_exits_1_where_it_is_checked_and_4_where_it_is_needed() {
    let (sandbox, _, second) = two_publishes();
    let segment = sandbox.path().join("wal/seg-00000000000000000001-0000000000000000.kfw");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[600] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let report = sandbox.json(1, &["wal", "verify"]);
    assert!(report["first_bad"]["offset"].is_u64(), "{report:#}");
    assert!(sandbox.json(0, &["wal", "inspect"])["segments"][0]["stray_bytes"].as_u64().unwrap() > 0);
    let answer = sandbox.json(4, &["rollback", "plan", "--publish-id", &second]);
    assert_eq!(answer["error"]["next"][0], "kfm wal verify");
}

#[test]
fn the_ledger_is_listed_and_its_file_is_compared_with_the_chain() {
    let (sandbox, ..) = two_publishes();
    let entries = sandbox.json(0, &["ledger", "list"])["entries"].as_array().unwrap().len();
    assert!(entries >= 3, "a label and two publishes: {entries}");
    sandbox.json(0, &["ledger", "render"]);
    let path = "docs/reports/audit/data_provenance_ledger.json";
    let text = sandbox.read(path).unwrap();
    sandbox.write(path, &text.replace("tester", "nobody"));
    let report = sandbox.json(1, &["ledger", "verify"]);
    assert_eq!(report["view"]["state"], "differs");
}

#[test]
fn telemetry_is_gathered_into_one_file_and_a_false_record_is_found() {
    let (sandbox, ..) = two_publishes();
    let gathered = sandbox.json(0, &["telemetry", "aggregate", "--out", "focus.json"]);
    assert!(gathered["events"].as_u64().unwrap() > 0 && sandbox.read("focus.json").is_some());
    sandbox.write("ops_publish.ndjson", "{\"stage\":\"no such\"}\n");
    let report = sandbox.json(1, &["telemetry", "validate", "ops_publish.ndjson"]);
    assert_eq!(report["files"][0]["invalid"], 1);
}

#[test]
fn objectives_are_computed_from_the_records_and_a_record_that_is_missing_is_a_miss() {
    let (sandbox, ..) = two_publishes();
    let slo = sandbox.json(0, &["slo"]);
    assert_eq!((&slo["completeness"]["count"], &slo["completeness"]["missing"]), (&2.into(), &0.into()));
    assert_eq!(slo["recovery"]["p95"], "insufficient_data", "two operations are too few (R95)");
    let records = "data/processed/telemetry/ops_publish.ndjson";
    let kept = sandbox.read(records).unwrap();
    sandbox.write(records, "{\"stage\":\"no such\"}\n");
    let complete = &sandbox.json(1, &["slo"])["completeness"];
    assert_eq!(
        (&complete["state"], &complete["missing"], &complete["invalid_lines"]),
        (&"missed".into(), &2.into(), &1.into())
    );
    let alerts = || sandbox.read("data/processed/telemetry/ops_alerts.ndjson").unwrap_or_default();
    assert_eq!(alerts(), "", "an alert is raised only where that is asked for");
    sandbox.json(1, &["slo", "--alert", "--ci"]);
    assert_eq!(alerts(), "", "a rehearsal raises none");
    sandbox.json(1, &["slo", "--alert"]);
    assert!(alerts().contains("telemetry_missing"), "{}", alerts());
    sandbox.write(records, &kept);
    assert_eq!(sandbox.json(0, &["slo", "--days", "1"])["completeness"]["missing"], 0);
}

#[test]
fn a_catalog_that_stood_before_is_adopted_before_it_is_published_onto() {
    let sandbox = Sandbox::platform();
    for (path, content) in first_version() {
        sandbox.write(&format!("catalog/{path}"), &content);
    }
    sandbox.write("two/things/a.json", &item("a", "second"));
    let publish = ["publish", "--from", "two", "--pipeline", "test"];
    let refused = sandbox.json(6, &publish);
    assert!(refused["error"]["next"].to_string().contains("kfm adopt"), "{refused:#}");
    let adopted = sandbox.json(0, &["adopt", "--reason", "it was there"]);
    assert_eq!(adopted["documents"], 4);
    sandbox.json(0, &publish);
    let execute = ["rollback", "execute", "--publish-id", "latest", "--reason", "r", "--yes"];
    sandbox.json(0, &execute);
    assert_eq!(sandbox.read("catalog/things/a.json"), Some(item("a", "first")));
    let genesis = adopted["publish_id"].as_str().unwrap();
    sandbox.json(2, &["rollback", "plan", "--publish-id", genesis]);
}

#[test]
fn a_document_edited_by_hand_is_listed_refused_and_can_be_recorded() {
    let (sandbox, _, second) = two_publishes();
    sandbox.write("catalog/things/a.json", &item("a", "by hand"));
    let listed = sandbox.json(0, &["reconcile"]);
    assert_eq!(
        (&listed["foreign"]["total"], &listed["foreign"]["first"][0]["key"]),
        (&1.into(), &"things/a.json".into())
    );
    let refused =
        sandbox.json(6, &["rollback", "execute", "--publish-id", &second, "--reason", "r", "--yes"]);
    assert_eq!(refused["conflicts"][0]["kind"], "foreign", "{refused:#}");
    assert_eq!(sandbox.read("catalog/things/a.json"), Some(item("a", "by hand")));
    let recorded = sandbox.json(0, &["reconcile", "--adopt"]);
    assert!(recorded["publish_id"].is_string(), "{recorded:#}");
    assert_eq!(sandbox.json(0, &["reconcile"])["foreign"]["total"], 0);
}

#[test]
fn labels_are_listed_as_they_are_in_force() {
    let sandbox = Sandbox::platform();
    let labels = sandbox.json(0, &["labels", "list"]);
    assert_eq!(labels["labels"][0]["in_force"], true);
    assert!(sandbox.kfm(&["labels", "list"]).exits(0).stdout.contains("everything  public"));
    let wrong = ["labels", "assign", "--under", "", "--care", "sekret", "--authority", "a", "--reason", "r"];
    sandbox.kfm(&[&wrong[..], &["--review-by", "2099-12-31"]].concat()).exits(2);
}
