//! What would refuse a command refuses its rehearsal, by `--ci` and by `--dry-run`, with the same code and the same words
//! (R101).
#![allow(missing_docs, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use kfm_rollback::{OpenOptions, Platform};
use support::{Sandbox, item, two_publishes};

/// What changes something, and can be rehearsed by `--ci`.
const CHANGES: [&str; 16] = [
    "publish --from three --pipeline test",
    "publish resume",
    "rollback plan latest",
    "rollback execute latest --reason r --yes",
    "rollback revert latest --reason r",
    "rollback resume",
    "hotfix stac --collection things --field properties.title --from second --to third --reason r",
    "hotfix revert latest --reason r",
    "hotfix resume",
    "project",
    "reconcile --adopt",
    "adopt",
    "labels assign --entity b --care restricted --authority C --reason r --review-by 2099-01-01 --yes",
    "principals add ada --role reviewer --public-key 00",
    "plan cancel latest --reason r",
    "adopt --store catalog",
];

/// Of these, what can be rehearsed by `--dry-run` as well.
const DRY_RUNS: [&str; 5] = ["publish --from", "rollback revert", "hotfix stac", "project", "labels assign"];

fn platform() -> Sandbox {
    let (sandbox, ..) = two_publishes();
    sandbox.write("three/things/a.json", &item("a", "third"));
    sandbox.write("three/things/b.json", &item("b", "third"));
    sandbox
}

fn words(command: &str) -> Vec<&str> {
    command.split(' ').collect()
}

/// Rehearses commands in each way, then runs them: code and message must be the same.
#[track_caller]
fn refuses_both(sandbox: &Sandbox, code: i32, commands: &[&str], kind: &str) {
    for command in commands {
        let words = words(command);
        let refused = |words: &[&str]| sandbox.json(code, words)["error"].clone();
        let mut rehearsed = vec![refused(&[&words[..], &["--ci"]].concat())];
        if kind != "locked" && DRY_RUNS.iter().any(|dry| command.starts_with(dry)) {
            rehearsed.push(refused(&[&words[..], &["--dry-run"]].concat()));
        }
        let real = refused(&words);
        assert_eq!(real["kind"], kind, "{command}: {real:#}");
        for rehearsed in rehearsed {
            assert_eq!(rehearsed["message"], real["message"], "{command}");
            assert_eq!(rehearsed["hint"], real["hint"], "{command}");
        }
    }
}

#[test]
fn without_a_store_of_the_platform_every_rehearsal_is_refused_as_the_command_is() {
    let sandbox = platform();
    let settings = sandbox.read("kfm.toml").unwrap();
    let (cache, rest) =
        (settings.find("[stores.cache]").unwrap(), settings.find("[wal]").unwrap_or(settings.len()));
    sandbox.write("kfm.toml", &format!("{}{}", &settings[..cache], settings.get(rest..).unwrap_or("")));
    refuses_both(&sandbox, 2, &CHANGES, "invalid");
    let rehearsed = sandbox.json(6, &["rollback", "dry-run", "latest"]);
    assert_eq!(rehearsed["conflicts"][0]["kind"], "missing_part", "{rehearsed:#}");
    let check = sandbox.json(1, &["catalog", "check"]);
    assert_eq!(check["findings"]["by_rule"]["missing_part"], 1, "{check:#}");
    let screen = sandbox.kfm(&["catalog", "check"]).exits(1).stdout;
    assert!(screen.contains("store=cache domain=cache") && !screen.contains("is whole"), "{screen}");
}

#[test]
fn while_another_process_works_every_rehearsal_is_refused_as_the_command_is() {
    let sandbox = platform();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let platform = Platform::open(sandbox.path(), OpenOptions::new("anna")).await.unwrap();
        let working = platform.begin_publish("slow".parse().unwrap()).await.unwrap();
        refuses_both(&sandbox, 6, &CHANGES, "locked");
        // What only looks is not kept waiting.
        sandbox.json(0, &["rollback", "dry-run", "latest"]);
        sandbox.json(0, &["publish", "--from", "three", "--pipeline", "test", "--dry-run"]);
        drop(working);
    });
}

#[test]
fn what_stands_is_not_adopted_in_a_rehearsal_that_the_command_would_refuse() {
    let sandbox = platform();
    sandbox.write("catalog/things/c.json", &item("c", "by hand"));
    refuses_both(&sandbox, 2, &["adopt --store nowhere"], "not_found");
    let rehearsed = sandbox.json(0, &["adopt", "--store", "graph", "--ci"]);
    assert_eq!(rehearsed["documents"], 0, "{rehearsed:#}");
    let labels = sandbox.read("policy/labels.toml").unwrap();
    sandbox.write("policy/labels.toml", "[[label]]\ncare = 7\n");
    refuses_both(&sandbox, 3, &["adopt", "reconcile --adopt", "project"], "denied");
    sandbox.write("policy/labels.toml", &labels);
    assert_eq!(sandbox.json(0, &["adopt", "--ci"])["documents"], 1);
    assert_eq!(sandbox.json(0, &["adopt"])["documents"], 1);
}

#[test]
fn a_label_that_covers_nothing_is_refused_in_its_rehearsal_too() {
    let assign =
        "labels assign --care restricted --authority C --reason r --review-by 2099-01-01 --entity nothing";
    refuses_both(&platform(), 2, &[assign], "invalid");
}

#[test]
fn a_stored_plan_is_rehearsed_as_it_would_be_executed() {
    let sandbox = platform();
    let plan = sandbox.json(0, &["rollback", "plan", "latest"])["plan_id"].as_str().unwrap().to_owned();
    let execute = format!("rollback execute --plan {plan} --reason r --yes");
    refuses_both(&sandbox, 2, &[&format!("{execute} --skip things/a.json")], "invalid");
    sandbox.json(0, &words(&execute));
    let ci = format!("{execute} --ci");
    assert_eq!(sandbox.json(0, &words(&ci))["ready"], true, "it is executed already");
    assert_eq!(sandbox.json(0, &words(&execute))["applied"]["total"], 0);
    sandbox.json(0, &["rollback", "revert", "latest", "--reason", "r"]);
    let (rehearsed, refused) = (sandbox.json(6, &words(&ci)), sandbox.json(6, &words(&execute)));
    assert_eq!(rehearsed["conflicts"][0]["message"], refused["error"]["message"], "{rehearsed:#}");
}

#[test]
fn planning_is_rehearsed_as_a_planning_and_not_as_an_execution() {
    let sandbox = platform();
    sandbox.write("catalog/things/a.json", &item("a", "by hand"));
    let rehearsed = sandbox.json(0, &["rollback", "plan", "latest", "--ci"]);
    assert_eq!((&rehearsed["ready"], &rehearsed["conflicts"][0]["kind"]), (&false.into(), &"foreign".into()));
    sandbox.json(0, &["rollback", "plan", "latest"]);
    sandbox.json(6, &["rollback", "execute", "latest", "--reason", "r", "--yes", "--ci"]);
    sandbox.json(6, &["rollback", "execute", "latest", "--reason", "r", "--yes"]);
}
