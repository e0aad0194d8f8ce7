//! A version store that was restored from a backup that is older than the log.
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[cfg(target_os = "linux")]
#[path = "support/faults.rs"]
mod faults;
mod support;

use std::path::Path;

use support::{Sandbox, first_version, item};

/// Copies a folder; what is at the target goes.
fn copy(from: &Path, to: &Path) {
    if to.exists() {
        std::fs::remove_dir_all(to).unwrap();
    }
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

/// Two publishes, and `.kfm` from between them: the log names lists that the version store does not have.
fn with_an_older_version_store() -> Sandbox {
    let sandbox = Sandbox::platform();
    sandbox.publish("one", &first_version());
    copy(&sandbox.path().join(".kfm"), &sandbox.path().join("backup"));
    sandbox.publish("two", &[("things/a.json", item("a", "second"))]);
    copy(&sandbox.path().join(".kfm"), &sandbox.path().join("newest"));
    copy(&sandbox.path().join("backup"), &sandbox.path().join(".kfm"));
    sandbox
}

#[test]
fn where_lists_of_the_log_are_lost_status_and_doctor_say_what_to_restore() {
    let sandbox = with_an_older_version_store();
    let status = sandbox.json(0, &["status"]);
    let owed = status["owed"][0].as_str().unwrap();
    assert!(owed.contains("lists=") && owed.contains("operation=pub_"), "{status:#}");
    assert!(owed.contains("restore the version store, .kfm/versions, from a backup"), "{status:#}");
    for words in [&["doctor"][..], &["doctor", "--digests"]] {
        let doctor = sandbox.json(1, words);
        let own = doctor["own"].as_array().unwrap();
        let sick: Vec<_> = own.iter().filter(|part| part["ok"] == false).collect();
        assert_eq!(sick.len(), 1, "{doctor:#}");
        assert_eq!(sick[0]["name"], "versions", "{doctor:#}");
        assert!(sick[0]["error"].as_str().unwrap().contains("restore the version store"), "{doctor:#}");
    }
}

#[test]
fn commands_that_need_a_lost_list_refuse_and_work_again_once_it_is_restored() {
    let sandbox = with_an_older_version_store();
    sandbox.write("three/things/b.json", &item("b", "third"));
    let publish = ["publish", "--from", "three", "--pipeline", "test"];
    for words in [&publish[..], &["rollback", "plan", "--publish-id", "latest"], &["reconcile"]] {
        let refused = sandbox.json(4, words);
        let error = &refused["error"];
        assert!(error["hint"].as_str().unwrap().contains("restore the version store"), "{refused:#}");
        assert!(error["next"][0].as_str().unwrap().ends_with("doctor --digests"), "{refused:#}");
    }
    copy(&sandbox.path().join("newest"), &sandbox.path().join(".kfm"));
    sandbox.json(0, &["doctor", "--digests"]);
    sandbox.json(0, &publish);
    assert_eq!(sandbox.json(0, &["status"])["owed"], serde_json::json!([]));
}

#[cfg(target_os = "linux")]
#[test]
fn an_open_operation_whose_list_is_lost_is_shown_as_open() {
    // states.md section 3: what is open is shown, whatever cannot be read.
    let sandbox = Sandbox::platform();
    sandbox.publish("one", &first_version());
    copy(&sandbox.path().join(".kfm"), &sandbox.path().join("backup"));
    sandbox.write("two/things/a.json", &item("a", "second"));
    let publish = ["publish", "--from", "two", "--pipeline", "test"];
    let whole = Sandbox::empty();
    copy(sandbox.path(), whole.path());
    let (_, calls) = faults::traced(&mut whole.command(&publish), whole.path());
    let call = faults::number_of(&calls, " write /search/");
    assert!(faults::killed_before(&mut sandbox.command(&publish), sandbox.path(), call));
    copy(&sandbox.path().join("backup"), &sandbox.path().join(".kfm"));
    let status = sandbox.json(7, &["status"]);
    assert_eq!(
        (&status["open"][0]["status"], &status["open"][0]["phase"]),
        (&"interrupted".into(), &"-".into())
    );
    assert!(status["owed"][0].as_str().unwrap().contains("restore the version store"), "{status:#}");
}
