//! In force from the first command that judges, whatever its verdict.

use super::support::{Sandbox, item, two_publishes};
use super::{in_force, label, ledger, withdraw};

/// Does with a platform what a command needs, and returns the command with the codes that it may end with.
type Case = (&'static str, fn(&Sandbox, &str) -> Vec<String>, &'static [i32]);

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

const JUDGING: [Case; 12] = [
    (
        "a publish",
        |sandbox, _| {
            sandbox.write("three/things/a.json", &item("a", "third"));
            words(&["publish", "--from", "three", "--pipeline", "test"])
        },
        &[0],
    ),
    (
        "a publish that is denied",
        |sandbox, _| {
            let restricted =
                item("a", "third").replace("\"title\"", "\"kfm:care_label\":\"restricted\",\"title\"");
            sandbox.write("three/things/a.json", &restricted);
            words(&["publish", "--from", "three", "--pipeline", "test"])
        },
        &[3],
    ),
    ("a plan", |_, second| words(&["rollback", "plan", "--publish-id", second]), &[0]),
    (
        "a rollback",
        |_, second| words(&["rollback", "execute", "--publish-id", second, "--reason", "r", "--yes"]),
        &[0],
    ),
    (
        "a revert",
        |sandbox, second| {
            let rollback = ["rollback", "execute", "--publish-id", second, "--reason", "r", "--yes"];
            let id = sandbox.json(0, &rollback)["rollback_id"].as_str().unwrap().to_owned();
            words(&["rollback", "revert", "--rollback-id", &id, "--reason", "r", "--yes"])
        },
        &[0],
    ),
    (
        "a hotfix",
        |_, _| {
            words(&[
                "hotfix",
                "stac",
                "--collection",
                "things",
                "--field",
                "properties.title",
                "--from",
                "second",
                "--to",
                "mended",
                "--reason",
                "r",
                "--yes",
            ])
        },
        &[0, 5],
    ),
    (
        "an adoption",
        |sandbox, _| {
            sandbox.write("catalog/things/c.json", &item("c", "by hand"));
            words(&["adopt"])
        },
        &[0],
    ),
    (
        "a reconciliation",
        |sandbox, _| {
            sandbox.write("catalog/things/a.json", &item("a", "by hand"));
            words(&["reconcile", "--adopt"])
        },
        &[0],
    ),
    ("a check of the catalog", |_, _| words(&["catalog", "check"]), &[0]),
    (
        "a look at what another hand changed",
        |sandbox, _| {
            sandbox.write("catalog/things/a.json", &item("a", "by hand"));
            words(&["reconcile"])
        },
        &[0],
    ),
    (
        "a plan that is shown",
        |sandbox, second| {
            let plan = sandbox.json(0, &["rollback", "plan", "--publish-id", second]);
            words(&["plan", "show", plan["plan_id"].as_str().unwrap()])
        },
        &[0],
    ),
    (
        "an assignment",
        |_, _| {
            words(&[
                "labels",
                "assign",
                "--entity",
                "things/a.json",
                "--care",
                "public",
                "--authority",
                "C",
                "--reason",
                "r",
                "--review-by",
                "2099-01-01",
            ])
        },
        &[0],
    ),
];

#[test]
fn every_command_that_judges_brings_into_force_what_it_judges_by() {
    for (name, prepare, codes) in JUDGING {
        let (sandbox, _, second) = two_publishes();
        let command = prepare(&sandbox, &second);
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        withdraw(&sandbox, "site-42");
        label(&sandbox, "site-43", "restricted");
        let run = sandbox.kfm(&command);
        assert!(codes.contains(&run.code), "{name}: {} {}", run.stdout, run.stderr);
        let (labels, suppressions) = ("policy/labels.toml", "policy/suppressions.toml");
        sandbox.write(labels, "[[label]]\nunder = \"\"\ncare = \"public\"\nauthority = \"C\"\nreason = \"r\"\nreview_by = \"2099-01-01\"\n");
        sandbox.write(suppressions, "");
        let listed = in_force(&sandbox);
        assert!(
            listed.contains(&"site-42".into()) && listed.contains(&"site-43".into()),
            "{name}: {listed:?}"
        );
        let types: Vec<_> = ledger(&sandbox).iter().map(|entry| entry["operation_type"].clone()).collect();
        assert!(types.contains(&"withdraw".into()) && types.contains(&"label".into()), "{name}: {types:?}");
        sandbox.json(0, &["ledger", "verify"]);
    }
}

#[test]
fn a_command_that_only_looks_brings_nothing_into_force() {
    let (sandbox, _, second) = two_publishes();
    sandbox.write("three/things/a.json", &item("a", "third"));
    withdraw(&sandbox, "site-42");
    let publish = ["publish", "--from", "three", "--pipeline", "test"];
    let hotfix = [
        "hotfix",
        "stac",
        "--collection",
        "things",
        "--field",
        "properties.title",
        "--from",
        "second",
        "--to",
        "mended",
        "--reason",
        "r",
    ];
    let before = sandbox.state();
    for command in [
        &[&publish[..], &["--dry-run"]].concat()[..],
        &[&publish[..], &["--ci"]].concat(),
        &["rollback", "dry-run", "--publish-id", &second],
        &[&hotfix[..], &["--dry-run"]].concat(),
        &["reconcile", "--ci"],
        &["catalog", "check", "--ci"],
        &["labels", "list"],
        &["status"],
        &["doctor"],
        &[
            "labels",
            "assign",
            "--under",
            "",
            "--care",
            "public",
            "--authority",
            "C",
            "--reason",
            "r",
            "--review-by",
            "2099-01-01",
            "--dry-run",
        ],
    ] {
        sandbox.kfm(command);
        assert!(sandbox.state() == before, "{command:?} wrote something");
        assert!(!in_force(&sandbox).contains(&"site-42".to_owned()), "{command:?}");
    }
}

#[test]
fn what_the_check_of_the_catalog_judged_by_stays_when_the_entry_is_taken_out() {
    let (sandbox, ..) = two_publishes();
    let suppressions = sandbox.read("policy/suppressions.toml").unwrap();
    withdraw(&sandbox, "things/b.json");
    let owed = sandbox.json(0, &["status"])["owed"].to_string();
    assert!(owed.contains("not in force yet: entries=1"), "{owed}");
    let listed = sandbox.json(0, &["labels", "list"]);
    assert_eq!(listed["next"], serde_json::json!(["kfm catalog check"]), "{listed:#}");
    for _ in 0..2 {
        let check = sandbox.json(1, &["catalog", "check"]);
        assert_eq!(check["stands_against"], 1, "{check:#}");
        sandbox.write("policy/suppressions.toml", &suppressions);
    }
    assert!(!sandbox.json(0, &["status"])["owed"].to_string().contains("not in force yet"));
}

#[test]
fn no_verdict_is_given_while_an_entry_cannot_come_into_force() {
    let (sandbox, ..) = two_publishes();
    withdraw(&sandbox, "things/b.json");
    let lock = sandbox.path().join(".kfm/lock");
    std::fs::remove_file(&lock).unwrap();
    std::fs::create_dir(&lock).unwrap();
    let refused = sandbox.kfm(&["catalog", "check", "--json"]);
    assert_ne!(refused.code, 0, "{}", refused.stdout);
    assert!(refused.json().get("stands_against").is_none());
    // Without a new entry the check needs no lock.
    sandbox.write("policy/suppressions.toml", "");
    sandbox.json(0, &["catalog", "check"]);
}

#[test]
fn what_was_denied_by_an_entry_stays_denied_when_the_entry_is_taken_out() {
    let (sandbox, ..) = two_publishes();
    let labels = sandbox.read("policy/labels.toml").unwrap();
    label(&sandbox, "things/a.json", "restricted");
    sandbox.write("three/things/a.json", &item("a", "third"));
    let publish = ["publish", "--from", "three", "--pipeline", "test"];
    sandbox.json(3, &publish);
    sandbox.write("policy/labels.toml", &labels);
    sandbox.json(3, &publish);
    let last = ledger(&sandbox);
    assert!(last.iter().any(|entry| entry["operation_type"] == "policy_change"), "{last:#?}");
}

#[test]
fn what_came_into_force_while_the_ledger_was_out_of_reach_is_entered_by_the_next_command() {
    let (sandbox, ..) = two_publishes();
    let place = sandbox.path().join(".kfm/ledger");
    let away = sandbox.path().join("away");
    std::fs::rename(&place, &away).unwrap();
    std::fs::write(&place, "not a folder").unwrap();
    withdraw(&sandbox, "site-42");
    sandbox.write("three/things/a.json", "no JSON at all");
    let second =
        sandbox.json(0, &["publish", "list"])["publishes"][1]["publish_id"].as_str().unwrap().to_owned();
    sandbox.kfm(&["rollback", "plan", "--publish-id", &second]);
    assert!(in_force(&sandbox).contains(&"site-42".to_owned()), "it protects all the same");
    let owed = sandbox.json(0, &["status"])["owed"].to_string();
    assert!(owed.contains("the ledger lacks what came into force"), "{owed}");
    std::fs::remove_file(&place).unwrap();
    std::fs::rename(&away, &place).unwrap();
    assert!(!ledger(&sandbox).iter().any(|entry| entry["operation_type"] == "withdraw"));
    sandbox.kfm(&["rollback", "plan", "--publish-id", &second]);
    let entries = ledger(&sandbox);
    assert_eq!(
        entries.iter().filter(|entry| entry["operation_type"] == "withdraw").count(),
        1,
        "{entries:#?}"
    );
    assert!(!sandbox.json(0, &["status"])["owed"].to_string().contains("the ledger lacks"));
}
