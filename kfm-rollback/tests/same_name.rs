//! Two platforms on one log whose hosts and folders have the same names, as containers and cloned machines have:
//! neither takes the other for a process of its own that has died.
#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use kfm_retry::SystemClock;
use kfm_rollback::{Error, OpenOptions, Platform};
use kfm_wal::slots::{SlotLog, SlotOptions, slots_at};

/// One log, and the folder in which each of the platforms lies on its own host: only one of them at a time here.
struct Machines {
    folder: tempfile::TempDir,
}

impl Machines {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn data(&self) -> PathBuf {
        self.at("data")
    }

    fn log(&self) -> String {
        format!("object+file:{}", self.at("log").display())
    }

    async fn make(&self, root: &Path) {
        Platform::init(root).await.unwrap();
        let file = root.join("kfm.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let log = format!("\"{}\"\nlease_ms = 600000", self.log());
        std::fs::write(file, text.replace("\"file:wal\"", &log)).unwrap();
    }

    fn move_away(&self, name: &str) {
        std::fs::rename(self.data(), self.at(name)).unwrap();
    }

    fn move_in(&self, name: &str) {
        std::fs::rename(self.at(name), self.data()).unwrap();
    }

    async fn open(&self) -> Platform {
        let options = OpenOptions { host: "worker".into(), ..OpenOptions::new("ingest") };
        Platform::open(self.data(), options).await.unwrap()
    }

    async fn refused(&self) {
        let second = self.open().await;
        let refused = second.begin_publish("ingest".parse().unwrap()).await.unwrap_err();
        assert!(matches!(refused, Error::Locked { .. }), "{refused}");
        let running = second.status().await.unwrap().running;
        assert!(running.is_some(), "it names the process at work");
    }
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

#[tokio::test]
async fn another_platform_with_the_same_host_name_and_path_waits_for_the_lease() {
    let machines = Machines::new();
    machines.make(&machines.data()).await;
    let first = machines.open().await;
    let publish = first.begin_publish("ingest".parse().unwrap()).await.unwrap();
    machines.move_away("first");
    machines.make(&machines.data()).await;
    machines.refused().await;

    drop(publish);
    first.leave().await;
    machines.open().await.begin_publish("ingest".parse().unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_copy_of_a_platform_waits_for_the_lease_too() {
    let machines = Machines::new();
    machines.make(&machines.data()).await;
    let first = machines.open().await;
    drop(first.begin_publish("ingest".parse().unwrap()).await.unwrap());
    first.leave().await;
    copy(&machines.data(), &machines.at("copy"));
    let publish = first.begin_publish("ingest".parse().unwrap()).await.unwrap();
    machines.move_away("first");
    machines.move_in("copy");
    machines.refused().await;
    drop(publish);
    first.leave().await;
}

#[tokio::test]
async fn a_claim_from_before_platforms_had_an_id_is_waited_for() {
    let machines = Machines::new();
    machines.make(&machines.data()).await;
    let slots = slots_at(&machines.log(), machines.folder.path(), &[], Arc::new(SystemClock)).unwrap();
    let (log, _) = SlotLog::open(slots, SlotOptions::new(Arc::new(SystemClock))).await.unwrap();
    let old = serde_json::json!({
        "actor": "ingest", "host": "worker", "pid": 1, "doing": "publish", "since": "2026-01-01T00:00:00Z",
        "platform": machines.data(),
    });
    log.claim(&old.to_string(), Duration::from_secs(600), Duration::ZERO).await.unwrap();
    machines.refused().await;
}
