//! Holes that an attack from outside found: files that an answer is written to, a platform opened without one of its
//! stores, and rollbacks that take reverts back.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::os::unix::fs::symlink;

use support::two_publishes;

#[test]
fn a_plans_file_takes_the_place_of_nothing_but_an_older_plan() {
    let (sandbox, ..) = two_publishes();
    symlink(sandbox.path().join("kfm.toml"), sandbox.path().join("link.json")).unwrap();
    sandbox.write("notes.json", "{\"schema\":\"mine\"}");
    let segment = std::fs::read_dir(sandbox.path().join("wal")).unwrap();
    let mut segment = segment.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let segment = format!("wal/{}", segment.find(|name| name.ends_with(".kfw")).unwrap());
    let before = sandbox.state();
    for out in [
        "kfm.toml",
        &segment,
        "wal/new.json",
        "catalog/things/a.json",
        "catalog/new.json",
        "policy/labels.toml",
        ".kfm/lock",
        ".kfm/versions/new",
        "graph/cells.sqlite3",
        "data/processed/telemetry/new.json",
        "link.json",
        "notes.json",
        "nowhere/plan.json",
        "catalog/../catalog/new.json",
        "policy",
    ] {
        let refused = sandbox.json(2, &["rollback", "plan", "latest", "--out", out]);
        assert_eq!(refused["ok"], false, "{out}");
        assert_eq!(sandbox.state(), before, "{out}: nothing is written, made or recorded");
    }
    sandbox.json(0, &["rollback", "plan", "latest", "--out", "plan.json"]);
    sandbox.json(0, &["rollback", "plan", "latest", "--out", "plan.json"]);
    sandbox.json(2, &["principals", "add", "ada", "--role", "reviewer", "--key-out", "catalog/ada.key"]);
    assert!(!sandbox.path().join("catalog/ada.key").exists());
}

#[test]
fn a_platform_without_one_of_its_stores_may_be_looked_at_and_changes_nothing() {
    let (sandbox, ..) = two_publishes();
    let settings = sandbox.read("kfm.toml").unwrap();
    for store in ["graph", "search", "cache"] {
        let (head, rest) = settings.split_once(&format!("[stores.{store}]")).unwrap();
        let (_, rest) = rest.split_once("\n[").unwrap();
        sandbox.write("kfm.toml", &format!("{head}[{rest}"));
        let before = sandbox.state();
        for words in [
            &["rollback", "execute", "latest", "--reason", "x", "--yes"][..],
            &["publish", "--from", "one", "--pipeline", "p"],
            &["rollback", "plan", "latest"],
        ] {
            let refused = sandbox.json(2, words);
            let message = refused["error"]["message"].as_str().unwrap();
            assert!(message.contains(&format!("store={store}")), "{message}");
        }
        assert_eq!(sandbox.state(), before);
        sandbox.json(0, &["status"]);
        sandbox.json(0, &["publish", "list"]);
        sandbox.write("kfm.toml", &settings);
    }
    sandbox.json(0, &["rollback", "execute", "latest", "--reason", "x", "--yes"]);
}

#[test]
fn every_turn_of_a_rollback_has_its_manifest_and_can_be_verified() {
    let (sandbox, ..) = two_publishes();
    sandbox.json(0, &["rollback", "execute", "latest", "--reason", "x", "--yes"]);
    for turn in 1..=4 {
        let turned = sandbox.json(0, &["rollback", "revert", "latest", "--reason", "x", "--yes"]);
        assert!(turned["manifest"].is_string(), "turn {turn}: {turned:#}");
        let id = turned["rollback_id"].as_str().unwrap();
        assert_eq!(sandbox.json(0, &["verify", "--rollback-id", id])["ok"], true, "turn {turn}");
    }
}

#[test]
fn an_actor_with_characters_that_cannot_be_seen_is_refused() {
    let (sandbox, ..) = two_publishes();
    for actor in ["olga\u{200b}", "\u{202e}aglo", "ol\u{ad}ga"] {
        let refused = sandbox.json(2, &["--actor", actor, "rollback", "plan", "latest"]);
        assert!(refused["error"]["message"].as_str().unwrap().contains("cannot be seen"), "{refused:#}");
    }
    for actor in ["Żółć", "פועל", "olga müller"] {
        sandbox.json(0, &["--actor", actor, "rollback", "dry-run", "--publish-id", "latest"]);
    }
}
