//! Several processes at one platform at the same time: one works, the others are refused or wait.
#![cfg(unix)]
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "kills/stage.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod stage;
#[path = "kills/work.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod work;

use std::path::Path;

use serde_json::Value;
use stage::{FIRST, SECOND, publish, run_to, second_version, state};
use work::{Worker, set_grace, waiting};

fn json(root: &Path, words: &[&str], code: i32) -> Value {
    serde_json::from_slice(&run_to(root, &[words, &["--json"]].concat(), code).stdout).unwrap()
}

#[test]
fn a_second_process_is_told_who_works_and_the_lock_dies_with_its_holder() {
    let root = stage::platform();
    let root = root.path();
    let worker = waiting(root, &publish("second", SECOND), "anna");

    let refused = json(root, &["rollback", "plan", "--publish-id", FIRST], 6);
    assert_eq!((&refused["error"]["kind"], &refused["status"]), (&"locked".into(), &"refused".into()));
    let holder = refused["holder"].as_str().unwrap();
    for word in ["publish", "anna", "host=", &format!("pid={}", worker.pid())] {
        assert!(holder.contains(word), "no {word} in {holder}");
    }
    let status = json(root, &["status"], 7);
    assert_eq!((&status["open"][0]["id"], &status["open"][0]["status"]), (&SECOND.into(), &"running".into()));
    let running = &status["running"];
    assert_eq!((&running["operation"], &running["requested_by"]), (&SECOND.into(), &"anna".into()));
    assert_eq!(running["pid"], worker.pid());

    worker.kill();
    let status = json(root, &["status"], 7);
    assert_eq!((&status["open"][0]["status"], status.get("running")), (&"interrupted".into(), None));
    set_grace(root, 0);
    let resumed = json(root, &["publish", "resume", "--publish-id", SECOND], 0);
    assert_eq!(resumed["status"], "completed");
    assert_eq!(state(root).documents, second_version());
}

#[test]
fn status_names_who_is_at_work_and_has_opened_nothing_yet() {
    let root = stage::platform();
    let root = root.path();
    stage::ask(root, async |platform| {
        let publish = platform.begin_publish("slow_ingest".parse().unwrap()).await.unwrap();
        let status = json(root, &["status"], 0);
        let running = &status["running"];
        assert_eq!(
            (&running["doing"], &running["requested_by"], running.get("operation")),
            (&"publish slow_ingest".into(), &"tester".into(), None),
            "{status:#}"
        );
        assert_eq!(status["open"], serde_json::json!([]));
        let screen = String::from_utf8(run_to(root, &["status"], 0).stdout).unwrap();
        assert!(screen.contains("publish slow_ingest by tester since"), "{screen}");
        assert!(screen.contains("it has not opened an operation yet"), "{screen}");
        drop(publish);
    });
    assert_eq!(json(root, &["status"], 0).get("running"), None);
}

#[test]
fn a_second_process_waits_if_it_is_asked_to_and_nothing_is_lost() {
    let root = stage::platform();
    let root = root.path();
    set_grace(root, 1_000);
    let mut worker = Worker::begin(root, &publish("second", SECOND), "anna");
    worker.until_it_says("contract");
    stage::write(&root.join("third"), &[("third.json".to_owned(), b"{}".to_vec())].into());
    let words = ["publish", "--from", "third", "--pipeline", "test", "--wait", "600"];
    assert_eq!(json(root, &words, 0)["status"], "completed");
    assert_eq!(worker.ended().0, Some(0));
    let mut expected = second_version();
    expected.insert("third.json".to_owned(), b"{}".to_vec());
    assert_eq!(state(root).documents, expected);
}

#[test]
fn of_many_processes_at_once_each_has_its_turn() {
    const PROCESSES: usize = 6;
    let root = stage::platform();
    let root = root.path();
    let mut expected = state(root).documents;
    let mut workers = Vec::new();
    for number in 0..PROCESSES {
        let (from, name) = (format!("from-{number}"), format!("{number}.json"));
        stage::write(&root.join(&from), &[(name.clone(), b"{}".to_vec())].into());
        expected.insert(name, b"{}".to_vec());
        let words = ["publish", "--from", &from, "--pipeline", "test", "--wait", "600"];
        workers.push(Worker::begin(root, &words, "anna"));
    }
    let mut ids = std::collections::BTreeSet::new();
    for worker in workers {
        let (code, answer) = worker.ended();
        assert_eq!(code, Some(0), "{answer:#}");
        ids.insert(answer["publish_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), PROCESSES, "two publishes have one id");
    assert_eq!(state(root).documents, expected);
    assert_eq!(json(root, &["publish", "list"], 0)["publishes"].as_array().unwrap().len(), 1 + PROCESSES);
    run_to(root, &["wal", "verify"], 0);
    run_to(root, &["ledger", "verify"], 0);
}

#[test]
fn an_operation_that_ends_while_somebody_looks_is_never_called_interrupted() {
    let root = stage::platform();
    let root = root.path();
    let documents = |round: usize| {
        let text = format!(r#"{{"type": "Catalog", "id": "r", "title": "{round}", "links": []}}"#);
        [("round.json".to_owned(), text.into_bytes())].into()
    };
    let looks = std::thread::scope(|scope| {
        let publishing = scope.spawn(|| {
            for round in 0..12 {
                stage::write(&root.join("rounds"), &documents(round));
                run_to(root, &["publish", "--from", "rounds", "--pipeline", "round"], 0);
            }
        });
        let mut looks = Vec::new();
        while !publishing.is_finished() {
            let output = stage::command(root, &["status", "--json"]).output().unwrap();
            let status: Value = serde_json::from_slice(&output.stdout).unwrap();
            looks.extend(status["open"].as_array().unwrap().iter().map(|open| open["status"].clone()));
        }
        publishing.join().unwrap();
        looks
    });
    assert!(looks.iter().all(|status| status == "running"), "{looks:?}");
}
