//! A platform whose log is kept in a store of the program's own: the one of `custom_wal_store.rs`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::sync::Arc;

use kfm_rollback::{Error, ExecuteRequest, LabelAssign, OpenOptions, PlanTarget, Platform};
use kfm_wal::WalStore;

#[path = "../examples/custom_wal_store.rs"]
#[allow(dead_code, unreachable_pub, reason = "the example's main is not called here")]
mod custom_wal_store;
use custom_wal_store::TextLog;

async fn open(root: &Path, log: Option<&Path>) -> Platform {
    let platform = Platform::open(root, OpenOptions::new("ops")).await.unwrap();
    match log {
        Some(log) => platform.with_log(Arc::new(TextLog::open(log).unwrap())),
        None => platform,
    }
}

async fn put(platform: &Platform, title: &str) -> String {
    let item =
        format!(r#"{{"type": "Feature", "id": "a", "properties": {{"title": "{title}"}}, "links": []}}"#);
    let mut publish = platform.begin_publish("own_log".parse().unwrap()).await.unwrap();
    publish.put("a.json", item.into_bytes()).unwrap();
    publish.complete().await.unwrap().publish_id.unwrap().to_string()
}

/// A platform that is not begun yet, whose settings leave the log to a program.
async fn platform(root: &Path) {
    Platform::init(root).await.unwrap();
    let text = std::fs::read_to_string(root.join("kfm.toml")).unwrap();
    std::fs::write(root.join("kfm.toml"), text.replace("\"file:wal\"", "\"own:text\"")).unwrap();
}

fn all_public() -> LabelAssign {
    LabelAssign {
        entity: None,
        under: Some(String::new()),
        care: "public".into(),
        authority: "FAIR+CARE Council".into(),
        reason: "open data".into(),
        review_by: "2099-12-31".into(),
        heritage: false,
        even_if_nothing: true,
    }
}

#[tokio::test]
async fn a_platform_publishes_rolls_back_and_remembers_on_a_log_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (root, log) = (folder.path().join("platform"), folder.path().join("log.txt"));
    platform(&root).await;
    let ops = open(&root, Some(&log)).await;
    ops.label_assign(all_public()).await.unwrap();
    let document = || std::fs::read(root.join("catalog/a.json")).unwrap();
    put(&ops, "first").await;
    let first = document();
    let second = put(&ops, "second").await;
    assert_ne!(document(), first);

    // Another process: nothing is known but what the file has.
    let again = open(&root, Some(&log)).await;
    assert_eq!(again.publishes().await.unwrap().publishes.len(), 2);
    let target = PlanTarget::Publish(second);
    let done = again.execute(ExecuteRequest::new(target, "it was wrong")).await.unwrap();
    assert_eq!(document(), first);
    assert!(again.verify(done.rollback_id.unwrap().as_str()).await.unwrap().ok);
    assert!(again.wal_verify().await.unwrap().ok);
    let mut lines = 0;
    again.wal_export(|_| lines += 1).await.unwrap();
    assert!(lines > 10, "{lines}");
    assert!(
        TextLog::open(&log).unwrap().head().await.unwrap().epoch > 3,
        "each writer fenced those before it"
    );
    assert!(matches!(again.wal_inspect().await, Err(Error::Log(_))));
}

#[tokio::test]
async fn a_program_without_the_log_does_nothing_and_one_with_an_empty_log_does_not_begin_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (root, log) = (folder.path().join("platform"), folder.path().join("log.txt"));
    platform(&root).await;
    let ops = open(&root, Some(&log)).await;
    ops.label_assign(all_public()).await.unwrap();
    put(&ops, "first").await;

    let without = open(&root, None).await.status().await.unwrap_err();
    assert!(matches!(&without, Error::Invalid { .. }), "{without}");
    assert!(without.to_string().contains("gave none: url=own:text"), "{without}");
    let empty = open(&root, Some(&folder.path().join("other.txt"))).await.status().await.unwrap_err();
    assert!(matches!(&empty, Error::Incomplete { .. }), "{empty}");

    let text = std::fs::read_to_string(root.join("kfm.toml")).unwrap();
    std::fs::write(root.join("kfm.toml"), text.replace("\"own:text\"", "\"file:wal\"")).unwrap();
    let other = open(&root, Some(&log)).await.status().await.unwrap_err();
    assert!(other.to_string().contains("kfm.toml names another one: url=file:wal"), "{other}");
}
