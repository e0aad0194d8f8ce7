//! Registries that cannot be read: nothing may be judged (R3), but commands that only look still answer.

use super::says;
use super::support::{Sandbox, first_version, item, two_publishes};

const BROKEN: [(&str, &str, &str); 4] = [
    ("policy/labels.toml", "[[label]]\nunder = \"\"\ncares = \"public\"\n", "line=3 key=cares"),
    ("policy/labels.toml", "garbage[", "label registry is not TOML: line=1"),
    ("policy/labels.toml", "[[label]]\nunder = \"\"\ncare = \"open\"\n", "line="),
    ("policy/suppressions.toml", "[[label]]\n", "line=1 key=label"),
];

#[test]
fn a_registry_that_cannot_be_read_denies_what_would_change_and_hides_nothing() {
    let (sandbox, _, second) = two_publishes();
    sandbox.write("three/things/a.json", &item("a", "third"));
    for (file, broken, words) in BROKEN {
        let whole = sandbox.read(file).unwrap();
        sandbox.write(file, broken);
        for command in [
            &["publish", "--from", "three", "--pipeline", "test"][..],
            &["publish", "--from", "three", "--pipeline", "test", "--dry-run"],
            &["rollback", "plan", "--publish-id", &second],
            &["rollback", "dry-run", "--publish-id", &second],
            &["rollback", "execute", "--publish-id", &second, "--reason", "r", "--yes"],
        ] {
            let before = sandbox.state_but_records();
            let answer = sandbox.json(3, command);
            assert_eq!(answer["error"]["kind"], "denied", "{command:?}");
            let finding = &answer["findings"]["first"][0];
            assert!(finding["message"].as_str().unwrap().contains(words), "{finding:#}");
            assert!(sandbox.state_but_records() == before);
        }
        for command in [&["status"][..], &["publish", "list"], &["rollback", "list"], &["wal", "verify"]] {
            sandbox.json(0, command);
        }
        says(&sandbox.json(2, &["labels", "list"]), &[words]);
        let doctor = sandbox.json(1, &["doctor"]);
        assert!(doctor["own"].to_string().contains("line="), "{doctor:#}");
        sandbox.write(file, &whole);
    }
    sandbox.json(0, &["publish", "--from", "three", "--pipeline", "test"]);
}

#[test]
fn a_refusal_by_an_unreadable_registry_is_recorded() {
    let (sandbox, ..) = two_publishes();
    let entries = || sandbox.json(0, &["ledger", "list"])["entries"].as_array().unwrap().clone();
    let before = entries().len();
    sandbox.write("three/things/a.json", &item("a", "third"));
    sandbox.write("policy/labels.toml", "garbage[");
    sandbox.json(3, &["publish", "--from", "three", "--pipeline", "test"]);
    let after = entries();
    assert_eq!(after.len(), before + 1);
    assert_eq!(after.last().unwrap()["status"], "denied", "{after:#?}");
}

#[test]
fn an_empty_registry_labels_nothing_and_a_label_once_in_force_stays() {
    let sandbox = Sandbox::empty();
    sandbox.kfm(&["init"]).exits(0);
    for (path, content) in first_version() {
        sandbox.write(&format!("one/{path}"), &content);
    }
    sandbox.write("policy/labels.toml", "");
    let publish = ["publish", "--from", "one", "--pipeline", "test"];
    let denied = sandbox.refuses(3, &publish);
    assert_eq!(denied["findings"]["first"][0]["code"], "C-F01");
    sandbox.label();
    sandbox.write("policy/labels.toml", "");
    sandbox.json(0, &publish);
}

#[test]
fn principals_that_cannot_be_read_stop_what_needs_approvals() {
    let (sandbox, _, second) = two_publishes();
    sandbox.write("policy/principals.toml", "[[principal]]\nname = 1\n");
    let execute = ["rollback", "execute", "--publish-id", &second, "--reason", "r", "--yes"];
    let before = sandbox.read("catalog/things/a.json");
    let answer = sandbox.json(3, &execute);
    assert!(answer["findings"]["first"][0]["message"].as_str().unwrap().contains("line="), "{answer:#}");
    assert_eq!(sandbox.read("catalog/things/a.json"), before);
    says(&sandbox.json(2, &["principals", "list"]), &["list of principals", "line="]);
    sandbox.json(0, &["status"]);
}

#[test]
fn a_label_that_could_protect_nothing_is_refused() {
    let sandbox = Sandbox::platform();
    let assign = |subject: &[&str], care: &str, review_by: &str, words: &[&str]| {
        let rest = ["--care", care, "--authority", "C", "--reason", "r", "--review-by", review_by];
        let all = [&["labels", "assign"], subject, &rest[..]].concat();
        says(&sandbox.refuses(2, &all), words);
        sandbox.json(2, &[&all[..], &["--ci"]].concat());
    };
    let day = "2099-12-31";
    for path in ["../x.json", "/a.json", "a//b.json", ".hidden.json"] {
        assign(&["--entity", path], "public", day, &[path]);
    }
    assign(&["--under", "../x"], "public", day, &["`..`"]);
    assign(&["--under", "stac"], "pubic", day, &["care=pubic", "restricted"]);
    assign(&["--under", "stac"], "public", "2000-01-01", &["review_by=2000-01-01"]);
    assign(&["--under", "stac"], "public", "soon", &["2027-06-30"]);
}
