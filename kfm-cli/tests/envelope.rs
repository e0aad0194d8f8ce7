//! The promises of `--json`, exit codes and questions, on every kind of answer.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use support::{Sandbox, first_version, item, two_publishes};

#[test]
fn a_command_that_is_not_built_is_unknown_and_exits_2() {
    let sandbox = Sandbox::empty();
    for words in [&["frobnicate"][..], &["gc", "--plan"], &["lineage", "show"]] {
        let run = sandbox.kfm(words).exits(2);
        assert!(run.stdout.is_empty() && run.stderr.contains("unrecognized subcommand"), "{run:?}");
        assert_eq!(sandbox.json(2, words)["error"]["kind"], "usage");
    }
}

#[test]
fn help_and_version_are_one_object_with_json() {
    let sandbox = Sandbox::empty();
    assert!(sandbox.json(0, &["--help"])["text"].as_str().unwrap().contains("Usage: kfm"));
    assert!(
        sandbox.json(0, &["rollback", "plan", "--help"])["text"].as_str().unwrap().contains("--publish-id")
    );
    assert!(sandbox.json(0, &["--version"])["text"].as_str().unwrap().starts_with("kfm "));
}

#[test]
fn a_usage_error_names_the_command_and_its_help() {
    let answer = Sandbox::empty().json(2, &["rollback", "plan"]);
    assert_eq!(answer["schema"], "kfm.rollback.plan/v1");
    assert_eq!(answer["error"]["next"][0], "kfm rollback plan --help");
    assert!(answer["error"]["message"].as_str().unwrap().contains("--publish-id"));
}

#[test]
fn a_folder_without_a_platform_is_named_with_the_command_that_makes_one() {
    let answer = Sandbox::empty().json(2, &["status"]);
    assert_eq!(answer["schema"], "kfm.status/v1");
    assert_eq!(answer["error"]["next"][0], "kfm init");
}

#[test]
fn the_platform_is_found_by_flag_by_environment_and_upwards() {
    let sandbox = Sandbox::platform();
    std::fs::create_dir_all(sandbox.path().join("deep/er")).unwrap();
    let elsewhere = Sandbox::empty();
    let root = sandbox.path().to_str().unwrap();
    assert!(elsewhere.command(&["status", "--root", root]).status().unwrap().success());
    assert!(elsewhere.command(&["status"]).env("KFM_ROOT", root).status().unwrap().success());
    let deep = sandbox.path().join("deep/er");
    assert!(sandbox.command(&["status"]).current_dir(deep).status().unwrap().success());
    assert!(!elsewhere.command(&["status"]).status().unwrap().success());
}

#[test]
fn a_reason_is_never_empty() {
    let sandbox = Sandbox::empty();
    for reason in ["", "   "] {
        let words = ["rollback", "execute", "--publish-id", "x", "--yes", "--reason", reason];
        assert!(sandbox.kfm(&words).exits(2).stderr.contains("must not be empty"));
    }
    sandbox.kfm(&["rollback", "execute", "--publish-id", "x", "--yes"]).exits(2);
    sandbox.kfm(&["rollback", "revert", "--rollback-id", "x"]).exits(2);
}

#[test]
fn a_command_that_needs_a_yes_names_it_where_nobody_can_be_asked() {
    let (sandbox, _, second) = two_publishes();
    let before = sandbox.files();
    let words = ["rollback", "execute", "--publish-id", &second, "--reason", "wrong title"];
    let answer = sandbox.json(2, &words);
    assert!(answer["error"]["hint"].as_str().unwrap().contains("--yes"));
    assert_eq!(sandbox.files(), before);
    sandbox.kfm(&[&words[..], &["--yes"]].concat()).exits(0);
}

#[test]
fn ci_changes_nothing_and_exits_as_it_would_have() {
    let (sandbox, _, second) = two_publishes();
    sandbox.write("three/things/a.json", &item("a", "third"));
    sandbox.write("void/things/a.json", "");
    let plan = sandbox.json(0, &["rollback", "plan", "--publish-id", &second]);
    let plan_id = plan["plan_id"].as_str().unwrap();
    let before = sandbox.files();
    let reason = ["--reason", "r"];
    for (code, words) in [
        (0, &["publish", "--from", "three", "--pipeline", "test"][..]),
        (2, &["publish", "--from", "void", "--pipeline", "test"]),
        (0, &["rollback", "plan", "--publish-id", "latest"]),
        (0, &[&["rollback", "execute", "--publish-id", "latest"][..], &reason].concat()),
        (0, &[&["rollback", "execute", "--plan", plan_id][..], &reason].concat()),
        (2, &[&["rollback", "execute", "--publish-id", "pub_none"][..], &reason].concat()),
        (0, &["adopt"]),
        (0, &["reconcile", "--adopt"]),
        (0, &["principals", "add", "ada", "--role", "reviewer"]),
        (2, &["init"]),
        (0, &["demo"]),
    ] {
        let answer = sandbox.json(code, &[words, &["--ci"]].concat());
        assert_eq!(sandbox.files(), before, "{words:?} {answer:#}");
    }
}

#[test]
fn next_commands_name_the_platform_when_it_was_named() {
    let (sandbox, _, second) = two_publishes();
    let elsewhere = Sandbox::empty();
    let root = sandbox.path().to_str().unwrap();
    let plan = elsewhere.json(0, &["--root", root, "rollback", "plan", "--publish-id", &second]);
    for command in plan["next"].as_array().unwrap() {
        assert!(command.as_str().unwrap().starts_with(&format!("kfm --root {root} ")), "{command}");
    }
}

#[test]
fn results_go_to_standard_output_and_everything_else_to_standard_error() {
    let (sandbox, ..) = two_publishes();
    let plain = sandbox.kfm(&["rollback", "plan", "--publish-id", "latest", "--progress", "plain"]).exits(0);
    assert!(
        plain.stdout.starts_with("Rollback of pub_") && plain.stdout.contains("\nnext\n"),
        "{}",
        plain.stdout
    );
    let failure = sandbox.kfm(&["rollback", "plan", "--publish-id", "pub_none"]).exits(2);
    assert!(failure.stdout.is_empty() && failure.stderr.starts_with("error: "), "{failure:?}");
    for run in [&plain, &failure] {
        assert!(
            !run.stdout.contains('\u{1b}') && !run.stderr.contains('\u{1b}'),
            "colour without a terminal"
        );
    }
}

#[test]
fn who_acts_is_the_flag_then_the_environment_and_is_recorded() {
    let sandbox = Sandbox::platform();
    sandbox.publish("one", &first_version());
    sandbox.write("two/things/a.json", &item("a", "second"));
    sandbox.kfm(&["publish", "--from", "two", "--pipeline", "test", "--actor", "ada"]).exits(0);
    let publishes = sandbox.json(0, &["publish", "list"])["publishes"].clone();
    let by: Vec<_> = publishes.as_array().unwrap().iter().map(|line| line["requested_by"].clone()).collect();
    assert_eq!(by, ["tester", "ada"]);
}

#[test]
fn an_unknown_key_of_the_settings_is_an_error_that_names_the_nearest() {
    let sandbox = Sandbox::platform();
    let settings = sandbox.read("kfm.toml").unwrap().replace("[telemetry]", "[telemetri]");
    sandbox.write("kfm.toml", &settings);
    let run = sandbox.kfm(&["status"]).exits(2);
    assert!(run.stderr.contains("telemetri") && run.stderr.contains("telemetry"), "{}", run.stderr);
}

#[test]
fn completions_and_manual_pages_are_made_from_the_command_itself() {
    let sandbox = Sandbox::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(sandbox.kfm(&["completions", shell]).exits(0).stdout.contains("kfm"), "{shell}");
    }
    assert!(sandbox.kfm(&["man", "rollback", "plan"]).exits(0).stdout.contains(".TH kfm-rollback-plan"));
    sandbox.kfm(&["man", "frobnicate"]).exits(2);
    let pages = sandbox.json(0, &["man", "--out", "man"]);
    assert!(pages["pages"].as_array().unwrap().len() > 30, "{pages}");
    assert!(sandbox.read("man/kfm-rollback-execute.1").is_some());
}
