//! A derived store that was restored alone: found by `reconcile` and `catalog check`, mended by `project`, and never
//! counted as done by the operation that meets it (`docs/states.md` sections 1 and 2).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::process::Command;

use support::{Sandbox, two_publishes};

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

#[test]
fn cells_that_were_there_already_are_counted_apart() {
    let (sandbox, second) = restored_graph();
    let words = ["rollback", "execute", "--publish-id", &second, "--reason", "test", "--yes"];
    let done = sandbox.json(0, &words);
    let (applied, already) = (done["applied"]["total"].as_u64().unwrap(), done["already"].as_u64().unwrap());
    let cells = done["steps"]["total"].as_u64().unwrap_or(applied + already);
    assert!(already > 0 && applied + already == cells, "{done:#}");
}
