//! Ctrl-C: the first stops at the next safe point and says how to go on, the second stops at once.
#![cfg(target_os = "linux")]
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "kills/stage.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod stage;
#[path = "kills/work.rs"]
mod work;

use kfm_rollback::{Error, ExecuteRequest, OpenOptions, PlanRequest, PlanTarget, Platform, PublishFolder};
use stage::{SECOND, State, publish, run_to, state, status};
use work::{Worker, interrupted, until, waiting};

/// Interrupts a command while it waits out the grace, and goes on with the command that it then prints.
fn interrupted_and_resumed(root: &std::path::Path, words: &[&str], prior: &State, planned: &State) {
    let answer = interrupted(root, words);
    assert_eq!(answer["status"], "interrupted", "{answer:#}");
    let now = state(root);
    assert!(&now != prior && &now != planned, "it stopped between its steps");

    let next = answer["error"]["next"][0].as_str().unwrap();
    let words: Vec<&str> = next.split(' ').collect();
    assert_eq!((words[0], words[2]), ("kfm", "resume"), "{next}");
    run_to(root, &words[1..], 0);
    assert_eq!(&state(root), planned);
}

#[test]
fn the_first_ctrl_c_stops_at_a_safe_point_and_prints_the_command_that_resumes() {
    let root = stage::platform();
    let root = root.path();
    let rehearsal = stage::copy(root);
    run_to(rehearsal.path(), &publish("second", SECOND), 0);
    let (prior, planned) = (state(root), state(rehearsal.path()));
    interrupted_and_resumed(root, &publish("second", SECOND), &prior, &planned);
    let execute = ["rollback", "execute", "--publish-id", SECOND, "--reason", "it is wrong", "--yes"];
    interrupted_and_resumed(root, &execute, &planned, &prior);
    assert!(status(root).open.is_empty());
}

#[test]
fn what_is_stopped_before_anything_is_begun_leaves_nothing_behind() {
    let root = stage::platform();
    let root = root.path();
    run_to(root, &publish("second", SECOND), 0);
    let before = state(root);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = OpenOptions::new("anna");
        options.interrupt.request();
        let platform = Platform::open(root, options).await.unwrap();
        let execute = ExecuteRequest::new(PlanTarget::Publish(SECOND.into()), "it is wrong");
        let folder = PublishFolder::new(root.join("first"), "test".parse().unwrap());
        let stopped = [
            platform.execute(execute).await.unwrap_err(),
            platform.plan(PlanRequest::new(SECOND)).await.unwrap_err(),
            platform.publish_folder(folder).await.unwrap_err(),
        ];
        for error in stopped {
            assert!(matches!(error, Error::Stopped), "{error:?}");
            assert_eq!(error.kind(), "cancelled");
        }
    });
    assert_eq!(state(root), before);
    assert!(status(root).open.is_empty() && status(root).owed.is_empty());
    assert_eq!(json(root, &["plan", "list"])["plans"], serde_json::json!([]));
}

fn json(root: &std::path::Path, words: &[&str]) -> serde_json::Value {
    serde_json::from_slice(&run_to(root, &[words, &["--json"]].concat(), 0).stdout).unwrap()
}

#[test]
fn what_is_open_is_ended_without_an_id_and_every_screen_says_so() {
    let root = stage::platform();
    let root = root.path();
    interrupted(root, &publish("second", SECOND));
    for words in [&["publish", "list"][..], &["labels", "list"], &["ledger", "list"]] {
        let said = String::from_utf8(run_to(root, words, 0).stderr).unwrap();
        assert!(said.contains(&format!("open: {SECOND}")) && said.contains("kfm publish resume"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    // The open one is of another kind: its own command is named.
    let refused = run_to(root, &["rollback", "resume", "--json"], 6);
    let refused: serde_json::Value = serde_json::from_slice(&refused.stdout).unwrap();
    let next = format!("kfm publish resume --publish-id {SECOND}");
    assert_eq!(refused["error"]["next"][0], next, "{refused:#}");
    let done = json(root, &["publish", "resume", "--abort"]);
    assert_eq!((&done["status"], &done["resolved"]["id"]), (&"aborted".into(), &SECOND.into()), "{done:#}");
    let said = String::from_utf8(run_to(root, &["publish", "list"], 0).stderr).unwrap();
    assert!(said.is_empty(), "{said}");
}

#[test]
fn ctrl_c_ends_the_wait_for_another_operation() {
    let root = stage::platform();
    let root = root.path();
    let worker = waiting(root, &publish("second", SECOND), "anna");
    let waiting = Worker::begin(root, &["adopt", "--wait", "600"], "maria");
    waiting.until_it_listens();
    waiting.interrupt();
    let (code, answer) = waiting.ended();
    assert_eq!((code, &answer["error"]["kind"]), (Some(6), &"locked".into()), "{answer:#}");
    worker.kill();
}

#[test]
fn the_second_ctrl_c_stops_at_once_and_leaves_what_can_go_on() {
    let root = stage::platform();
    let root = root.path();
    // A file that never ends keeps the command from its next safe point.
    let labels = root.join("policy/labels.toml");
    let text = std::fs::read(&labels).unwrap();
    std::fs::remove_file(&labels).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&labels).status().unwrap().success());
    let mut worker = Worker::begin(root, &publish("second", SECOND), "anna");
    worker.until_it_listens();
    let lock = root.join(".kfm/lock");
    until(|| std::fs::read_to_string(&lock).is_ok_and(|holder| holder.contains("anna")));
    worker.interrupt();
    worker.until_it_says("stopping at the next safe point");
    worker.interrupt();
    let (code, answer) = worker.ended();
    assert_eq!(
        (code, &answer["error"]["kind"]),
        (Some(1), &"cancelled".into()),
        "nothing was begun: {answer:#}"
    );

    std::fs::remove_file(&labels).unwrap();
    std::fs::write(&labels, text).unwrap();
    run_to(root, &publish("second", SECOND), 0);
    assert_eq!(state(root).documents, stage::second_version());
}
