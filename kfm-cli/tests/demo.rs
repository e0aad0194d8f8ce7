//! The README's first command: a bad publish and its rollback on a hundred real items.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use support::Sandbox;

#[test]
fn the_demo_rolls_a_bad_publish_back_and_says_so_from_digests() {
    let sandbox = Sandbox::empty();
    let run = sandbox.kfm(&["demo"]).exits(0);
    let text = &run.stdout;
    for command in [
        "init",
        "labels assign",
        "publish",
        "rollback plan",
        "rollback dry-run",
        "rollback execute",
        "verify",
        "status",
    ] {
        let printed = text.lines().any(|line| line.starts_with("$ kfm ") && line.contains(command));
        assert!(printed, "no {command} in\n{text}");
    }
    assert!(text.contains("Every store holds what it held before the bad publish, by digest"), "{text}");
    assert_eq!(text.matches("same as before").count(), 4, "{text}");
    assert!(text.contains("byte for byte what they were"));
    for place in ["rollback.kfmplan.json", ".kfm/manifests/rb_", "data/processed/telemetry", "wal"] {
        assert!(text.contains(&format!("kfm-demo/{place}")), "no {place} in\n{text}");
    }
    for entry in
        std::fs::read_dir(sandbox.path().join("kfm-demo/incoming/first/landsat-c2-l2/items")).unwrap()
    {
        let path = entry.unwrap().path();
        let served = path.to_str().unwrap().replace("incoming/first", "catalog");
        assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(served).unwrap());
    }
}

#[test]
fn the_demo_answers_with_one_object_and_its_commands_can_be_repeated() {
    let sandbox = Sandbox::empty();
    let answer = sandbox.json(0, &["demo", "show case"]);
    assert_eq!(answer["schema"], "kfm.demo/v1");
    assert_eq!((&answer["root"], &answer["verified"]), (&"show case".into(), &true.into()));
    let publishes = answer["publishes"].as_array().unwrap();
    assert_eq!(publishes.len(), 2);
    assert_eq!(publishes[1]["rolled_back_by"], answer["rollback_id"]);
    assert_eq!(publishes[1]["moves"], 82, "40 documents, 40 nodes, an alias and a namespace");
    for store in answer["stores"].as_array().unwrap() {
        assert_ne!(store["before"], store["with_defect"], "the defect is seen in {store}");
        assert_eq!(store["before"], store["after"]);
    }
    let root = ["--root", "show case"];
    assert_eq!(sandbox.json(0, &[&root[..], &["catalog", "check"]].concat())["documents"], 102);
    let revert = ["rollback", "revert", "--rollback-id", "latest", "--reason", "to see it again"];
    assert_eq!(sandbox.json(0, &[&root[..], &revert].concat())["status"], "completed");
}

#[test]
fn the_demo_refuses_a_folder_that_is_not_empty() {
    let sandbox = Sandbox::empty();
    sandbox.write("kfm-demo/mine.txt", "mine");
    let before = sandbox.files();
    assert!(sandbox.kfm(&["demo"]).exits(2).stderr.contains("not empty"));
    assert_eq!(sandbox.files(), before);
}
