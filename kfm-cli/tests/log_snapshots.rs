//! Snapshots of the log as the command meets them: kept on the way, killed on the way, damaged, never in the way.
#![cfg(unix)]
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::disallowed_methods, reason = "it waits for another process, in real time")]

#[cfg(target_os = "linux")]
#[path = "support/faults.rs"]
mod faults;
mod support;
#[path = "../../kfm-rollback/tests/support/tree.rs"]
mod tree;

use std::path::PathBuf;
use std::sync::Arc;

use kfm_retry::SystemClock;
use kfm_wal::record::{Record, RefusalRecord};
use kfm_wal::{LocalLog, LocalOptions, Wal};
use support::Sandbox;
use tree::everything;

/// How many refusals the log has: enough for a snapshot that takes a while.
const RECORDS: usize = 10_000;

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}

/// A platform with a long log, which has no snapshot yet.
fn platform() -> Sandbox {
    let sandbox = Sandbox::platform();
    let (log, _) =
        LocalLog::open(sandbox.path().join("wal"), LocalOptions::new(Arc::new(SystemClock))).unwrap();
    let wal = run(Wal::open(Arc::new(log), Arc::new(SystemClock))).unwrap();
    let refusal = |n: usize| {
        Record::Refusal(RefusalRecord {
            policy_snapshot_ref: None,
            operation: "publish".to_owned(),
            at: "2025-11-15T00:02:00Z".parse().unwrap(),
            requested_by: "ana".to_owned(),
            subject: None,
            plan_id: None,
            status: "denied".to_owned(),
            kind: "policy".to_owned(),
            message: n.to_string(),
        })
    };
    run(wal.append_all((0..RECORDS).map(refusal).collect())).unwrap();
    sandbox
}

fn folder(sandbox: &Sandbox) -> PathBuf {
    sandbox.path().join(".kfm/snapshots")
}

fn files(sandbox: &Sandbox) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder(sandbox)) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// The words of a command that writes.
fn label(under: &str) -> Vec<&str> {
    let words = ["labels", "assign", "--under", under, "--care", "public", "--authority", "Council"];
    [&words[..], &["--reason", "open data", "--review-by", "2099-12-31"]].concat()
}

#[test]
fn commands_that_read_or_rehearse_keep_none() {
    let sandbox = platform();
    std::fs::create_dir(sandbox.path().join("first")).unwrap();
    std::fs::write(sandbox.path().join("first/a.json"), r#"{"id": "a"}"#).unwrap();
    let before = everything(sandbox.path());
    sandbox.kfm(&["status"]).exits(0);
    sandbox.kfm(&["labels", "list"]).exits(0);
    sandbox.kfm(&["publish", "--from", "first", "--pipeline", "test", "--dry-run"]).exits(0);
    sandbox.kfm(&["doctor"]).exits(0);
    sandbox.kfm(&["wal", "verify"]).exits(0);
    assert!(before == everything(sandbox.path()), "one of them wrote something");
}

#[test]
fn a_damaged_snapshot_is_told_by_doctor_and_changes_no_answer() {
    let sandbox = platform();
    sandbox.kfm(&label("first")).exits(0);
    // The index, the history with its cells, the facts of documents, and what these are found by.
    assert_eq!(files(&sandbox).len(), 5);
    let labels = sandbox.json(0, &["labels", "list"]);
    assert_eq!(sandbox.json(0, &["doctor"])["findings"], serde_json::json!([]));
    for file in files(&sandbox) {
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).unwrap();
    }
    // This one comes upon the page of the index that is damaged, removes the index, and reads the log.
    assert_eq!(sandbox.json(0, &["labels", "list"]), labels);
    assert_eq!(files(&sandbox).len(), 4);
    let findings = sandbox.json(0, &["doctor"])["findings"].clone();
    assert_eq!(findings.as_array().unwrap().len(), 4, "{findings}");
    std::fs::remove_dir_all(folder(&sandbox)).unwrap();
    assert_eq!(sandbox.json(0, &["labels", "list"]), labels);
}

#[cfg(target_os = "linux")]
#[test]
fn a_command_that_is_killed_while_it_keeps_one_leaves_nothing_in_the_way() {
    let sandbox = platform();
    let (kept, calls) = faults::traced(&mut sandbox.command(&label("kept")), sandbox.path());
    assert!(kept.status.success());
    let name = folder(&sandbox);
    let name = name.strip_prefix(sandbox.path()).unwrap().to_str().unwrap().to_owned();
    let last = calls.iter().rposition(|call| call.contains(&name)).unwrap();
    let of_snapshots = calls[..=last].iter().enumerate().filter(|(_, call)| call.contains(&name));
    let mut unfinished = 0;
    for (n, call) in of_snapshots {
        let _ = std::fs::remove_dir_all(folder(&sandbox));
        let under = format!("killed-{n}");
        let words = label(&under);
        unfinished +=
            u64::from(faults::killed_before(&mut sandbox.command(&words), sandbox.path(), n as u64 + 1));

        sandbox.kfm(&["status"]).exits(0);
        sandbox.kfm(&label(&under)).exits(0);
        sandbox.kfm(&["wal", "verify"]).exits(0);
        sandbox.kfm(&["status"]).exits(0);
        let is_whole = |file: &PathBuf| file.extension().is_some_and(|end| end == "jsonl" || end == "table");
        assert!(files(&sandbox).iter().all(is_whole), "{call}");
        assert_eq!(sandbox.json(0, &["doctor"])["findings"], serde_json::json!([]));
    }
    assert!(unfinished > 4, "killed {unfinished} times on the way");
}
