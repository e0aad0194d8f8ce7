//! Registries of any size.

use super::support::{Sandbox, item, two_publishes};
use super::{ledger, withdraw};

/// Labels so many documents to come one by one.
fn label_each(sandbox: &Sandbox, count: usize) {
    let entry = |n| {
        format!(
            "[[label]]\nentity = \"d/{n:06}.json\"\ncare = \"restricted\"\nauthority = \"FAIR+CARE Council of the \
             platform\"\nreason = \"state-wide elevation, no cultural content, decided one by one\"\n\
             review_by = \"2099-01-01\"\n"
        )
    };
    let text = sandbox.read("policy/labels.toml").unwrap();
    sandbox.write("policy/labels.toml", &(text + &(0..count).map(entry).collect::<String>()));
}

/// More than one record of the log can hold come into force by one command, are one entry of the ledger, and protect
/// when the file has forgotten them.
fn come_into_force(count: usize) {
    let (sandbox, _, second) = two_publishes();
    let labels = sandbox.read("policy/labels.toml").unwrap();
    label_each(&sandbox, count);
    sandbox.write("three/things/a.json", &item("a", "third"));
    sandbox.json(0, &["publish", "--from", "three", "--pipeline", "test"]);
    let entered = ledger(&sandbox).into_iter().filter(|entry| entry["operation_type"] == "label");
    let subjects: Vec<_> = entered.map(|entry| entry["subjects"][0]["name"].clone()).collect();
    assert_eq!(subjects, ["entries/1", &format!("entries/{count}")]);
    sandbox.write("policy/labels.toml", &labels);
    sandbox.write("four/d/000007.json", &item("seven", "in a restricted place"));
    let denied = sandbox.json(3, &["publish", "--from", "four", "--pipeline", "test"]);
    assert_eq!(denied["findings"]["first"][0]["rule"], "CARE-E1-geo", "{denied:#}");
    let listed = sandbox.json(0, &["labels", "list"]);
    assert_eq!(listed["labels_total"], count + 1);
    assert_eq!(listed["labels"].as_array().unwrap().len(), 1_000, "the first");
    assert_eq!(sandbox.json(0, &["status"])["owed"], serde_json::json!([]));
    // What comes later does not write them all again.
    withdraw(&sandbox, "site-42");
    let before = sandbox.kfm(&["wal", "export"]).stdout.len();
    sandbox.json(0, &["rollback", "plan", "--publish-id", &second]);
    let grown = sandbox.kfm(&["wal", "export"]).stdout.len() - before;
    assert!(grown < 10_000, "{grown}");
    for command in ["wal", "ledger"] {
        sandbox.json(0, &[command, "verify"]);
    }
}

#[test]
fn a_hundred_thousand_entries_come_into_force_by_one_command() {
    come_into_force(100_000);
}
