//! A derived store that was restored alone: found by `reconcile` and `catalog check`, mended by `project`, and never
//! counted as done by the operation that meets it (`docs/states.md` sections 1 and 2).
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[cfg(target_os = "linux")]
#[path = "support/faults.rs"]
mod faults;
mod support;

use std::process::Command;

use serde_json::Value;
use support::{Sandbox, item, two_publishes};

fn copy(sandbox: &Sandbox, from: &str, to: &str) {
    let copied = Command::new("cp").current_dir(sandbox.path()).args(["-a", from, to]).status().unwrap();
    assert!(copied.success());
}

/// Two publishes, and a graph as it was before the second.
fn restored_graph() -> (Sandbox, String) {
    let (sandbox, _, second) = two_publishes();
    let older = two_publishes_but_the_second();
    std::fs::remove_dir_all(sandbox.path().join("graph")).unwrap();
    copy(&sandbox, older.path().join("graph").to_str().unwrap(), "graph");
    (sandbox, second)
}

fn two_publishes_but_the_second() -> Sandbox {
    let sandbox = Sandbox::platform();
    sandbox.publish("in", &support::first_version());
    sandbox
}

#[test]
fn a_derived_store_of_an_older_backup_is_found_and_projected_again() {
    let (sandbox, _) = restored_graph();
    let found = sandbox.json(0, &["reconcile"]);
    assert_eq!(found["foreign"]["total"], 0, "the catalog is as the log says: {found:#}");
    assert!(found["findings"]["by_rule"]["ORP-3"].as_u64().unwrap() > 0, "{found:#}");
    let screen = sandbox.kfm(&["reconcile"]).exits(0).stdout;
    assert!(
        screen.contains("derived stores show something else") && screen.contains("kfm project"),
        "{screen}"
    );
    sandbox.json(0, &["project"]);
    let mended = sandbox.json(0, &["reconcile"]);
    assert!(mended["findings"]["by_rule"]["ORP-3"].is_null(), "{mended:#}");
    assert_eq!(sandbox.json(0, &["catalog", "check"])["store_skew"], 0);
}

#[test]
fn an_edit_by_hand_is_not_for_project_to_mend() {
    let (sandbox, ..) = two_publishes();
    let path = sandbox.path().join("catalog/things/a.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"title\":\"", "\"title\":\"by hand ")).unwrap();
    let check = sandbox.json(1, &["catalog", "check"]);
    let first = check["findings"]["first"].as_array().unwrap();
    let skew: Vec<_> = first.iter().filter(|finding| finding["rule"] == "ORP-3").collect();
    assert!(!skew.is_empty(), "{check:#}");
    for finding in skew {
        assert!(finding["remedy"].as_str().unwrap().contains("kfm reconcile"), "{finding:#}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_value_of_an_operation_that_is_open_is_no_skew() {
    // Until it ends, readers see the prior or the planned value of each cell.
    let publish = ["publish", "--from", "two", "--pipeline", "test"];
    let before = || {
        let sandbox = two_publishes_but_the_second();
        sandbox.write("two/things/a.json", &item("a", "second"));
        sandbox
    };
    let whole = before();
    let (output, calls) = faults::traced(&mut whole.command(&publish), whole.path());
    assert!(output.status.success(), "{output:?}");
    let call = faults::number_of(&calls, " write /search/");

    let sandbox = before();
    assert!(faults::killed_before(&mut sandbox.command(&publish), sandbox.path(), call));
    let told = sandbox.json(0, &["reconcile"]);
    assert_eq!((&told["findings"]["total"], &told["foreign"]["total"]), (&0.into(), &0.into()), "{told:#}");
    sandbox.json(0, &["publish", "resume"]);
    assert_eq!(sandbox.json(0, &["reconcile"])["findings"]["total"], 0);
}

/// Adds up the cells that an operation moved and those that had their value before it.
fn cells(moved: &Value, answer: &Value) -> u64 {
    moved["total"].as_u64().unwrap() + answer["already"].as_u64().unwrap()
}

#[test]
fn steps_of_a_rollback_that_were_done_already_are_counted_and_recorded() {
    let (sandbox, second) = restored_graph();
    let plan = sandbox.json(0, &["rollback", "plan", "--publish-id", &second]);
    let words = ["rollback", "execute", "--publish-id", &second, "--reason", "test", "--yes"];
    let done = sandbox.json(0, &words);
    assert_eq!(done["already"], 1, "{done:#}");
    assert_eq!(cells(&done["applied"], &done), plan["steps"]["total"].as_u64().unwrap(), "{done:#}");
    let log = sandbox.kfm(&["wal", "export"]).exits(0).stdout;
    assert!(log.lines().last().unwrap().contains("\"already\":1"), "the log says so too: {log}");
}

#[test]
fn the_screen_of_a_rollback_says_how_many_steps_were_done_already() {
    let (sandbox, second) = restored_graph();
    let words = ["rollback", "execute", "--publish-id", &second, "--reason", "test", "--yes"];
    let screen = sandbox.kfm(&words).exits(0).stdout;
    assert!(screen.contains("4 cells as planned, 1 of them was so already"), "{screen}");
}

#[test]
fn cells_that_a_publish_finds_done_are_counted_and_said() {
    let words = ["publish", "--from", "three", "--pipeline", "test"];
    let restored = || {
        let (sandbox, _) = restored_graph();
        sandbox.write("three/things/a.json", &item("a", "first"));
        sandbox
    };
    let done = restored().json(0, &words);
    assert_eq!((&done["moves"]["total"], &done["already"]), (&3.into(), &1.into()), "{done:#}");
    let screen = restored().kfm(&words).exits(0).stdout;
    assert!(screen.starts_with("Published 4 cells, 1 of them was so already"), "{screen}");
}

#[test]
fn cells_that_a_hotfix_finds_done_are_counted_and_said() {
    let words = ["hotfix", "stac", "--collection", "things", "--field", "properties.title"];
    let words = [&words[..], &["--from", "second", "--to", "first", "--reason", "test", "--yes"]].concat();
    let done = restored_graph().0.json(0, &words);
    assert_eq!((&done["changed"]["total"], &done["already"]), (&3.into(), &1.into()), "{done:#}");
    let screen = restored_graph().0.kfm(&words).exits(0).stdout;
    assert!(screen.contains("there already") && screen.contains("1 cell"), "{screen}");
}

/// ADR 0024: the logs of earlier versions are not read.
#[test]
fn a_store_in_the_form_of_an_earlier_version_is_owed_until_it_is_projected_and_cleaned_up() {
    let (sandbox, ..) = two_publishes();
    let (database, log) = (sandbox.path().join("graph/cells.sqlite3"), sandbox.path().join("graph/log"));
    std::fs::remove_file(&database).unwrap();
    std::fs::create_dir(&log).unwrap();
    let owed = |sandbox: &Sandbox| sandbox.json(0, &["status"])["owed"].to_string();
    assert!(
        owed(&sandbox).contains("store graph: it holds the form of an earlier version"),
        "{}",
        owed(&sandbox)
    );
    assert!(sandbox.json(1, &["catalog", "check"])["store_skew"].as_u64().unwrap() > 0);
    sandbox.json(0, &["project"]);
    assert_eq!(sandbox.json(0, &["catalog", "check"])["store_skew"], 0);
    std::fs::remove_dir(&log).unwrap();
    assert!(!owed(&sandbox).contains("earlier version"));
}
