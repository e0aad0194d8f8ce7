//! Every kind of refusal: its exit code, its record in the log, its entry in the ledger, its line in the telemetry, its
//! word on the screen; and what the answer says where it could not be recorded.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use serde_json::Value;
use support::{Sandbox, first_version, item, item_with_licence, two_publishes};

/// What a refusal leaves behind.
struct Expected {
    code: i32,
    /// What was asked for, in the log.
    operation: &'static str,
    status: &'static str,
    kind: &'static str,
    /// What was asked for, in the ledger.
    operation_type: &'static str,
    /// The telemetry's word for it.
    stage: &'static str,
    /// A word of the screen.
    says: &'static str,
}

fn records(sandbox: &Sandbox, of: &str) -> Vec<Value> {
    let exported = sandbox.kfm(&["wal", "export"]).exits(0).stdout;
    let lines = exported.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line.to_string().contains(&format!("\"record\":\"{of}\""))).collect()
}

fn telemetry(sandbox: &Sandbox, stage: &str) -> usize {
    let folder = sandbox.path().join("data/processed/telemetry");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = files.filter_map(|path| std::fs::read_to_string(path).ok());
    let refused = |line: &&str| line.contains("\"refused\"") || line.contains("\"denied\"");
    let named = format!("\"stage\":\"{stage}\"");
    texts.map(|text| text.lines().filter(refused).filter(|line| line.contains(&named)).count()).sum()
}

/// Runs a command that is refused, and checks everything that it leaves.
#[track_caller]
fn refused(sandbox: &Sandbox, words: &[&str], expected: &Expected) {
    let before =
        (records(sandbox, "refusal").len(), ledger(sandbox).len(), telemetry(sandbox, expected.stage));
    let run = sandbox.kfm(words).exits(expected.code);
    assert!(run.stderr.contains(expected.says), "{words:?}: {}", run.stderr);
    assert!(!run.stderr.contains("not recorded"), "{words:?}: {}", run.stderr);
    let records = records(sandbox, "refusal");
    assert_eq!(records.len(), before.0 + 1, "{words:?} is in the log once");
    let record = records.last().unwrap().to_string();
    for (key, value) in
        [("operation", expected.operation), ("status", expected.status), ("kind", expected.kind)]
    {
        assert!(record.contains(&format!("\"{key}\":\"{value}\"")), "{words:?} {key}={value}: {record}");
    }
    let entries = ledger(sandbox);
    assert_eq!(entries.len(), before.1 + 1, "{words:?} is in the ledger once");
    let entry = entries.last().unwrap();
    assert_eq!(entry["operation_type"], expected.operation_type, "{words:?}");
    assert_eq!(entry["status"], expected.status, "{words:?}");
    assert_eq!(telemetry(sandbox, expected.stage), before.2 + 1, "{words:?} is in the telemetry once");
    sandbox.json(0, &["ledger", "verify"]);
}

fn ledger(sandbox: &Sandbox) -> Vec<Value> {
    sandbox.json(0, &["ledger", "list"])["entries"].as_array().unwrap().clone()
}

#[test]
fn every_kind_of_refusal_is_recorded_under_one_word() {
    let (sandbox, first, second) = two_publishes();
    sandbox.json(0, &["principals", "add", "ada", "--role", "reviewer", "--key-out", "ada.key"]);
    sandbox.json(0, &["principals", "add", "bea", "--role", "reviewer", "--key-out", "bea.key"]);

    let rollback = |status, kind, code, says| Expected {
        code,
        operation: "rollback_execute",
        status,
        kind,
        operation_type: "rollback",
        stage: "rollback_execute",
        says,
    };
    // Approvals are missing (5).
    let tighter = sandbox.publish("three", &[("things/b.json", item_with_licence("b", "3", "CC-BY-NC-4.0"))]);
    let execute = ["rollback", "execute", &tighter, "--reason", "r", "--yes"];
    refused(
        &sandbox,
        &execute,
        &rollback("awaiting_approval", "approval_required", 5, "approvals are missing"),
    );
    let plan = sandbox.json(0, &["plan", "list"])["plans"][0]["plan_id"].as_str().unwrap().to_owned();

    // A wrong key, a role that is not held (2).
    let approve = |says| Expected {
        code: 2,
        operation: "approve",
        status: "refused",
        kind: "invalid",
        operation_type: "approval",
        stage: "approve",
        says,
    };
    let sign = |role, key| ["approve", &plan, "--as", "ada", "--role", role, "--key", key].map(str::to_owned);
    for (role, key) in [("reviewer", "bea.key"), ("council", "ada.key")] {
        let words = sign(role, key);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        refused(&sandbox, &words, &approve("would not count"));
    }

    // A plan file that was changed (2).
    let path = format!(".kfm/plans/{}.json", plan.rsplit(':').next().unwrap());
    let text = sandbox.read(&path).unwrap();
    sandbox.write("changed.json", &text.replacen("tester", "another", 1));
    let changed = ["rollback", "execute", "--plan", "./changed.json", "--reason", "r", "--yes"];
    refused(&sandbox, &changed, &rollback("refused", "invalid", 2, "changed"));

    // A foreign value (6), a plan that is stale (6), a plan that was cancelled (6).
    sandbox.write("catalog/things/a.json", &item("a", "by hand"));
    let foreign = ["rollback", "execute", &second, "--reason", "r", "--yes"];
    refused(&sandbox, &foreign, &rollback("refused", "conflict", 6, "does not know"));
    sandbox.write("catalog/things/a.json", &item("a", "second"));
    let planned = sandbox.json(0, &["rollback", "plan", &second])["plan_id"].as_str().unwrap().to_owned();
    sandbox.publish("four", &[("things/a.json", item("a", "fourth"))]);
    let stale = ["rollback", "execute", &planned, "--reason", "r", "--yes"];
    refused(&sandbox, &stale, &rollback("refused", "conflict", 6, "stale"));
    sandbox.json(0, &["plan", "cancel", &planned, "--reason", "stale"]);
    refused(&sandbox, &stale, &rollback("refused", "conflict", 6, "cancelled"));

    // A resume of what has ended (6).
    let resume = Expected {
        code: 6,
        operation: "resume",
        status: "refused",
        kind: "conflict",
        operation_type: "publish",
        stage: "publish",
        says: "has ended",
    };
    refused(&sandbox, &["publish", "resume", &first], &resume);

    // A hotfix that is undone twice is refused as it would have been completed.
    let hotfix =
        ["hotfix", "stac", "--collection", "things", "--field", "properties.title", "--from", "fourth"];
    let done = sandbox.json(0, &[&hotfix[..], &["--to", "fifth", "--reason", "r"]].concat());
    let id = done["hotfix_id"].as_str().unwrap().to_owned();
    sandbox.write("catalog/things/a.json", &item("a", "by hand"));
    let undone = Expected {
        operation: "hotfix_revert",
        stage: "hotfix_revert",
        ..rollback("refused", "conflict", 6, "does not know")
    };
    refused(&sandbox, &["hotfix", "revert", &id, "--reason", "r"], &undone);

    // Policy says no (3).
    sandbox.write(
        "five/things/c.json",
        &item("c", "new").replace("\"things\"", "\"things\",\"kfm:care_label\":7"),
    );
    let denied = Expected {
        code: 3,
        operation: "publish",
        status: "denied",
        kind: "denied",
        operation_type: "publish",
        stage: "publish",
        says: "denied",
    };
    refused(&sandbox, &["publish", "--from", "five", "--pipeline", "test"], &denied);
}

#[test]
fn a_refusal_of_what_says_who_may_do_what_is_recorded() {
    let (sandbox, _, second) = two_publishes();
    let plan = sandbox.json(0, &["rollback", "plan", &second])["plan_id"].as_str().unwrap().to_owned();
    sandbox.json(0, &["principals", "add", "ada", "--role", "reviewer", "--key-out", "ada.key"]);
    sandbox.write("no.key", "no key");
    let of = |operation, operation_type, says| Expected {
        code: 2,
        operation,
        status: "refused",
        kind: "invalid",
        operation_type,
        stage: operation,
        says,
    };

    // A name that is taken, a role that is not known, a key that is not valid.
    let principals = |says| of("principals", "policy_change", says);
    let add = ["principals", "add"];
    refused(&sandbox, &[&add[..], &["ADA", "--role", "reviewer"]].concat(), &principals("the name is taken"));
    refused(&sandbox, &[&add[..], &["bea", "--role", "emperor"]].concat(), &principals("role is not known"));
    let key = ["bea", "--role", "reviewer", "--public-key", "xyz"];
    refused(&sandbox, &[&add[..], &key].concat(), &principals("not an Ed25519 public key"));
    for name in ["ADA.key", "bea.key"] {
        assert!(sandbox.read(name).is_none(), "{name} is a key of no principal");
    }

    // The same of an approval.
    let approve =
        |role, key| ["approve", &plan, "--as", "ada", "--role", role, "--key", key].map(str::to_owned);
    for (role, key, says) in
        [("emperor", "ada.key", "role is not known"), ("reviewer", "no.key", "kfm-ed25519-v1")]
    {
        let words = approve(role, key);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        refused(&sandbox, &words, &of("approve", "approval", says));
    }

    // A label that does not exist, a name that no document can have, one that covers nothing, a day that has passed.
    let labels = |says| of("labels", "label", says);
    let assign = |subject: [&'static str; 2], care: &'static str, review_by: &'static str| {
        let more = ["--authority", "C", "--reason", "r", "--review-by", review_by, "--care", care, "--yes"];
        [&["labels", "assign"][..], &subject, &more].concat()
    };
    let day = "2099-01-01";
    refused(&sandbox, &assign(["--under", ""], "secret", day), &labels("label is not known"));
    refused(&sandbox, &assign(["--entity", "../a.json"], "public", day), &labels("can have this name"));
    let mut nothing = assign(["--entity", "no/such.json"], "public", day);
    assert_eq!(nothing.pop(), Some("--yes"));
    refused(&sandbox, &nothing, &labels("covers 0 of 4"));
    refused(&sandbox, &assign(["--under", ""], "public", "2001-01-01"), &labels("has passed"));

    // A file of the policy that cannot be read.
    for (file, words, expected) in [
        ("labels", assign(["--under", ""], "public", day), labels("label registry")),
        ("principals", assign(["--under", ""], "public", day), labels("list of principals")),
        ("principals", [&add[..], &["cyd", "--role", "reviewer"]].concat(), principals("list of principals")),
    ] {
        let path = format!("policy/{file}.toml");
        let before = sandbox.read(&path).unwrap();
        let broken = format!("{before}\n[[label]]\nunder = 1\n");
        sandbox.write(&path, &broken);
        refused(&sandbox, &words, &expected);
        assert_eq!(sandbox.read(&path), Some(broken), "it is as it was");
        sandbox.write(&path, &before);
    }

    // A rehearsal says the same and records nothing.
    let before = sandbox.state();
    sandbox.json(2, &["principals", "add", "ada", "--role", "reviewer", "--ci"]);
    sandbox.json(2, &["principals", "add", "bea", "--role", "emperor", "--ci"]);
    assert!(sandbox.state() == before);
}

/// Runs with the ledger out of reach.
fn without_ledger<T>(sandbox: &Sandbox, act: impl FnOnce() -> T) -> T {
    let (ledger, aside) = (sandbox.path().join(".kfm/ledger"), sandbox.path().join(".kfm/ledger-aside"));
    std::fs::rename(&ledger, &aside).unwrap();
    std::fs::write(&ledger, "x").unwrap();
    let answer = act();
    std::fs::remove_file(&ledger).unwrap();
    std::fs::rename(&aside, &ledger).unwrap();
    answer
}

#[test]
fn what_holds_although_the_ledger_could_not_take_it_is_unfinished_and_entered_by_the_command_that_is_named() {
    let (sandbox, _, second) = two_publishes();
    sandbox.json(0, &["principals", "add", "ada", "--role", "reviewer", "--key-out", "ada.key"]);
    let plan = sandbox.json(0, &["rollback", "plan", &second])["plan_id"].as_str().unwrap().to_owned();
    let label =
        ["labels", "assign", "--entity", "b", "--care", "public", "--authority", "C", "--reason", "r"];
    let label = [&label[..], &["--review-by", "2099-01-01"]].concat();
    let approve = ["approve", &plan, "--as", "ada", "--role", "reviewer", "--key", "ada.key"];
    let cancel = ["plan", "cancel", &plan, "--reason", "r"];
    for words in [&label[..], &["principals", "add", "bea", "--role", "reviewer"], &approve, &cancel] {
        let entries = ledger(&sandbox).len();
        let answer = without_ledger(&sandbox, || sandbox.json(7, words));
        assert_eq!(answer["error"]["kind"], "unfinished", "{answer:#}");
        assert_eq!((&answer["status"], &answer["held_reason"]), (&"held".into(), &"record_pending".into()));
        assert!(answer["error"]["message"].as_str().unwrap().contains("ledger"), "{answer:#}");
        let next: Vec<_> =
            answer["error"]["next"].as_array().unwrap().iter().map(|next| next.as_str().unwrap()).collect();
        assert!(next.contains(&"kfm status"), "{next:?}");
        assert_eq!(ledger(&sandbox).len(), entries, "{words:?}");
        sandbox.json(1, &["ledger", "verify"]);
        let mending: Vec<&str> = next[0].split(' ').skip(1).collect();
        let mending: Vec<&str> = mending.into_iter().map(|word| word.trim_matches('\'')).collect();
        sandbox.json(0, &mending);
        assert_eq!(ledger(&sandbox).len(), entries + 1, "{words:?}");
        sandbox.json(0, &["ledger", "verify"]);
        assert!(!sandbox.json(0, &["status"])["owed"].to_string().contains("ledger"));
    }
    // They hold: the label, the principal with its key, the approval, the cancellation.
    let listed = sandbox.json(0, &["labels", "list"])["labels"].to_string();
    assert!(listed.contains("\"in_force\":true") && !listed.contains("\"in_force\":false"), "{listed}");
    assert_eq!(sandbox.json(0, &["principals", "list"])["principals"].as_array().unwrap().len(), 2);
    assert!(sandbox.read("bea.key").unwrap().contains("kfm-ed25519-v1"), "her key is kept");
    assert_eq!(sandbox.json(0, &["approvals", &plan])["approvals"].as_array().unwrap().len(), 1);
    assert_eq!(sandbox.json(0, &["plan", "list"])["plans"].as_array().unwrap().len(), 0);
}

#[test]
fn a_genesis_that_is_to_be_rolled_back_is_recorded() {
    let sandbox = Sandbox::platform();
    for (path, content) in first_version() {
        sandbox.write(&format!("catalog/{path}"), &content);
    }
    let genesis = sandbox.json(0, &["adopt"])["publish_id"].as_str().unwrap().to_owned();
    let expected = Expected {
        code: 2,
        operation: "rollback_plan",
        status: "refused",
        kind: "invalid",
        operation_type: "rollback",
        stage: "rollback_plan",
        says: "a genesis cannot be rolled back",
    };
    refused(&sandbox, &["rollback", "plan", &genesis], &expected);
}

#[test]
fn a_refusal_that_the_ledger_could_not_take_says_so_and_is_missed_until_it_is_entered() {
    let (sandbox, ..) = two_publishes();
    let principals = ["principals", "add", "ada", "--role", "emperor"];
    for (code, words) in [(6, &["publish", "resume"][..]), (2, &principals)] {
        without_ledger(&sandbox, || {
            let answer = sandbox.json(code, words);
            assert_eq!(answer["not_recorded"]["in"], "ledger", "{answer:#}");
            let screen = sandbox.kfm(words).exits(code).stderr;
            assert!(screen.contains("not recorded in ledger"), "{screen}");
        });
    }
    let missed = sandbox.json(1, &["ledger", "verify"]);
    assert!(missed["checks"].to_string().contains("missing=4 first=refusal/"), "{missed:#}");
    sandbox.json(0, &["ledger", "repair"]);
    sandbox.json(0, &["ledger", "verify"]);
}

#[test]
fn a_ledger_of_another_time_or_another_hand_is_told_from_the_log() {
    let copy_of = |from: &std::path::Path, to: &std::path::Path| {
        let copied = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
        assert!(copied.success());
    };
    let (sandbox, ..) = two_publishes();
    let (ledger, older) = (sandbox.path().join(".kfm/ledger"), sandbox.path().join("older"));
    copy_of(&ledger, &older);
    // Denials, labels, approvals and plans that are gone.
    sandbox.json(6, &["publish", "resume"]);
    let words =
        ["labels", "assign", "--under", "things/", "--care", "public", "--authority", "C", "--reason", "r"];
    sandbox.json(0, &[&words[..], &["--review-by", "2099-12-31", "--yes"]].concat());
    std::fs::remove_dir_all(&ledger).unwrap();
    copy_of(&older, &ledger);
    let found = sandbox.json(1, &["ledger", "verify"]);
    assert!(found["checks"].to_string().contains("missing="), "{found:#}");
    sandbox.json(0, &["ledger", "repair"]);
    sandbox.json(0, &["ledger", "verify"]);

    // A ledger from a copy of the platform, where another actor made the same publish for another reason.
    let copy = Sandbox::empty();
    let root = copy.path().join("platform");
    copy_of(sandbox.path(), &root);
    sandbox.write("three/things/a.json", &item("a", "third"));
    let from = sandbox.path().join("three");
    let publish = ["publish", "--from", from.to_str().unwrap(), "--pipeline", "test"];
    let publish = [&publish[..], &["--publish-id", "pub_2099_12_24T00_00_00Z_p"]].concat();
    sandbox.json(0, &[&publish[..], &["--reason", "asked for by the council"]].concat());
    let mallory = ["--root", root.to_str().unwrap(), "--actor", "mallory", "--reason", "because I could"];
    sandbox.json(0, &[&publish[..], &mallory].concat());
    std::fs::remove_dir_all(&ledger).unwrap();
    copy_of(&root.join(".kfm/ledger"), &ledger);
    let found = sandbox.json(1, &["ledger", "verify"]);
    assert!(
        found["checks"].to_string().contains("changed=1 first=pub_2099_12_24T00_00_00Z_p/completed"),
        "{found:#}"
    );
}
