//! One id, one use: what becomes of a publish that is begun again under its id (`docs/states.md` section 3).

use std::path::Path;

use kfm_lineage::PublishId;
use kfm_policy::Remedy;
use kfm_rollback::report::{PublishReport, Status};
use kfm_rollback::{Error, Platform, PublishFolder};

use crate::acts::{roll_back, seen};
use crate::small::{item, path, put, said, titles};
use crate::support::World;

const ID: &str = "pub_2025_11_14T06_00_00Z_daily";

/// Publishes a folder under the id, which is mirrored.
async fn publish(platform: Platform, from: &Path, dry_run: bool) -> Result<PublishReport, Error> {
    let request = PublishFolder {
        mirror: true,
        dry_run,
        publish_id: Some(PublishId::parse(ID).unwrap()),
        ..PublishFolder::new(from, "daily".parse().unwrap())
    };
    platform.publish_folder(request).await
}

fn lay(folder: &Path, items: &[(&str, &str)]) {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder.join("items")).unwrap();
    for (id, title) in items {
        std::fs::write(folder.join(path(id)), item(id, title).to_string()).unwrap();
    }
}

/// A platform with `a`, `b` and `c`, and a folder that changes, retires and adds.
async fn scene() -> (World, tempfile::TempDir) {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let first = ["a", "b", "c"].map(|id| (id, Some(item(id, "first"))));
    put(&world, &first).await;
    lay(&folder.path().join("in"), &PLANNED);
    (world, folder)
}

const PLANNED: [(&str, &str); 3] = [("a", "second"), ("c", "first"), ("d", "second")];

/// Asserts that the id is refused, that the error says how to go on, and that nothing changes.
async fn assert_taken(world: &World, from: &Path, status: &str) {
    let before = seen(&world.open().await).await;
    for dry_run in [true, false] {
        let refused = publish(world.open().await, from, dry_run).await.unwrap_err();
        let Error::Conflict { message, next, .. } = &refused else { panic!("{refused}") };
        assert!(message.contains(ID) && message.ends_with(status), "{message}");
        let is_open = ["interrupted", "held"].contains(&status);
        assert_eq!(Remedy::are_both_ways(next), is_open, "{next:?}");
    }
    assert_eq!(seen(&world.open().await).await, before);
}

#[tokio::test]
async fn an_open_publish_of_the_same_content_is_resumed() {
    let (world, folder) = scene().await;
    let from = folder.path().join("in");
    let stopped = publish(world.open_stopping().await, &from, false).await.unwrap_err();
    assert!(matches!(stopped, Error::Unfinished { status: Status::Interrupted, .. }), "{stopped}");
    assert_ne!(titles(&world), said(&PLANNED), "it stopped between its steps");

    let rehearsed = publish(world.open().await, &from, true).await.unwrap();
    let report = publish(world.open().await, &from, false).await.unwrap();
    for report in [&rehearsed, &report] {
        assert_eq!((report.added, report.changed, report.retired, report.unchanged), (1, 1, 1, 1));
    }
    assert_eq!((rehearsed.status, rehearsed.steps), (Status::DryRun, report.steps));
    assert_eq!((report.status, report.publish_id.unwrap().as_str()), (Status::Completed, ID));
    assert_eq!(titles(&world), said(&PLANNED));
    assert!(world.open().await.status().await.unwrap().open.is_empty());
    let publishes = world.open().await.publishes().await.unwrap().publishes;
    assert_eq!(publishes.len(), 2, "it is one publish: {publishes:#?}");
}

#[tokio::test]
async fn an_open_publish_is_not_resumed_by_other_content() {
    let (world, folder) = scene().await;
    let from = folder.path().join("in");
    publish(world.open_stopping().await, &from, false).await.unwrap_err();
    let others: [&[(&str, &str)]; 3] = [
        &[("a", "third"), ("c", "first"), ("d", "second")],
        &[("a", "second"), ("c", "first")],
        &[("a", "second"), ("b", "first"), ("c", "first"), ("d", "second")],
    ];
    for other in others {
        lay(&from, other);
        assert_taken(&world, &from, "interrupted").await;
    }
}

#[tokio::test]
async fn a_publish_that_has_begun_to_go_back_is_not_resumed_by_publishing_again() {
    let (world, folder) = scene().await;
    let from = folder.path().join("in");
    publish(world.open_stopping().await, &from, false).await.unwrap_err();
    // The abort is held at its end, since its records cannot be written.
    let (telemetry, aside) = (world.root().join("data/processed/telemetry"), world.root().join("aside"));
    std::fs::rename(&telemetry, &aside).unwrap();
    std::fs::write(&telemetry, "no folder").unwrap();
    world.open().await.publish_resume(ID, true).await.unwrap_err();
    std::fs::remove_file(&telemetry).unwrap();
    std::fs::rename(&aside, &telemetry).unwrap();
    assert_taken(&world, &from, "held").await;
    world.open().await.publish_resume(ID, false).await.unwrap();
    assert_taken(&world, &from, "aborted").await;
}

#[tokio::test]
async fn a_completed_publish_is_not_made_again_over_what_came_later() {
    let (world, folder) = scene().await;
    let from = folder.path().join("in");
    publish(world.open().await, &from, false).await.unwrap();
    put(&world, &[("a", Some(item("a", "third")))]).await;
    let before = seen(&world.open().await).await;

    let again = publish(world.open().await, &from, false).await.unwrap();
    assert_eq!((again.status, again.publish_id.unwrap().as_str()), (Status::Completed, ID));
    assert_eq!((again.steps.total, again.unchanged), (0, 1));
    assert_eq!(seen(&world.open().await).await, before);

    lay(&from, &[("a", "third"), ("c", "first"), ("d", "second")]);
    assert_taken(&world, &from, "completed").await;
}

#[tokio::test]
async fn a_publish_that_was_undone_is_not_made_again_under_its_id() {
    let (world, folder) = scene().await;
    let from = folder.path().join("in");
    publish(world.open().await, &from, false).await.unwrap();
    roll_back(&world, ID).await;
    assert_taken(&world, &from, "completed").await;
}
