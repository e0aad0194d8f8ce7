//! `kfm hotfix stac` as the owner's example has it (R70), its approval, its resume and its revert.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use support::{Sandbox, first_version, item, item_with_licence};

/// The owner's command, with other values.
fn hotfix<'a>(from: &'a str, to: &'a str) -> Vec<&'a str> {
    let field = ["hotfix", "stac", "--collection", "things", "--field", "properties.license"];
    [&field[..], &["--from", from, "--to", to, "--reason", "Correct license per source"]].concat()
}

/// A platform whose item `a` has this licence; `b` is under CC0-1.0.
fn licensed(licence: &str) -> Sandbox {
    let sandbox = Sandbox::platform();
    let mut documents = first_version();
    documents[2].1 = item_with_licence("a", "first", licence);
    sandbox.publish("one", &documents);
    sandbox
}

#[test]
fn a_hotfix_replaces_the_values_bytes_only_and_is_undone_by_its_revert() {
    let sandbox = licensed("CC0-1.0");
    let words = hotfix("CC0-1.0", "PDDL-1.0");
    let before = sandbox.files();
    for flag in ["--dry-run", "--ci"] {
        let rehearsed = sandbox.json(0, &[&words[..], &[flag]].concat());
        assert_eq!((&rehearsed["matches"], &rehearsed["ready"]), (&2.into(), &true.into()), "{flag}");
        assert_eq!(rehearsed["changes"]["first"][0]["key"], "things/a.json");
        assert_eq!(sandbox.files(), before, "{flag}");
    }
    let report = sandbox.json(0, &words);
    for key in ["hotfix_id", "matches", "changed", "skipped", "manifest"] {
        assert!(report.get(key).is_some(), "no {key} in {report:#}");
    }
    assert_eq!(sandbox.read("catalog/things/a.json"), Some(item_with_licence("a", "first", "PDDL-1.0")));
    let again = sandbox.json(0, &words);
    assert_eq!((&again["hotfix_id"], &again["skipped"]), (&serde_json::Value::Null, &2.into()));
    let id = report["hotfix_id"].as_str().unwrap();
    let revert = ["hotfix", "revert", "--hotfix-id", id, "--reason", "it was right"];
    for flag in ["--dry-run", "--ci"] {
        let before = sandbox.files();
        assert_eq!(sandbox.json(0, &[&revert[..], &[flag]].concat())["matches"], 2, "{flag}");
        assert_eq!(sandbox.files(), before, "{flag}");
    }
    let reverted = sandbox.json(0, &revert);
    assert_eq!((&reverted["hotfix_id"], &reverted["matches"]), (&report["hotfix_id"], &2.into()));
    assert_eq!(sandbox.read("catalog/things/a.json"), Some(item_with_licence("a", "first", "CC0-1.0")));
    assert_eq!(sandbox.json(0, &revert)["changed"]["total"], 0);
}

/// A document without a licence gets a looser one by any licence, so a reviewer has to approve (R64, R65).
#[test]
fn the_owners_example_waits_for_a_reviewer_and_goes_on_by_the_same_command() {
    let sandbox = licensed("UNKNOWN");
    let words = hotfix("UNKNOWN", "CC-BY-4.0");
    sandbox.json(0, &["principals", "add", "ada", "--role", "reviewer", "--key-out", "ada.key"]);
    sandbox.json(5, &[&words[..], &["--dry-run"]].concat());
    let waiting = sandbox.json(5, &words);
    let plan_id = waiting["plan_id"].as_str().unwrap();
    assert_eq!(sandbox.json(5, &words)["plan_id"], plan_id, "the same change is the same plan");
    let shown = sandbox.kfm(&["rollback", "dry-run", "--plan", plan_id]).exits(5);
    assert!(shown.stdout.contains(r#"properties.license: "UNKNOWN" -> "CC-BY-4.0""#), "{}", shown.stdout);
    let approve = ["approve", plan_id, "--as", "ada", "--role", "reviewer", "--key", "ada.key"];
    sandbox.json(0, &approve);
    assert_eq!(sandbox.json(0, &[&words[..], &["--dry-run"]].concat())["ready"], true);
    let report = sandbox.json(0, &words);
    assert_eq!((&report["plan_id"], &report["matches"]), (&plan_id.into(), &1.into()), "{report:#}");
    assert_eq!(sandbox.read("catalog/things/a.json"), Some(item_with_licence("a", "first", "CC-BY-4.0")));
}

#[test]
fn an_approved_hotfix_is_executed_by_its_plan_too() {
    let sandbox = licensed("UNKNOWN");
    sandbox.json(0, &["principals", "add", "ada", "--role", "reviewer", "--key-out", "ada.key"]);
    let waiting = sandbox.json(5, &hotfix("UNKNOWN", "CC-BY-4.0"));
    let plan_id = waiting["plan_id"].as_str().unwrap();
    sandbox.json(0, &["approve", plan_id, "--as", "ada", "--role", "reviewer", "--key", "ada.key"]);
    let done = sandbox.json(0, &["rollback", "execute", "--plan", plan_id, "--reason", "r", "--yes"]);
    let id = done["hotfix_id"].as_str().unwrap();
    assert_eq!(done["next"][0], format!("kfm verify {id}"));
    let verified = sandbox.json(0, &["verify", id]);
    assert!(verified["checks"].as_array().unwrap().iter().any(|check| check["name"] == "manifest and log"));
    assert!(done["next"][1].as_str().unwrap().contains(&format!("kfm hotfix revert --hotfix-id {id}")));
    assert_eq!(sandbox.read("catalog/things/a.json"), Some(item_with_licence("a", "first", "CC-BY-4.0")));
}

#[test]
fn a_value_that_nothing_has_is_refused_with_the_values_found() {
    let sandbox = licensed("UNKNOWN");
    let run = sandbox.kfm(&hotfix("none such", "CC-BY-4.0")).exits(2);
    assert!(run.stderr.contains("UNKNOWN") && run.stderr.contains("CC0-1.0"), "{}", run.stderr);
    for words in [
        hotfix("UNKNOWN", "UNKNOWN"),
        hotfix("9007199254740993", "1"),
        [&hotfix("a", "b")[..4], &["--field", "a..b", "--from", "a", "--to", "b", "--reason", "r"]].concat(),
    ] {
        sandbox.json(2, &words);
    }
    let nowhere = [&hotfix("a", "b")[..3], &["nowhere"], &hotfix("a", "b")[4..]].concat();
    assert_eq!(sandbox.json(2, &nowhere)["error"]["kind"], "not_found");
}

#[test]
fn a_document_that_another_hand_changed_is_refused_and_kept() {
    let sandbox = licensed("CC0-1.0");
    let by_hand = item_with_licence("a", "by hand", "CC0-1.0");
    sandbox.write("catalog/things/a.json", &by_hand);
    let words = hotfix("CC0-1.0", "CC-BY-4.0");
    let rehearsed = sandbox.json(6, &[&words[..], &["--dry-run"]].concat());
    assert_eq!((&rehearsed["ready"], &rehearsed["conflicts"][0]["kind"]), (&false.into(), &"foreign".into()));
    assert_eq!(sandbox.json(6, &words)["status"], "refused");
    assert_eq!(sandbox.read("catalog/things/a.json"), Some(by_hand));
    assert_eq!(sandbox.read("catalog/things/b.json"), Some(item_with_licence("b", "first", "CC0-1.0")));
}

#[test]
fn a_schema_change_is_denied() {
    let sandbox = licensed("CC0-1.0");
    let words = [
        "hotfix",
        "stac",
        "--collection",
        "things",
        "--field",
        "stac_version",
        "--from",
        "\"1.1.0\"",
        "--to",
        "\"1.0.0\"",
        "--reason",
        "r",
    ];
    let denied = sandbox.json(3, &words);
    let rules: Vec<_> = denied["findings"]["first"].as_array().unwrap().iter().map(|f| &f["rule"]).collect();
    assert!(rules.contains(&&"GOV-hotfix".into()), "{denied:#}");
}

/// A hotfix whose records cannot be written, once everything has moved: it is held, and says how it goes on.
fn held_hotfix() -> (Sandbox, String) {
    let sandbox = licensed("CC0-1.0");
    let (telemetry, aside) = (sandbox.path().join("data/processed/telemetry"), sandbox.path().join("aside"));
    std::fs::rename(&telemetry, &aside).unwrap();
    sandbox.write("data/processed/telemetry", "no folder");
    let held = sandbox.json(7, &hotfix("CC0-1.0", "PDDL-1.0"));
    assert_eq!(
        (&held["status"], &held["held_reason"]),
        (&"held".into(), &"record_pending".into()),
        "{held:#}"
    );
    let open = &sandbox.json(7, &["status"])["open"][0];
    assert_eq!((&open["kind"], &open["status"]), (&"hotfix".into(), &"held".into()), "{open:#}");
    let id = open["id"].as_str().unwrap().to_owned();
    assert_eq!(
        held["error"]["next"],
        serde_json::json!([
            format!("kfm hotfix resume --hotfix-id {id}"),
            format!("kfm hotfix resume --hotfix-id {id} --abort"),
        ])
    );
    std::fs::remove_file(&telemetry).unwrap();
    std::fs::rename(&aside, &telemetry).unwrap();
    (sandbox, id)
}

#[test]
fn a_hotfix_that_is_held_is_shown_by_a_rehearsal_and_completed_by_its_resume() {
    let (sandbox, id) = held_hotfix();
    let before = sandbox.files();
    let shown = sandbox.json(0, &["hotfix", "resume", "--hotfix-id", &id, "--ci"]);
    assert_eq!((&shown["hotfix_id"], &shown["status"]), (&id.as_str().into(), &"held".into()), "{shown:#}");
    assert_eq!(sandbox.files(), before);

    let resumed = sandbox.json(0, &["hotfix", "resume", "--hotfix-id", &id]);
    assert_eq!((&resumed["hotfix_id"], &resumed["status"]), (&id.as_str().into(), &"completed".into()));
    assert_eq!(sandbox.read("catalog/things/a.json"), Some(item_with_licence("a", "first", "PDDL-1.0")));
    assert_eq!(sandbox.json(0, &["status"])["open"], serde_json::json!([]));
    let again = sandbox.json(6, &["hotfix", "resume", "--hotfix-id", &id]);
    assert_eq!(again["error"]["kind"], "conflict", "{again:#}");
    sandbox.json(0, &["hotfix", "revert", "--hotfix-id", &id, "--reason", "it was right"]);
    assert_eq!(sandbox.read("catalog/things/a.json"), Some(item_with_licence("a", "first", "CC0-1.0")));
}

#[test]
fn a_hotfix_that_is_held_goes_back_if_it_is_asked_to() {
    let (sandbox, id) = held_hotfix();
    assert_eq!(sandbox.read("catalog/things/a.json"), Some(item_with_licence("a", "first", "PDDL-1.0")));
    let aborted = sandbox.json(0, &["hotfix", "resume", "--hotfix-id", &id, "--abort"]);
    assert_eq!((&aborted["hotfix_id"], &aborted["status"]), (&id.as_str().into(), &"aborted".into()));
    assert_eq!(sandbox.read("catalog/things/a.json"), Some(item_with_licence("a", "first", "CC0-1.0")));
    let reverted = sandbox.json(2, &["hotfix", "revert", "--hotfix-id", &id, "--reason", "it was right"]);
    assert!(reverted["error"]["message"].as_str().unwrap().contains("went back"), "{reverted:#}");
}

/// A platform with one item of `things` whose properties hold this member too.
fn with_member(name: &str, text: &str) -> Sandbox {
    let sandbox = Sandbox::platform();
    let mut documents = first_version();
    documents[2].1 = item("a", "first").replace("\"title\":", &format!("\"{name}\":{text},\"title\":"));
    sandbox.publish("one", &documents);
    sandbox
}

fn of_field<'a>(field: &'a str, from: &'a str, to: &'a str) -> Vec<&'a str> {
    let words = ["hotfix", "stac", "--collection", "things", "--field", field, "--from", from, "--to", to];
    [&words[..], &["--reason", "- as the source says"]].concat()
}

/// Puts the value and takes the hotfix back; the bytes are `to` in the place of the old value, and then the old
/// value again.
#[track_caller]
fn there_and_back(was: &str, from: &str, to: &str) {
    let sandbox = with_member("x", was);
    let before = sandbox.read("catalog/things/a.json").unwrap();
    let report = sandbox.json(0, &of_field("properties.x", from, to));
    assert_eq!((&report["matches"], &report["changes"]["first"][0]["to_text"]), (&1.into(), &to.into()));
    let after = before.replace(&format!("\"x\":{was},"), &format!("\"x\":{to},"));
    assert_eq!(sandbox.read("catalog/things/a.json"), Some(after), "{from} -> {to}");
    let again = sandbox.json(0, &of_field("properties.x", from, to));
    assert_eq!(again["hotfix_id"], serde_json::Value::Null, "{from} -> {to}");
    assert_eq!(sandbox.json(0, &["status"])["open"], serde_json::json!([]));
    let id = report["hotfix_id"].as_str().unwrap();
    sandbox.json(0, &["hotfix", "revert", "--hotfix-id", id, "--reason", "it was right"]);
    assert_eq!(sandbox.read("catalog/things/a.json"), Some(before), "{from} -> {to}");
    sandbox.json(0, &["wal", "verify"]);
}

#[test]
fn numbers_are_put_as_they_are_written_and_found_by_their_amount() {
    for (was, from, to) in [
        ("30", "30", "15"),
        ("30", "30.0", "1.5e1"),
        ("30", "30", "30.0"),
        ("4326.0", "4326.0", "4326"),
        ("-9999", "-9999", "-32768"),
        ("0", "0", "-0.0"),
        ("9007199254740993", "9007199254740993", "9007199254740992"),
        ("1e400", "10e399", "0"),
        (
            "0.1234567890123456789012345678901",
            "0.12345678901234567890123456789010",
            "[ 1.0, {\"a\" : 2.50} ]",
        ),
        ("\"-\"", "-", "\"--\""),
    ] {
        there_and_back(was, from, to);
    }
}

#[test]
fn a_number_that_only_rounds_to_another_is_not_it() {
    let sandbox = with_member("x", "9007199254740993");
    for from in ["9007199254740992", "9007199254740993.5", "\"9007199254740993\""] {
        let run = sandbox.kfm(&of_field("properties.x", from, "1")).exits(2);
        assert!(run.stderr.contains("9007199254740993 (1)"), "{}", run.stderr);
    }
}

#[test]
fn a_value_that_readers_differ_about_or_cannot_reach_is_refused_and_nothing_is_written() {
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let sandbox = with_member("x", "1");
    let before = sandbox.state();
    for to in [r#"{"a":1,"a":2}"#, r#""\ud800""#, "1e400", &nested(126), &nested(128), &nested(1_000), "--to"]
    {
        sandbox.json(2, &of_field("properties.x", "1", to));
        assert!(sandbox.state() == before, "{to}");
    }
    for levels in [100, 124, 125] {
        there_and_back("1", "1", &nested(levels));
    }
}

/// A reader that takes the first of two members would go on seeing the old value (`docs/states.md` section 5,
/// *Reading*).
#[test]
fn a_field_that_a_document_states_twice_is_refused_and_nothing_is_written() {
    let title = r#""title":"first""#;
    for (was, stated) in [
        (title, r#""title":"first","title":"first""#),
        (title, r#""title":"first","title":"other""#),
        (r#""properties":{"#, r#""properties":{"title":"first"},"properties":{"x":{},"#),
    ] {
        let sandbox = Sandbox::platform();
        let mut documents = first_version();
        let document = documents[2].1.replacen(was, stated, 1);
        assert_ne!(document, documents[2].1, "{was}");
        documents[2].1 = document;
        sandbox.publish("one", &documents);
        let before = sandbox.state();
        let refused = sandbox.json(2, &of_field("properties.title", "first", "second"));
        let message = refused["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains("is there more than once: path=`things/a.json`"), "{stated}: {refused:#}");
        assert!(sandbox.state() == before, "{stated}");
    }
    let sandbox = with_member("y", r#"{"a":1},"y":{"a":1}"#);
    sandbox.json(0, &of_field("properties.title", "first", "second"));
}

#[test]
fn a_hotfix_makes_no_document_less_valid_than_it_is() {
    let sandbox = with_member("gsd", "30");
    let before = sandbox.read("catalog/things/a.json");
    for (field, from, to) in [
        ("properties.datetime", "2024-01-01T00:00:00Z", "2024-01-01 00:00:00Z"),
        ("properties.datetime", "2024-01-01T00:00:00Z", "2024-02-30T00:00:00Z"),
        ("bbox", "[-98.0,38.5,-98.0,38.5]", "[-98.0,38.5,-98.0]"),
        ("bbox", "[-98.0,38.5,-98.0,38.5]", "[-98.0,39.5,-98.0,38.5]"),
        ("geometry.type", "Point", "MultiPolygon"),
        ("geometry.coordinates", "[-98.0,38.5]", "\"x\""),
        ("geometry.coordinates.0", "-98.0", "-981"),
        ("geometry", r#"{"type":"Point","coordinates":[-98,38.5]}"#, "null"),
        ("properties.gsd", "30", "\"30 m\""),
        ("properties.title", "first", "5"),
        ("assets", "{}", r#"{"data":{"title":"no href"}}"#),
    ] {
        let denied = sandbox.json(3, &[&of_field(field, from, to)[..], &["--dry-run"]].concat());
        let findings = denied["findings"]["first"].as_array().or(denied["error"]["findings"].as_array());
        assert!(denied.to_string().contains("VER-schema"), "{field}: {findings:?}");
        sandbox.json(3, &of_field(field, from, to));
        assert_eq!(sandbox.read("catalog/things/a.json"), before, "{field}");
    }
    for (field, from, to) in [
        ("properties.datetime", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00.5+00:00"),
        ("bbox", "[-98.0,38.5,-98.0,38.5]", "[179.5,38.5,-179.5,38.5]"),
        ("bbox", "[179.5,38.5,-179.5,38.5]", "[-98.0,38.5,0,-98.0,38.5,100.5]"),
        ("geometry.coordinates", "[-98,38.5]", "[-98.0,38.5,100]"),
        ("properties.gsd", "30", "0.5"),
    ] {
        sandbox.json(0, &of_field(field, from, to));
    }
}

/// Real catalogs have faults: a standing fault in one document is no reason to refuse the correction of another.
#[test]
fn one_of_two_faults_may_be_mended() {
    let sandbox = with_member("created", "\"yesterday\",\"gsd\":\"30 m\"");
    sandbox.json(0, &of_field("properties.gsd", "30 m", "30"));
    sandbox.json(0, &of_field("properties.created", "yesterday", "the day before"));
    sandbox.json(0, &of_field("properties.created", "the day before", "2024-01-01T00:00:00Z"));
    sandbox.json(3, &of_field("properties.created", "2024-01-01T00:00:00Z", "yesterday"));
}

#[test]
fn latest_shows_a_hotfix_that_is_only_planned_where_none_has_completed() {
    let sandbox = licensed("UNKNOWN");
    let waiting = sandbox.json(5, &hotfix("UNKNOWN", "CC-BY-4.0"));
    let shown = sandbox.json(0, &["hotfix", "show", "latest"]);
    assert_eq!((&shown["kind"], &shown["plan_id"]), (&"hotfix".into(), &waiting["plan_id"]), "{shown:#}");
    assert_eq!(shown["total"], 4, "a document and its derived cells: {shown:#}");
    let plan = waiting["plan_id"].as_str().unwrap();
    sandbox.json(0, &["plan", "cancel", plan, "--reason", "r"]);
    sandbox.json(2, &["hotfix", "show", "latest"]);
}
