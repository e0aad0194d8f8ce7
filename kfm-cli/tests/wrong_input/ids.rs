//! Ids that name nothing, or more than one thing.

use super::says;
use super::support::{Sandbox, item, two_publishes};

#[test]
fn an_id_that_names_nothing_is_refused_with_the_list_to_look_at() {
    let (sandbox, ..) = two_publishes();
    let reason = ["--reason", "r"];
    for (words, next) in [
        (&["publish", "show", "pub_1999"][..], "kfm publish list"),
        (&["publish", "resume", "--publish-id", "pub_1999"], "kfm publish list"),
        (&["rollback", "plan", "--publish-id", ""], "kfm publish list"),
        (&["rollback", "dry-run", "--publish-id", "../../etc"], "kfm publish list"),
        (
            &[&["rollback", "execute", "--yes", "--publish-id", "pub_1999"][..], &reason].concat(),
            "kfm publish list",
        ),
        (&["rollback", "show", "rb_1999"], "kfm rollback list"),
        (&["rollback", "status", "--rollback-id", "rb_1999"], "kfm rollback list"),
        (&["rollback", "resume", "--rollback-id", "rb_1999", "--abort"], "kfm rollback list"),
        (&[&["rollback", "revert", "--rollback-id", "latest"][..], &reason].concat(), "kfm rollback list"),
        (&["verify", "--rollback-id", "rb_1999"], "kfm rollback list"),
    ] {
        let answer = sandbox.refuses(2, words);
        assert_eq!(answer["error"]["kind"], "not_found", "{words:?}");
        assert_eq!(answer["error"]["next"][0], next, "{words:?}");
        // The command that the error names can be run as it stands.
        let next: Vec<&str> = next.split(' ').skip(1).collect();
        sandbox.kfm(&next).exits(0);
    }
}

#[test]
fn a_plan_that_nobody_made_is_refused() {
    let (sandbox, ..) = two_publishes();
    let unknown = format!("jcs-sha256:{}", "0".repeat(64));
    for plan in [unknown.as_str(), "jcs-sha256:00", "nosuch.json", "catalog", ""] {
        let answer = sandbox.refuses(2, &["rollback", "dry-run", "--plan", plan]);
        assert_eq!(answer["error"]["kind"], "not_found", "{plan}");
        sandbox.refuses(2, &["approvals", plan]);
    }
}

#[test]
fn a_prefix_of_several_ids_is_refused_with_all_of_them() {
    let (sandbox, first, second) = two_publishes();
    for words in [
        &["publish", "show", "pub_"][..],
        &["rollback", "plan", "--publish-id", "pub_"],
        &["rollback", "execute", "--publish-id", "pub_", "--yes", "--reason", "r"],
        &["publish", "resume", "--publish-id", "pub_"],
    ] {
        let answer = sandbox.refuses(2, words);
        assert_eq!(answer["error"]["kind"], "ambiguous", "{words:?}");
        assert_eq!(answer["candidates"], serde_json::json!([first, second]));
        says(&answer, &[&first, &second]);
    }
}

#[test]
fn a_key_to_leave_alone_that_no_cell_has_or_nobody_changed_is_refused() {
    let (sandbox, _, second) = two_publishes();
    let plan = ["rollback", "plan", "--publish-id", &second];
    let execute = ["rollback", "execute", "--publish-id", &second, "--reason", "r", "--yes"];
    for words in [&plan[..], &execute[..]] {
        let answer = sandbox.refuses(2, &[words, &["--skip", "things/a.jsno"]].concat());
        says(&answer, &["things/a.jsno"]);
    }
    let skipping = [&plan[..], &["--skip", "things/a.json"]].concat();
    says(&sandbox.refuses(2, &skipping), &["only what another hand changed", "things/a.json"]);
    sandbox.write("catalog/things/a.json", &item("a", "by hand"));
    sandbox.kfm(&skipping).exits(0);
}

#[test]
fn what_has_ended_cannot_be_resumed_and_a_rehearsal_says_the_same() {
    let (sandbox, _, second) = two_publishes();
    for (words, said) in [
        (&["publish", "resume", "--publish-id", &second][..], &[&*second, "completed"][..]),
        // Where an operation is resumed, `latest` is the open one.
        (&["publish", "resume", "--publish-id", "latest", "--abort"], &["no publish is open"]),
    ] {
        let answer = sandbox.refuses(6, words);
        says(&answer, said);
        assert_eq!(
            sandbox.json(6, &[words, &["--ci"]].concat())["error"]["message"],
            answer["error"]["message"]
        );
    }
}

#[test]
fn one_id_has_one_use() {
    let (sandbox, first, _) = two_publishes();
    sandbox.write("three/things/a.json", &super::support::item("a", "third"));
    let words = ["publish", "--from", "three", "--pipeline", "test", "--publish-id", &first];
    says(&sandbox.refuses(6, &words), &[&first, "take a new id"]);
}

#[test]
fn a_platform_that_is_not_there_is_named() {
    let sandbox = Sandbox::empty();
    says(&sandbox.refuses_outside(&["--root", "nowhere", "status"]), &["nowhere", "kfm init"]);
    sandbox.write("file", "");
    says(&sandbox.refuses_outside(&["--root", "file", "status"]), &["file"]);
    let run = sandbox.command(&["status"]).env("KFM_ROOT", "/no/such/folder").output().unwrap();
    assert_eq!(run.status.code(), Some(2));
    assert!(String::from_utf8(run.stderr).unwrap().contains("/no/such/folder"));
}
