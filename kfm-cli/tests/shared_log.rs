//! Two hosts, each with a platform of its own, on one log and the same stores.
#![cfg(unix)]
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod hosts;
#[path = "kills/stage.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod stage;
#[path = "kills/work.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod work;

use std::process::Command;

use hosts::{Hosts, LEASE_MS, in_a_folder, json, on_a_server};
use stage::{FIRST, SECOND, first_version, publish, run_to, second_version};
use work::{Worker, set_grace, waiting};

fn signal(worker: &Worker, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &worker.pid().to_string()]).status();
    assert!(sent.unwrap().success());
}

#[test]
fn while_one_host_works_the_other_is_told_who_it_is_or_waits() {
    the_other_is_told_or_waits(&Hosts::new(in_a_folder));
}

fn the_other_is_told_or_waits(hosts: &Hosts) {
    let (a, b) = (&hosts.a(), &hosts.b());
    set_grace(a, 2 * LEASE_MS);
    let mut worker = Worker::begin(a, &publish("second", SECOND), "anna");
    worker.until_it_says("contract");

    let refused = json(b, &["rollback", "plan", "--publish-id", FIRST], 6);
    assert_eq!((&refused["error"]["kind"], &refused["status"]), (&"locked".into(), &"refused".into()));
    let holder = refused["holder"].as_str().unwrap();
    for word in ["publish", "anna", "host=", &format!("pid={}", worker.pid()), a.to_str().unwrap()] {
        assert!(holder.contains(word), "no {word} in {holder}");
    }
    let status = json(b, &["status"], 7);
    assert_eq!((&status["open"][0]["id"], &status["open"][0]["status"]), (&SECOND.into(), &"running".into()));

    // It is at work for longer than a lease, and holds the log nevertheless.
    stage::write(&b.join("third"), &[("third.json".to_owned(), b"{}".to_vec())].into());
    let words = ["publish", "--from", "third", "--pipeline", "test", "--wait", "600"];
    assert_eq!(json(b, &words, 0)["status"], "completed");
    assert_eq!(worker.ended().0, Some(0));
    let mut expected = second_version();
    expected.insert("third.json".to_owned(), b"{}".to_vec());
    assert_eq!(hosts.documents(), expected);
    run_to(a, &["wal", "verify"], 0);
}

#[test]
fn a_host_that_was_paused_and_followed_writes_nothing_when_it_wakes_up() {
    let hosts = Hosts::new(in_a_folder);
    a_paused_host_writes_nothing(&hosts);
}

fn a_paused_host_writes_nothing(hosts: &Hosts) {
    let (a, b) = (&hosts.a(), &hosts.b());
    let worker = waiting(a, &publish("second", SECOND), "anna");
    signal(&worker, "STOP");

    let abort = ["publish", "resume", "--publish-id", SECOND, "--abort", "--wait", "600"];
    assert_eq!(json(b, &abort, 0)["status"], "aborted");
    assert_eq!(hosts.documents(), first_version());
    let (before, verified) = (hosts.everything(), json(b, &["wal", "verify"], 0));

    signal(&worker, "CONT");
    let (code, answer) = worker.ended();
    assert_eq!(code, Some(7), "{answer:#}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("another host has taken the log over"), "{message}");
    assert_eq!(answer["error"]["next"], serde_json::json!(["kfm status"]));
    assert!(hosts.everything() == before, "it wrote something");
    assert_eq!(json(b, &["wal", "verify"], 0)["head"], verified["head"]);
    run_to(a, &["status"], 0);
}

#[test]
fn a_host_that_died_is_followed_at_once_from_its_own_platform() {
    let hosts = Hosts::new(in_a_folder);
    let (a, b) = (&hosts.a(), &hosts.b());
    let worker = waiting(a, &publish("second", SECOND), "anna");
    worker.kill();
    set_grace(a, 0);
    assert_eq!(json(b, &["rollback", "plan", "--publish-id", FIRST], 6)["status"], "refused");
    assert_eq!(json(a, &["publish", "resume", "--publish-id", SECOND], 0)["status"], "completed");
    assert_eq!(hosts.documents(), second_version());
}

#[test]
fn a_log_that_is_lost_is_not_begun_anew() {
    let hosts = Hosts::new(in_a_folder);
    std::fs::remove_dir_all(hosts.shared().join("log")).unwrap();
    let refused = json(&hosts.a(), &publish("second", SECOND), 4);
    assert!(refused["error"]["message"].as_str().unwrap().starts_with("the log is missing"), "{refused:#}");
    assert_eq!(json(&hosts.a(), &["status"], 4)["error"]["kind"], "incomplete");
    assert_eq!(hosts.documents(), first_version());
}

#[test]
fn an_address_with_a_password_or_of_an_unknown_kind_is_refused() {
    let hosts = Hosts::new(in_a_folder);
    let file = hosts.a().join("kfm.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let log = in_a_folder(&hosts.shared());
    for (url, expected) in [
        ("ftp://host/log", "scheme=ftp"),
        ("postgres://kfm:hush@127.0.0.1:1/kfm", "password"),
        ("az://container/log", "client for the address"),
    ] {
        std::fs::write(&file, text.replace(&log, url)).unwrap();
        let refused = json(&hosts.a(), &["status"], 2)["error"].to_string();
        assert!(refused.contains(expected) && !refused.contains("hush"), "{url}: {refused}");
    }
}

#[test]
#[ignore = "needs KFM_WAL_URL: .ci/servers"]
fn while_one_host_works_the_other_is_told_by_a_server_who_it_is_or_waits() {
    the_other_is_told_or_waits(&Hosts::new(on_a_server));
}

#[test]
#[ignore = "needs KFM_WAL_URL: .ci/servers"]
fn a_host_that_was_paused_writes_nothing_to_a_server_either() {
    a_paused_host_writes_nothing(&Hosts::new(on_a_server));
}
