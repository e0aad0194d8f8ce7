//! Ids as people type them: bare, shortened, `latest`, and of another kind than the command takes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use support::{item, two_publishes};

#[test]
fn latest_is_the_newest_publish_or_reconcile_and_the_answer_says_which() {
    let (sandbox, _, second) = two_publishes();
    let plan = ["rollback", "plan", "latest"];
    let planned = sandbox.json(0, &plan);
    assert_eq!(
        (&planned["publish_id"], &planned["resolved"]["id"]),
        (&second.clone().into(), &second.clone().into())
    );
    let screen = sandbox.kfm(&plan).exits(0).stdout;
    assert!(screen.contains(&format!("latest is {second}")), "{screen}");

    sandbox.write("catalog/things/a.json", &item("a", "by hand"));
    let reconciled = sandbox.json(0, &["reconcile", "--adopt"])["publish_id"].clone();
    for words in [&["rollback", "plan", "--publish-id", "latest"][..], &["publish", "show", "latest"]] {
        let answer = sandbox.json(0, words);
        assert_eq!(
            (&answer["publish_id"], &answer["resolved"]["id"]),
            (&reconciled, &reconciled),
            "{answer:#}"
        );
    }
    // Rolled back or not.
    let execute = ["rollback", "execute", "latest", "--reason", "not by hand", "--yes"];
    assert_eq!(sandbox.json(0, &execute)["resolved"]["id"], reconciled);
    assert_eq!(sandbox.json(0, &["publish", "show", "latest"])["publish_id"], reconciled);
    assert_eq!(sandbox.json(0, &execute)["resolved"]["id"], reconciled, "it stays what it was");
}

#[test]
fn after_an_adoption_alone_latest_names_nothing() {
    let sandbox = support::Sandbox::platform();
    sandbox.write("catalog/a.json", r#"{"type": "Feature", "id": "a"}"#);
    sandbox.json(0, &["adopt"]);
    let answer = sandbox.json(2, &["rollback", "plan", "latest"]);
    assert_eq!(answer["error"]["kind"], "not_found", "a genesis cannot be rolled back");
}

#[test]
fn an_id_may_stand_bare_wherever_one_is_meant() {
    let (sandbox, first, second) = two_publishes();
    assert_eq!(sandbox.json(0, &["rollback", "dry-run", &second])["publish_id"], *second);
    let planned = sandbox.json(0, &["rollback", "plan", &second]);
    let plan = planned["plan_id"].as_str().unwrap();
    let done = sandbox.json(0, &["rollback", "execute", plan, "--reason", "r", "--yes"]);
    let rollback = done["rollback_id"].as_str().unwrap();
    assert_eq!(sandbox.json(0, &["rollback", "status", rollback])["rollback_id"], rollback);
    assert_eq!(sandbox.json(0, &["verify", rollback])["ok"], true);
    sandbox.json(0, &["rollback", "revert", "latest", "--reason", "it was right"]);
    // The flags still work; a bare id and a flag at once are a usage error.
    assert_eq!(sandbox.json(0, &["rollback", "plan", "--publish-id", &second])["publish_id"], *second);
    sandbox.kfm(&["rollback", "plan", &second, "--publish-id", &first]).exits(2);
    sandbox.kfm(&["rollback", "plan"]).exits(2);
}

#[test]
fn an_id_of_another_kind_names_the_commands_that_take_it() {
    let (sandbox, _, second) = two_publishes();
    let planned = sandbox.json(0, &["rollback", "plan", &second]);
    let plan = planned["plan_id"].as_str().unwrap();
    let waiting = planned["rollback_id"].as_str().unwrap();
    for (words, next) in [
        (&["publish", "show", plan][..], format!("kfm plan show {plan}")),
        (&["publish", "show", waiting], format!("kfm plan show {plan}")),
    ] {
        assert_eq!(sandbox.json(2, words)["error"]["next"][0], next, "{words:?}");
    }
    // What is planned is not done yet.
    for words in [&["rollback", "revert", waiting, "--reason", "r"][..], &["rollback", "resume", waiting]] {
        let refused = sandbox.json(6, words);
        assert_eq!(refused["error"]["next"][0], format!("kfm plan show {plan}"), "{refused:#}");
    }
    let done = sandbox.json(0, &["rollback", "execute", plan, "--reason", "r", "--yes"]);
    let rollback = done["rollback_id"].as_str().unwrap();
    for (words, next) in [
        (&["publish", "show", rollback][..], format!("kfm rollback show {rollback}")),
        (&["rollback", "plan", rollback], format!("kfm rollback show {rollback}")),
        (&["publish", "resume", rollback], format!("kfm rollback show {rollback}")),
        (&["rollback", "show", &second], format!("kfm publish show {second}")),
        (&["rollback", "revert", &second, "--reason", "r"], format!("kfm publish show {second}")),
        (&["verify", &second], format!("kfm publish show {second}")),
    ] {
        let answer = sandbox.json(2, words);
        assert_eq!(answer["error"]["next"][0], next, "{words:?}");
        assert_eq!(answer["error"]["kind"], "not_found");
    }
}

#[test]
fn where_nothing_is_open_there_is_nothing_to_resume() {
    let (sandbox, ..) = two_publishes();
    for words in [["publish", "resume"], ["rollback", "resume"], ["hotfix", "resume"]] {
        let refused = sandbox.json(6, &words);
        assert!(refused["error"]["message"].to_string().contains("nothing to resume"), "{refused:#}");
    }
}
