//! Every outcome is in the ledger, refusals and labels included (R6, R92).

use kfm_lineage::Status;
use kfm_rollback::report::CheckLine;
use kfm_rollback::{Error, ExecuteRequest, PlanTarget};
use kfm_telemetry::LedgerEntry;
use kfm_telemetry::ledger::EntryKind;

use crate::small::{item, open_stopping_at, put, roll_back, try_put};
use crate::support::{World, documents_below};

async fn entries(world: &World) -> Vec<LedgerEntry> {
    let stored = world.open().await.ledger_entries().await.unwrap();
    stored.into_iter().map(|stored| stored.entry).collect()
}

/// The type and the id of every entry that was refused.
async fn refused(world: &World) -> Vec<(EntryKind, String)> {
    let refused = entries(world).await.into_iter().filter(|entry| entry.status == Status::Refused);
    let id = |entry: &LedgerEntry| match (&entry.ids.rollback_id, &entry.ids.publish_id) {
        (Some(id), _) => id.to_string(),
        (None, Some(id)) => id.to_string(),
        (None, None) => "-".to_owned(),
    };
    refused.map(|entry| (entry.operation_type, id(&entry))).collect()
}

#[tokio::test]
async fn a_revert_that_its_own_checks_refuse_is_in_the_ledger() {
    let world = World::new().await;
    let publish = put(&world, &[("a.json", Some(item("a")))]).await;
    let first = world.open().await.execute(roll_back(&publish)).await.unwrap().rollback_id.unwrap();
    world.open().await.revert(first.as_str(), "it was right").await.unwrap();
    world.open().await.execute(roll_back(&publish)).await.unwrap();

    let again = ExecuteRequest::new(PlanTarget::Revert(first.to_string()), "it was right");
    for error in [
        world.open().await.revert(first.as_str(), "it was right").await.unwrap_err(),
        world.open().await.execute(again).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), "conflict", "{error}");
    }
    world.open().await.plan_revert(first.as_str(), None).await.unwrap_err();
    let first = first.to_string();
    assert_eq!(
        refused(&world).await,
        [
            (EntryKind::Revert, first.clone()),
            (EntryKind::Revert, first.clone()),
            // Planned or executed, it is the revert that is refused.
            (EntryKind::Revert, first),
        ]
    );
}

#[tokio::test]
async fn adoption_reconciliation_and_resumption_that_are_refused_are_in_the_ledger() {
    let world = World::new().await;
    let publish = put(&world, &[("a.json", Some(item("a")))]).await;
    world.open().await.publish_resume(&publish, false).await.unwrap_err();
    let rolled_back = world.open().await.execute(roll_back(&publish)).await.unwrap().rollback_id.unwrap();
    world.open().await.rollback_resume(rolled_back.as_str(), true, Vec::new()).await.unwrap_err();
    try_put(&open_stopping_at(&world, "derive").await, &[("b.json", Some(item("b")))]).await.unwrap_err();
    std::fs::write(world.catalog().join("c.json"), item("c").to_string()).unwrap();
    world.open().await.adopt(None, None).await.unwrap_err();
    world.open().await.reconcile(true).await.unwrap_err();
    assert_eq!(
        refused(&world).await,
        [
            (EntryKind::Publish, publish),
            (EntryKind::Rollback, rolled_back.to_string()),
            (EntryKind::Adopt, "-".to_owned()),
            (EntryKind::Reconcile, "-".to_owned()),
        ]
    );
    let listed = world.open().await.reconcile(false).await.unwrap();
    assert_eq!(listed.foreign.total, 1);
    assert_eq!(refused(&world).await.len(), 4, "a command that only looks is not refused");
}

/// Labels everything by hand, so that no command has brought the label into force yet.
fn label_by_hand(world: &World, care: &str) {
    let text = format!(
        "[[label]]\nunder = \"\"\ncare = \"{care}\"\nauthority = \"Council\"\nreason = \"{care} data\"\n\
         review_by = \"2030-06-30\"\n"
    );
    std::fs::write(world.root().join("policy/labels.toml"), text).unwrap();
}

#[tokio::test]
async fn a_label_that_comes_into_force_by_an_opening_is_in_the_ledger_once() {
    let world = World::unlabelled().await;
    label_by_hand(&world, "public");
    put(&world, &[("a.json", Some(item("a")))]).await;
    put(&world, &[("b.json", Some(item("b")))]).await;
    let labels: Vec<LedgerEntry> =
        entries(&world).await.into_iter().filter(|entry| entry.operation_type == EntryKind::Label).collect();
    assert_eq!(labels.len(), 1, "{labels:#?}");
    assert_eq!(labels[0].status, Status::Completed);
    assert_eq!(labels[0].reason.as_ref().map(ToString::to_string), Some("public data".into()));
    assert_eq!(entries(&world).await[0].operation_type, EntryKind::Label, "before what it was opened for");
}

#[tokio::test]
async fn a_label_protects_though_the_ledger_is_out_of_reach_and_is_entered_once_it_is_back() {
    let world = World::unlabelled().await;
    label_by_hand(&world, "public");
    let ledger = world.open().await.ledger_dir();
    std::fs::write(&ledger, "no folder").unwrap();
    let held = try_put(&world.open().await, &[("a.json", Some(item("a")))]).await.unwrap_err();
    let Error::Unfinished { operation, held_reason, .. } = &held else { panic!("{held:?}") };
    assert_eq!(held_reason.as_deref(), Some("record_pending"));
    assert!(world.open().await.labels().await.unwrap().labels.iter().all(|label| label.in_force));
    std::fs::remove_file(&ledger).unwrap();

    world.open().await.publish_resume(operation.as_str(), false).await.unwrap();
    let types: Vec<_> = entries(&world).await.into_iter().map(|entry| entry.operation_type).collect();
    assert_eq!(types, [EntryKind::Label, EntryKind::Publish]);
    assert!(world.open().await.status().await.unwrap().owed.is_empty());
}

fn failed(checks: Vec<CheckLine>) -> Vec<String> {
    checks.into_iter().filter(|check| !check.ok).map(|check| check.name).collect()
}

/// Puts a folder back as it was.
fn restore(from: &std::path::Path, to: &std::path::Path) {
    std::fs::remove_dir_all(to).unwrap();
    for (path, bytes) in documents_below(from) {
        std::fs::create_dir_all(to.join(&path).parent().unwrap()).unwrap();
        std::fs::write(to.join(path), bytes).unwrap();
    }
}

#[tokio::test]
async fn verifying_the_ledger_finds_that_it_and_the_log_are_not_of_one_backup() {
    let world = World::new().await;
    put(&world, &[("a.json", Some(item("a")))]).await;
    let kept = tempfile::tempdir().unwrap();
    let platform = world.open().await;
    let folders = [(platform.ledger_dir(), "ledger"), (platform.wal_dir(), "wal")];
    let keep = |suffix: &str| {
        for (folder, name) in &folders {
            let to = kept.path().join(format!("{name}{suffix}"));
            std::fs::create_dir_all(&to).unwrap();
            restore(folder, &to);
        }
    };
    keep("-old");
    put(&world, &[("a.json", Some(item("a2")))]).await;
    keep("-new");
    let verified = async || world.open().await.ledger_verify().await.unwrap();
    let report = verified().await;
    assert!(report.ledger.ok && report.checks.len() == 4, "{report:#?}");

    restore(&kept.path().join("ledger-old"), &folders[0].0);
    let report = verified().await;
    assert!(!report.ledger.ok && report.ledger.chain.ok, "{report:#?}");
    assert_eq!(failed(report.checks), ["every operation in the ledger", "every entry as recorded"]);

    restore(&kept.path().join("ledger-new"), &folders[0].0);
    restore(&kept.path().join("wal-old"), &folders[1].0);
    assert_eq!(failed(verified().await.checks), ["every ledger entry in the log", "every entry as recorded"]);

    restore(&kept.path().join("wal-new"), &folders[1].0);
    assert!(verified().await.ledger.ok);
    std::fs::remove_dir_all(&folders[1].0).unwrap();
    assert_eq!(failed(verified().await.checks), ["log"]);
}

#[tokio::test]
async fn an_operation_is_recorded_under_the_release_that_opened_it() {
    let world = World::new().await;
    let settings = world.root().join("kfm.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, format!("{text}\n[release]\nsbom_ref = \"sbom.json\"\n")).unwrap();
    let sbom = world.root().join("sbom.json");
    let digest = |text: &str| Some(kfm_lineage::Digest::of_bytes(text.as_bytes()));

    std::fs::write(&sbom, "first").unwrap();
    let opened = try_put(&open_stopping_at(&world, "derive").await, &[("a.json", Some(item("a")))]).await;
    let Error::Unfinished { operation: publish, .. } = opened.unwrap_err() else { panic!("it was stopped") };
    std::fs::write(&sbom, "second").unwrap();
    world.open().await.publish_resume(publish.as_str(), false).await.unwrap();
    let opened = open_stopping_at(&world, "derive").await.execute(roll_back(publish.as_str())).await;
    let Error::Unfinished { operation: rollback, .. } = opened.unwrap_err() else { panic!("it was stopped") };
    std::fs::write(&sbom, "third").unwrap();
    let done = world.open().await.rollback_resume(rollback.as_str(), false, Vec::new()).await.unwrap();

    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(done.manifest.unwrap()).unwrap()).unwrap();
    assert_eq!(manifest["sbom_ref"]["digest"], digest("second").unwrap().to_string());
    let recorded: Vec<_> = entries(&world).await.into_iter().filter_map(|entry| entry.sbom_ref).collect();
    let digests: Vec<_> = recorded.into_iter().map(|reference| reference.digest).collect();
    assert_eq!(digests, [digest("first"), digest("second")]);
}
