//! The contract of the command, row by row: the keys of each answer and their types, and `next` as commands
//! that run as they stand.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use serde_json::Value;
use support::{Sandbox, first_version, item, item_with_licence, two_publishes};

/// Asserts that `value` has the keys of a row: `name:type`, where the type is one of text, number, flag, list,
/// object, cells (a count with `total` and `by_domain`), listing (`total` and `first`), or several with `|`;
/// `name?` may be left out.
#[track_caller]
fn keeps(value: &Value, row: &str) {
    for part in row.split_whitespace() {
        let (name, types) = part.split_once(':').unwrap();
        let (name, optional) = name.strip_suffix('?').map_or((name, false), |name| (name, true));
        match value.get(name) {
            None if optional => {}
            None => panic!("no {name} in {value:#}"),
            Some(found) => {
                assert!(types.split('|').any(|word| is(word, found)), "{name} is not {types}: {found:#}");
            }
        }
    }
}

fn is(word: &str, value: &Value) -> bool {
    match word {
        "text" => value.is_string(),
        "number" => value.is_u64(),
        "flag" => value.is_boolean(),
        "list" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        "cells" => value["total"].is_u64() && value["by_domain"].is_object(),
        "listing" => value["total"].is_u64() && value["first"].is_array(),
        _ => panic!("no such type: {word}"),
    }
}

const PLAN: &str = "plan_id:text content_id:text path:text publish_id:text steps:listing skipped:listing \
     scope:object dependents:list risk_level:text tier:number approvals_needed:list decision:object \
     findings:listing broken_links_before:number broken_links_planned:number orphan_count_before:number \
     orphan_count_planned:number next:list";
const DRY_RUN: &str = "plan_id:text content_id:text path:text|null publish_id:text steps:listing \
     skipped:listing scope:object dependents:list risk_level:text tier:number approvals_needed:list \
     decision:object findings:listing broken_links_before:number broken_links_planned:number \
     orphan_count_before:number orphan_count_planned:number ready:flag conflicts:list";
const EXECUTED: &str = "rollback_id:text status:text applied:cells already:number broken_links_after:number \
     orphan_count_after:number manifest:text duration_ms:number next:list";
const OPERATION: &str =
    "rollback_id:text status:text phase:text done:number total:number held_reason?:text next:list";

#[test]
fn every_row_of_the_contract_answers_with_its_keys() {
    let sandbox = Sandbox::empty();
    let says = |words: &[&str], row: &str| {
        let answer = sandbox.json(0, words);
        keeps(&answer, row);
        answer
    };
    says(&["init"], "root:text stores:list");
    sandbox.label();
    says(&["adopt", "--reason", "r"], "publish_id?:text|null cells:cells documents:number");
    says(&["reconcile"], "foreign:listing publish_id?:text");
    for (path, content) in first_version() {
        sandbox.write(&format!("one/{path}"), &content);
    }
    sandbox.write("two/things/a.json", &item("a", "second"));
    const PUBLISHED: &str = "publish_id?:text|null status:text moves:cells added:number changed:number \
         retired:number unchanged:number findings:listing";
    for more in [&["one", "--dry-run"][..], &["one", "--strict"], &["two"], &["two"]] {
        let (from, flags) = more.split_first().unwrap();
        says(&[&["publish", "--pipeline", "test", "--from", from], flags].concat(), PUBLISHED);
    }
    let list = says(&["publish", "list"], "publishes:list");
    for publish in list["publishes"].as_array().unwrap() {
        keeps(
            publish,
            "publish_id:text status:text started_at:text completed_at:text|null pipeline:text|null \
             moves:number rolled_back_by?:text|null",
        );
    }
    says(&["publish", "show", "latest"], "publish_id:text status:text cells:listing next:list");
    let plan = says(&["rollback", "plan", "--publish-id", "latest"], PLAN);
    keeps(&plan["scope"], "items:number collections:number derivatives:number read_models:number");
    for step in plan["steps"]["first"].as_array().unwrap() {
        keeps(step, "domain:text store:text unit:text key:text action:text from:text|null to:text|null");
    }
    says(&["rollback", "dry-run", "--publish-id", "latest"], DRY_RUN);
    let id = plan["plan_id"].as_str().unwrap();
    says(&["rollback", "dry-run", "--plan", id], DRY_RUN);
    says(&["rollback", "execute", "--plan", id, "--reason", "r", "--yes"], EXECUTED);
    says(&["rollback", "status"], OPERATION);
    says(&["rollback", "show", "latest"], OPERATION);
    for line in says(&["rollback", "list"], "rollbacks:list")["rollbacks"].as_array().unwrap() {
        keeps(line, OPERATION);
    }
    says(&["verify", "--rollback-id", "latest"], "ok:flag checks:list");
    says(&["rollback", "revert", "--rollback-id", "latest", "--reason", "r"], EXECUTED);
    says(&["status"], "open:list owed:list");
    says(&["principals", "add", "ada", "--role", "reviewer"], "name:text roles:list public_key:text");
    says(&["principals", "list"], "principals:list");
    says(&["labels", "list"], "labels:list");
    says(
        &["catalog", "check"],
        "documents:number broken_links:number orphan_count:number duplicate_ids:number \
         wrong_self_links:number not_json:number findings:listing",
    );
    says(&["wal", "verify"], "ok:flag records:number segments:number quarantined:number first_bad?:object");
    says(&["ledger", "verify"], "ok:flag");
    for store in says(&["doctor", "--digests"], "stores:list own:list")["stores"].as_array().unwrap() {
        keeps(
            store,
            "name:text domain:text kind:text product:text version:text capabilities:object ok:flag \
             cells:number digest:text",
        );
    }
}

#[test]
fn ids_may_be_shortened_and_latest_is_the_newest_completed_rolled_back_or_not() {
    let (sandbox, first, second) = two_publishes();
    let show = |id: &str| sandbox.json(0, &["publish", "show", id])["publish_id"].clone();
    assert_eq!(show(&first), first.as_str(), "an exact id comes before any prefix, also of `{first}_2`");
    sandbox.json(0, &["rollback", "execute", "--publish-id", "latest", "--reason", "r", "--yes"]);
    assert_eq!(show("latest"), second.as_str());
    let rollback = sandbox.json(0, &["rollback", "show", "latest"])["rollback_id"].clone();
    let prefix = &rollback.as_str().unwrap()[..24];
    assert_eq!(sandbox.json(0, &["rollback", "show", prefix])["rollback_id"], rollback);
}

/// Runs a line as a person pastes it, with `kfm` on the path.
#[cfg(unix)]
fn paste(sandbox: &Sandbox, line: &str) -> (i32, String) {
    let bin = sandbox.path().join(".bin");
    if !bin.exists() {
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kfm"), bin.join("kfm")).unwrap();
    }
    #[allow(clippy::disallowed_methods, reason = "the shell finds its own tools where this test did")]
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &format!("{line} --json")]).current_dir(sandbox.path()).env("PATH", path);
    let output = shell.env("KFM_ACTOR", "tester").stdin(std::process::Stdio::null()).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// Runs each of the commands that an answer names, and asserts that each is understood.
#[cfg(unix)]
#[track_caller]
fn all_run(sandbox: &Sandbox, answer: &Value) {
    let named = answer["error"]["next"].as_array().or(answer["next"].as_array());
    let named = named.unwrap_or_else(|| panic!("nothing is named: {answer:#}"));
    assert!(!named.is_empty(), "{answer:#}");
    for line in named {
        let (code, said) = paste(sandbox, line.as_str().unwrap());
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_ne!(said["error"]["kind"], "usage", "{line}: {said:#}");
        assert_ne!(code, 2, "{line}: {said:#}");
    }
}

#[cfg(unix)]
#[test]
fn what_is_named_next_runs_as_it_stands() {
    let (sandbox, first, second) = two_publishes();
    all_run(&sandbox, &sandbox.json(2, &["publish", "show", "nothing"]));
    all_run(&sandbox, &sandbox.json(2, &["rollback", "show", "nothing"]));
    all_run(&sandbox, &sandbox.json(2, &["principals", "add", "ada"]));
    all_run(&sandbox, &sandbox.json(0, &["publish", "show", &second]));
    all_run(&sandbox, &sandbox.json(0, &["rollback", "dry-run", "--publish-id", &second, "--ci"]));
    all_run(&sandbox, &sandbox.json(0, &["rollback", "plan", "--publish-id", &first]));
    // The rehearsal's next was the rollback itself.
    let done = sandbox.json(0, &["rollback", "execute", "--publish-id", &second, "--reason", "r", "--yes"]);
    assert_eq!(done["applied"]["total"], 0, "{done:#}");
    let again = sandbox.publish("again", &[("things/a.json", item("a", "again"))]);
    all_run(
        &sandbox,
        &sandbox.json(0, &["rollback", "execute", "--publish-id", &again, "--reason", "r", "--yes"]),
    );
    sandbox.write("catalog/things/b.json", &item("b", "by hand"));
    sandbox.write("three/things/b.json", &item("b", "third"));
    all_run(&sandbox, &sandbox.json(6, &["publish", "--from", "three", "--pipeline", "test"]));
}

#[cfg(unix)]
#[test]
fn what_is_named_next_runs_as_it_stands_where_approval_is_needed_or_missing() {
    let sandbox = Sandbox::platform();
    sandbox.publish("one", &first_version());
    sandbox.publish("two", &[("things/a.json", item_with_licence("a", "second", "proprietary"))]);
    let execute = ["rollback", "execute", "--publish-id", "latest", "--reason", "r", "--yes"];
    all_run(&sandbox, &sandbox.json(5, &execute));
    let plan = sandbox.json(0, &["rollback", "plan", "--publish-id", "latest"]);
    let id = plan["plan_id"].as_str().unwrap();
    all_run(&sandbox, &sandbox.json(5, &["rollback", "dry-run", "--plan", id]));
    let unlabelled = Sandbox::empty();
    unlabelled.kfm(&["init"]).exits(0);
    unlabelled.write("one/a.json", "{}");
    all_run(&unlabelled, &unlabelled.json(3, &["publish", "--from", "one", "--pipeline", "test"]));
}

#[test]
fn a_platform_at_work_refuses_another_operation_and_names_who_holds_it() {
    let (sandbox, _, second) = two_publishes();
    let lock =
        std::fs::File::options().read(true).write(true).open(sandbox.path().join(".kfm/lock")).unwrap();
    lock.lock().unwrap();
    let words = ["rollback", "execute", "--publish-id", &second, "--reason", "r", "--yes"];
    let answer = sandbox.json(6, &words);
    assert_eq!((&answer["error"]["kind"], &answer["status"]), (&"locked".into(), &"refused".into()));
    assert!(answer["holder"].as_str().unwrap().contains("tester"), "{answer:#}");
    assert!(answer["error"]["hint"].as_str().unwrap().contains("--wait"));
    // A command that only reads is not kept waiting.
    sandbox.json(0, &["rollback", "dry-run", "--publish-id", &second]);
    drop(lock);
    sandbox.json(0, &[&words[..], &["--wait", "60"]].concat());
}
