//! Every change of principals and of policy's files is in log and ledger.

use serde_json::Value;

use super::support::{Sandbox, two_publishes};
use super::{ledger, withdraw};

fn changes(sandbox: &Sandbox) -> Vec<Value> {
    let mut entries = ledger(sandbox);
    entries.retain(|entry| entry["operation_type"] == "policy_change");
    entries
}

fn records(sandbox: &Sandbox) -> usize {
    sandbox.kfm(&["wal", "export"]).stdout.matches("\"record\":\"policy_change\"").count()
}

#[test]
fn a_principal_that_is_added_is_in_log_and_ledger() {
    let (sandbox, ..) = two_publishes();
    sandbox.json(0, &["principals", "add", "maria", "--role", "reviewer", "--role", "council"]);
    let entries = changes(&sandbox);
    assert_eq!((entries.len(), records(&sandbox)), (1, 1), "{entries:#?}");
    let reason = entries[0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("principals: maria added: roles=reviewer+council key=sha256:"), "{reason}");
    assert_eq!(entries[0]["actor"], "tester");
    sandbox.json(0, &["ledger", "verify"]);
}

#[test]
fn an_edit_by_hand_is_recorded_by_the_next_command_before_it_is_used() {
    let (sandbox, _, second) = two_publishes();
    sandbox.json(0, &["principals", "add", "maria", "--role", "reviewer"]);
    let text = sandbox.read("policy/principals.toml").unwrap();
    sandbox.write("policy/principals.toml", &text.replace("\"reviewer\"", "\"reviewer\", \"council\""));
    assert_eq!(changes(&sandbox).len(), 1);
    sandbox.json(0, &["rollback", "plan", "--publish-id", &second]);
    let entries = changes(&sandbox);
    assert_eq!(entries.len(), 2);
    let reason = entries[1]["reason"].as_str().unwrap();
    assert!(reason.contains("maria changed: roles=reviewer+council before=reviewer"), "{reason}");
    sandbox.json(0, &["rollback", "plan", "--publish-id", &second]);
    assert_eq!(changes(&sandbox).len(), 2, "once");

    // What a command adds is told apart from what was written by hand.
    sandbox.write("policy/principals.toml", "");
    sandbox.json(0, &["principals", "add", "bo", "--role", "reviewer"]);
    let entries = changes(&sandbox);
    assert_eq!(entries.len(), 4, "{entries:#?}");
    assert!(entries[2]["reason"].as_str().unwrap().contains("maria removed"));
    assert!(entries[3]["reason"].as_str().unwrap().contains("bo added"));
    assert_eq!(records(&sandbox), 4);
}

#[test]
fn an_entry_that_is_taken_out_of_a_file_is_recorded_as_a_change_of_the_file() {
    let (sandbox, _, second) = two_publishes();
    withdraw(&sandbox, "site-42");
    sandbox.json(0, &["rollback", "plan", "--publish-id", &second]);
    assert_eq!(changes(&sandbox).len(), 0, "the entry itself says so");
    sandbox.write("policy/suppressions.toml", "");
    sandbox.json(0, &["rollback", "plan", "--publish-id", &second]);
    let entries = changes(&sandbox);
    assert_eq!(entries.len(), 1);
    assert!(entries[0]["reason"].as_str().unwrap().starts_with("suppressions: "), "{entries:#?}");
}
