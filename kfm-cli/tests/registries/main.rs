//! Policy's own files: what an entry may look like, when it comes into force, what it covers, and which actor
//! changed what.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod assign;
mod changes;
mod denials;
mod elsewhere;
mod files;
mod in_force;
mod many;
mod reading;
mod standing;

use serde_json::Value;
use support::Sandbox;

/// Appends a table to one of policy's files.
fn append(sandbox: &Sandbox, file: &str, table: &str) {
    let file = format!("policy/{file}.toml");
    let text = sandbox.read(&file).unwrap();
    sandbox.write(
        &file,
        &format!("{text}\n{table}\nauthority = \"Prairie Band Council\"\nreason = \"asked\"\n"),
    );
}

/// Withdraws an entity by hand.
fn withdraw(sandbox: &Sandbox, entity: &str) {
    append(sandbox, "suppressions", &format!("[[suppression]]\nentity = \"{entity}\""));
}

/// Labels an entity by hand.
fn label(sandbox: &Sandbox, entity: &str, care: &str) {
    let table = format!("[[label]]\nentity = \"{entity}\"\ncare = \"{care}\"\nreview_by = \"2099-01-01\"");
    append(sandbox, "labels", &table);
}

/// Lists the entities that are in force by the log.
fn in_force(sandbox: &Sandbox) -> Vec<String> {
    let listed = sandbox.json(0, &["labels", "list"]);
    let lines = listed["labels"].as_array().unwrap().iter().filter(|line| line["in_force"] == true);
    lines.filter_map(|line| line["entry"]["entity"].as_str().map(str::to_owned)).collect()
}

/// Lists the operation types of the ledger, in order.
fn ledger(sandbox: &Sandbox) -> Vec<Value> {
    sandbox.json(0, &["ledger", "list"])["entries"].as_array().unwrap().clone()
}
