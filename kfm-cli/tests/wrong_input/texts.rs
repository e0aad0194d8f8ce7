//! Texts on the command line that say nothing, or too much.

use super::says;
use super::support::{Sandbox, two_publishes};

#[test]
fn a_reason_that_is_empty_or_more_than_a_line_is_refused_before_anything_is_looked_at() {
    let (sandbox, _, second) = two_publishes();
    for (reason, word) in [
        ("", "must not be empty"),
        ("  \t ", "must not be empty"),
        ("two\nlines", "one line"),
        ("a\u{1b}[31mred", "control characters"),
        ("a\u{7}bell", "control characters"),
    ] {
        for words in [
            &["rollback", "execute", "--publish-id", &second, "--yes", "--reason", reason][..],
            &["rollback", "revert", "--rollback-id", "latest", "--reason", reason],
            &["publish", "--from", "one", "--pipeline", "test", "--reason", reason],
            &["adopt", "--reason", reason],
        ] {
            says(&sandbox.refuses(2, words), &[word]);
        }
        assert!(!sandbox.kfm(&["adopt", "--reason", reason]).stderr.contains('\u{1b}'));
    }
    let long = "because ".repeat(2_000);
    sandbox.json(0, &["rollback", "execute", "--publish-id", &second, "--yes", "--reason", &long]);
}

#[test]
fn who_acts_has_a_name_of_one_line() {
    let sandbox = Sandbox::platform();
    says(&sandbox.refuses(2, &["adopt", "--actor", " "]), &["must not be empty"]);
    says(&sandbox.refuses(2, &["adopt", "--actor", "a\nb"]), &["one line"]);
    let run = sandbox.command(&["adopt", "--json"]).env("KFM_ACTOR", "a\u{1b}b").output().unwrap();
    assert_eq!(run.status.code(), Some(2), "{run:?}");
}

#[test]
fn a_pipeline_and_an_id_that_are_no_slugs_are_refused() {
    let sandbox = Sandbox::platform();
    sandbox.write("new/a.json", "{}");
    for pipeline in ["", "Daily", "a b", "a-b", &"x".repeat(65)] {
        let answer = sandbox.refuses(2, &["publish", "--from", "new", "--pipeline", pipeline]);
        says(&answer, &["--pipeline"]);
    }
    for id in ["", "pub_x", "rb_2026_01_01T00_00_00Z_test", "pub_2026-01-01T00:00:00Z_test", "../x"] {
        let words = ["publish", "--from", "new", "--pipeline", "test", "--publish-id", id];
        says(&sandbox.refuses(2, &words), &["--publish-id"]);
    }
}

#[test]
fn a_role_a_key_or_a_principal_that_is_none_is_refused() {
    let (sandbox, _, second) = two_publishes();
    sandbox.kfm(&["principals", "add", "ada", "--role", "reviewer"]).exits(0);
    let plan = sandbox.json(0, &["rollback", "plan", "--publish-id", &second])["plan_id"].clone();
    let plan = plan.as_str().unwrap();
    let approve = |who: &str, role: &str, key: &str, words: &[&str]| {
        says(&sandbox.refuses(2, &["approve", plan, "--as", who, "--role", role, "--key", key]), words);
    };
    sandbox.write("text.key", "no key");
    approve("ada", "reviewer", "nowhere.key", &["nowhere.key"]);
    approve("ada", "reviewer", "text.key", &["kfm-ed25519-v1"]);
    approve("ada", "emperor", "ada.key", &["role=emperor", "reviewer"]);
    approve("eve", "reviewer", "ada.key", &["principal=eve"]);
    says(
        &sandbox.refuses(2, &["principals", "add", "ada", "--role", "reviewer", "--key-out", "b.key"]),
        &["ada"],
    );
    assert!(sandbox.read("b.key").is_none());
    says(
        &sandbox.refuses(2, &["principals", "add", "bob", "--role", "reviewer", "--public-key", "xyz"]),
        &["key"],
    );
}
