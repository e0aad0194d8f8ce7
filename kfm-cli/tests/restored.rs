//! Parts that were lost, or restored from a backup that is older than the others.
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

fn sick(doctor: &serde_json::Value) -> Vec<(String, String)> {
    let parts = doctor["own"].as_array().unwrap().iter().filter(|part| part["ok"] == false);
    let text = |part: &serde_json::Value, key: &str| part[key].as_str().unwrap().to_owned();
    parts.map(|part| (text(part, "name"), text(part, "error"))).collect()
}

/// What `status` owes and what `doctor` says of the ledger; the two say the same.
#[track_caller]
fn said_of_the_ledger(sandbox: &Sandbox) -> String {
    let status = sandbox.json(0, &["status"]);
    let owed = status["owed"].as_array().unwrap();
    assert_eq!(owed.len(), 1, "{status:#}");
    let sick = sick(&sandbox.json(1, &["doctor"]));
    assert_eq!(sick, [("ledger".to_owned(), owed[0].as_str().unwrap().to_owned())]);
    sandbox.json(1, &["ledger", "verify"]);
    sick[0].1.clone()
}

#[test]
fn a_ledger_that_was_removed_or_is_an_older_one_is_owed_and_repaired_by_the_command_that_is_named() {
    for older in [false, true] {
        let sandbox = Sandbox::platform();
        let ledger = sandbox.path().join(".kfm/ledger");
        sandbox.publish("one", &first_version());
        copy(&ledger, &sandbox.path().join("backup"));
        let second = sandbox.publish("two", &[("things/a.json", item("a", "second"))]);
        assert_eq!(sandbox.json(0, &["status"])["owed"], serde_json::json!([]));
        match older {
            true => copy(&sandbox.path().join("backup"), &ledger),
            false => std::fs::remove_dir_all(&ledger).unwrap(),
        }
        let said = said_of_the_ledger(&sandbox);
        assert!(said.contains("'kfm ledger repair'"), "{said}");
        assert!(said.contains(&format!("operations={}", if older { 1 } else { 2 })), "{said}");
        assert!(!older || said.contains(&second), "{said}");
        sandbox.kfm(&["ledger", "repair"]);
        assert_eq!(sandbox.json(0, &["status"])["owed"], serde_json::json!([]));
        sandbox.json(0, &["doctor"]);
    }
}

#[test]
fn a_log_that_is_older_than_the_ledger_is_owed() {
    let sandbox = Sandbox::platform();
    sandbox.publish("one", &first_version());
    let log = sandbox.path().join("wal");
    copy(&log, &sandbox.path().join("backup"));
    let second = sandbox.publish("two", &[("things/a.json", item("a", "second"))]);
    copy(&log, &sandbox.path().join("newest"));
    copy(&sandbox.path().join("backup"), &log);
    let said = said_of_the_ledger(&sandbox);
    assert!(said.contains(&second) && said.contains("docs/guides/restore.md"), "{said}");
    copy(&sandbox.path().join("newest"), &log);
    assert_eq!(sandbox.json(0, &["status"])["owed"], serde_json::json!([]));
    sandbox.json(0, &["doctor"]);
}

/// Three publishes of both items; the first version of `b` is gone from the version store.
fn with_a_lost_version() -> (Sandbox, std::path::PathBuf, Vec<u8>) {
    let sandbox = Sandbox::platform();
    sandbox.publish("one", &first_version());
    let bytes = sandbox.read("catalog/things/b.json").unwrap().into_bytes();
    let digest = kfm_lineage::Digest::of_bytes(&bytes);
    let hex = digest.hex();
    let lost = sandbox.path().join(format!(".kfm/versions/sha256/{}/{hex}", &hex[..2]));
    sandbox.publish("two", &[("things/a.json", item("a", "second")), ("things/b.json", item("b", "second"))]);
    std::fs::remove_file(&lost).unwrap();
    (sandbox, lost, bytes)
}

const EXECUTE: [&str; 6] = ["rollback", "execute", "latest", "--reason", "r", "--yes"];
const FORCE: [&str; 3] = ["--force", "--justification", "the disk is lost"];

#[test]
fn without_a_version_a_rollback_is_refused_with_what_mends_it_and_doctor_names_the_version() {
    let (sandbox, lost, bytes) = with_a_lost_version();
    for words in [&EXECUTE[..], &[&EXECUTE[..], &["--ci"]].concat(), &["rollback", "plan", "latest"]] {
        let refused = sandbox.json(4, words);
        let error = &refused["error"];
        assert!(error["message"].as_str().unwrap().contains("first=things/b.json"), "{refused:#}");
        let hint = error["hint"].as_str().unwrap();
        assert!(hint.contains("restore") && hint.contains("--force --justification"), "{refused:#}");
        assert_eq!(error["next"], serde_json::json!(["kfm doctor --digests"]), "{refused:#}");
    }
    let sick = sick(&sandbox.json(1, &["doctor", "--digests"]));
    assert_eq!(sick.len(), 1, "{sick:?}");
    assert_eq!(sick[0].0, "versions");
    assert!(
        sick[0].1.contains("things/b.json") && sick[0].1.contains("restore the version store"),
        "{sick:?}"
    );
    std::fs::write(lost, bytes).unwrap();
    sandbox.json(0, &["doctor", "--digests"]);
    sandbox.json(0, &EXECUTE);
}

#[test]
fn force_leaves_the_cell_alone_whose_version_is_gone_and_a_reviewer_is_asked() {
    // R46, R65: refused without force and justification, and at least high risk.
    let (sandbox, ..) = with_a_lost_version();
    let forced = [&EXECUTE[..], &FORCE].concat();
    let rehearsed = sandbox.json(5, &[&forced[..], &["--ci"]].concat());
    assert_eq!(rehearsed["risk_level"], "high", "{rehearsed:#}");
    let waiting = sandbox.json(5, &forced);
    let plan = waiting["plan_id"].as_str().unwrap();
    sandbox.json(0, &["principals", "add", "ada", "--role", "reviewer", "--key-out", "ada.key"]);
    sandbox.json(0, &["approve", plan, "--as", "ada", "--role", "reviewer", "--key", "ada.key"]);
    let done = sandbox.json(0, &["rollback", "execute", "--plan", plan, "--reason", "r", "--yes"]);
    let skipped = &done["skipped"]["first"][0];
    assert_eq!((&skipped["key"], &skipped["why"]), (&"things/b.json".into(), &"missing".into()), "{done:#}");
    assert!(sandbox.read("catalog/things/a.json").unwrap().contains("first"));
    assert!(sandbox.read("catalog/things/b.json").unwrap().contains("second"));
    sandbox.json(0, &["reconcile"]);
}

#[test]
fn force_is_neither_advised_nor_of_use_where_nothing_is_left_to_go_back() {
    let (sandbox, lost, bytes) = with_a_lost_version();
    std::fs::write(&lost, bytes).unwrap();
    sandbox.json(0, &EXECUTE);
    sandbox.publish("three", &[("things/b.json", item("b", "third"))]);
    std::fs::remove_file(&lost).unwrap();
    for words in [&EXECUTE[..], &[&EXECUTE[..], &FORCE].concat()] {
        let refused = sandbox.json(4, words);
        let hint = refused["error"]["hint"].as_str().unwrap();
        assert!(hint.contains("restore") && !hint.contains("--force"), "{refused:#}");
    }
}

#[test]
fn a_catalog_that_is_gone_comes_back_from_an_empty_folder_as_the_error_and_status_say() {
    let sandbox = Sandbox::platform();
    sandbox.publish("one", &first_version());
    sandbox.publish("two", &[("things/a.json", item("a", "second"))]);
    let (catalog, before) = (sandbox.path().join("catalog"), sandbox.read("catalog/things/a.json"));
    std::fs::remove_dir_all(&catalog).unwrap();
    let gone = sandbox.json(2, &["reconcile"]);
    let hint = gone["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("make an empty folder there: 'kfm reconcile --adopt'"), "{hint}");
    let owed = || sandbox.json(0, &["status"])["owed"].clone();
    assert!(
        owed()[0].as_str().unwrap().contains("make an empty folder there, 'kfm reconcile --adopt'"),
        "{}",
        owed()
    );
    std::fs::create_dir(&catalog).unwrap();
    let empty = owed()[0].as_str().unwrap().to_owned();
    assert!(empty.contains("the store catalog is empty, and the log knows documents=4"), "{empty}");
    let adopted = sandbox.json(0, &["reconcile", "--adopt"]);
    assert_eq!(adopted["publish_id"].as_str().map(|id| id.contains("reconcile")), Some(true), "{adopted:#}");
    sandbox.json(0, &EXECUTE);
    assert_eq!(sandbox.read("catalog/things/a.json"), before);
    assert_eq!(owed(), serde_json::json!([]));
    sandbox.json(0, &["catalog", "check"]);
}

#[test]
fn a_catalog_that_its_publishes_emptied_is_not_owed() {
    let sandbox = Sandbox::platform();
    sandbox.publish("one", &first_version());
    sandbox.json(0, &EXECUTE);
    assert_eq!(sandbox.json(0, &["status"])["owed"], serde_json::json!([]));
}

#[test]
fn manifests_that_are_gone_are_written_again_by_the_next_command_that_changes_something() {
    let sandbox = Sandbox::platform();
    sandbox.publish("one", &first_version());
    sandbox.publish("two", &[("things/a.json", item("a", "second"))]);
    sandbox.json(0, &EXECUTE);
    sandbox.json(0, &["rollback", "revert", "latest", "--reason", "r", "--yes"]);
    let manifests = sandbox.path().join(".kfm/manifests");
    let read = || -> Vec<(std::ffi::OsString, Vec<u8>)> {
        let files = std::fs::read_dir(&manifests).into_iter().flatten().map(Result::unwrap);
        let mut files: Vec<_> =
            files.map(|file| (file.file_name(), std::fs::read(file.path()).unwrap())).collect();
        files.sort();
        files
    };
    let before = read();
    assert_eq!(before.len(), 2);
    std::fs::remove_dir_all(&manifests).unwrap();
    let failed = sandbox.json(1, &["verify", "latest"]);
    let missing =
        failed["checks"].as_array().unwrap().iter().find(|check| check["name"] == "manifest").unwrap();
    assert!(missing["detail"].as_str().unwrap().ends_with("writes it again"), "{failed:#}");
    sandbox.json(0, &["ledger", "repair"]);
    assert_eq!(read(), before);
    sandbox.json(0, &["verify", "latest"]);
    std::fs::remove_file(manifests.join(&before[0].0)).unwrap();
    sandbox.publish("three", &[("things/a.json", item("a", "third"))]);
    assert_eq!(read(), before);
}
