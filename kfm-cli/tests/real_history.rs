//! The real history through the command: 58 publishes, the bad one rolled back and made again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};

use serde_json::Value;
use support::Sandbox;

const BAD: &str = "stac/collections/elevation.json";

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testing/data/kfm-stac-history")
}

fn publishes() -> Vec<Value> {
    let text = std::fs::read_to_string(data().join("publishes.ndjson")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Lays the documents of one publish into the folder `incoming`.
fn lay(sandbox: &Sandbox, publish: &Value) {
    for change in publish["changes"].as_array().unwrap() {
        let path = sandbox.path().join("incoming").join(change["path"].as_str().unwrap());
        if change["op"] == "delete" {
            std::fs::remove_file(path).unwrap();
            continue;
        }
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::copy(data().join("blobs").join(change["sha256"].as_str().unwrap()), path).unwrap();
    }
}

fn counts(sandbox: &Sandbox) -> [u64; 5] {
    let check = sandbox.json(1, &["catalog", "check"]);
    ["broken_links", "orphan_count", "duplicate_ids", "wrong_self_links", "not_json"]
        .map(|key| check[key].as_u64().unwrap())
}

#[test]
fn the_bad_publish_of_the_real_history_is_rolled_back_and_made_again_by_the_command() {
    let sandbox = Sandbox::platform();
    let history = publishes();
    let publish = ["publish", "--from", "incoming", "--pipeline", "ingest", "--mirror"];
    let mut ids = Vec::new();
    for (n, step) in history.iter().enumerate() {
        lay(&sandbox, step);
        let report = sandbox.json(0, &publish);
        assert_eq!(report["status"], "completed", "publish {}", n + 1);
        ids.push(report["publish_id"].as_str().unwrap().to_owned());
        if n == 56 {
            assert_eq!(counts(&sandbox), [45, 22, 1, 4, 1]);
        }
    }
    assert_eq!(counts(&sandbox), [45, 22, 2, 5, 1]);
    let bytes = || std::fs::read(sandbox.path().join("catalog").join(BAD)).unwrap();
    let of = |seq: usize| {
        let digest = history[seq - 1]["changes"][0]["sha256"].as_str().unwrap();
        std::fs::read(data().join("blobs").join(digest)).unwrap()
    };
    let bad = ids.last().unwrap();

    let plan = sandbox.json(0, &["rollback", "plan", "--publish-id", bad]);
    let again = sandbox.json(0, &["rollback", "plan", "--publish-id", bad]);
    assert_eq!(plan["content_id"], again["content_id"]);
    assert_eq!(plan["steps"]["by_domain"]["stac"], 1);

    let execute = ["rollback", "execute", "--publish-id", bad, "--reason", "overwritten", "--yes"];
    let done = sandbox.json(0, &execute);
    assert_eq!((done["status"].as_str(), bytes() == of(40)), (Some("completed"), true));
    assert_eq!(counts(&sandbox), [45, 22, 1, 4, 1]);
    assert_eq!(sandbox.json(0, &execute)["applied"]["total"], 0);
    let rollback = done["rollback_id"].as_str().unwrap();
    assert_eq!(sandbox.json(0, &["verify", "--rollback-id", rollback])["ok"], true);

    // The bad version is under a looser licence.
    let revert = ["rollback", "revert", "--rollback-id", rollback, "--reason", "it was right", "--yes"];
    let refused = sandbox.json(5, &revert);
    let plan = refused["plan_id"].as_str().unwrap();
    sandbox.json(0, &["principals", "add", "maria", "--role", "reviewer", "--key-out", "maria.key"]);
    sandbox.json(0, &["approve", plan, "--as", "maria", "--role", "reviewer", "--key", "maria.key"]);
    sandbox.json(0, &["rollback", "execute", "--plan", plan, "--reason", "it was right", "--yes"]);
    assert!(bytes() == of(58));
}
