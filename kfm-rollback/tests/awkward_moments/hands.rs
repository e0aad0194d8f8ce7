//! Changes in a platform's folders, and of the clock, that the engine did not make.

use std::time::{Duration, SystemTime};

use kfm_rollback::report::Status;
use kfm_rollback::{Error, OpenOptions, Platform};
use rusqlite::Connection;

use crate::small::{item, open_with_another_hand, put, roll_back, try_put};
use crate::support::World;

#[tokio::test]
async fn who_takes_the_lock_s_file_away_stops_the_one_who_held_it() {
    for lock in [".kfm/lock", "wal/LOCK"] {
        let world = World::new().await;
        put(&world, &[("a.json", Some(item("a1")))]).await;
        let place = world.root().join(lock);
        let platform = open_with_another_hand(&world, "derive", move || {
            let _ = std::fs::remove_file(&place);
        });
        let stopped = try_put(&platform.await, &[("a.json", Some(item("a2")))]).await.unwrap_err();
        let Error::Unfinished { operation, status, .. } = &stopped else { panic!("{lock}: {stopped}") };
        assert_eq!(*status, Status::Interrupted, "{lock}: {stopped}");
        // The next process takes the operation up, and the log is whole.
        let done = world.open().await.publish_resume(operation.as_str(), false).await.unwrap();
        assert_eq!(done.status, Status::Completed, "{lock}");
        assert_eq!(world.documents()["a.json"], item("a2").to_string().into_bytes());
    }
}

#[tokio::test]
async fn a_mark_that_another_hand_set_in_a_derived_store_is_named_before_anything_moves() {
    let world = World::new().await;
    put(&world, &[("a.json", Some(item("a1")))]).await;
    let database = world.root().join("graph/cells.sqlite3");
    let set = |mark: Option<String>| {
        let graph = Connection::open(&database).unwrap();
        let changed = "UPDATE cells SET value = ?1, generation = generation + 1 WHERE key = 'a.json'";
        assert_eq!(graph.execute(changed, [mark]).unwrap(), 1);
    };
    let mark = format!("jcs-sha256:{}", "f".repeat(64));
    set(Some(mark.clone()));
    let refused = try_put(&world.open().await, &[("a.json", Some(item("a2")))]).await.unwrap_err();
    // The content could not be put back by an abort, since nothing says what it is.
    let Error::Conflict { conflicts, hint, .. } = &refused else { panic!("{refused}") };
    assert_eq!(
        (conflicts[0].kind.as_str(), conflicts[0].subject.as_str()),
        ("foreign", "graph:graph/a.json")
    );
    assert_eq!(conflicts[0].expected.as_ref(), Some(&mark));
    assert!(hint.to_string().contains("take the mark away"), "{hint}");
    assert_eq!(world.documents()["a.json"], item("a1").to_string().into_bytes());

    set(None);
    put(&world, &[("a.json", Some(item("a2")))]).await;
    assert!(world.open().await.catalog_check().await.unwrap().store_skew == 0);
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_no_document_can_be_stops_nothing_and_is_told() {
    let world = World::new().await;
    let publish = put(&world, &[("a.json", Some(item("a")))]).await;
    for name in ["b\\c.json", "b\u{7}.json"] {
        std::fs::write(world.catalog().join(name), "{}").unwrap();
    }
    std::os::unix::fs::symlink("a.json", world.catalog().join("link.json")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(world.catalog().join("socket.json")).unwrap();

    put(&world, &[("d.json", Some(item("d")))]).await;
    assert_eq!(world.open().await.reconcile(false).await.unwrap().foreign.total, 0);
    world.open().await.adopt(None, None).await.unwrap();
    let check = world.open().await.catalog_check().await.unwrap();
    let strays = check.findings.first.iter().filter(|finding| finding.rule == "stray").count();
    assert_eq!((strays, check.documents), (4, 2), "{:?}", check.findings);
    let doctor = world.open().await.doctor(true).await.unwrap();
    assert_eq!(
        doctor.findings.iter().filter(|finding| finding.to_string().contains("no document")).count(),
        4
    );
    world.open().await.execute(roll_back(&publish)).await.unwrap();
    for name in ["b\\c.json", "b\u{7}.json", "link.json", "socket.json"] {
        assert!(std::fs::symlink_metadata(world.catalog().join(name)).is_ok(), "left alone: {name}");
    }
}

#[tokio::test]
async fn a_document_may_take_the_place_of_a_folder_and_a_folder_that_of_a_document() {
    let world = World::new().await;
    let (flat, nested) = ("x.json", "x.json/x.json.json");
    put(&world, &[(nested, Some(item("x")))]).await;
    let swapped = put(&world, &[(nested, None), (flat, Some(item("x")))]).await;
    assert!(world.catalog().join(flat).is_file());
    world.open().await.execute(roll_back(&swapped)).await.unwrap();
    assert!(world.catalog().join(nested).is_file());
    put(&world, &[(nested, None)]).await;
    put(&world, &[(flat, Some(item("x")))]).await;
    assert!(world.catalog().join(flat).is_file(), "the emptied folder gave way");
}

#[tokio::test]
async fn a_clock_that_was_set_back_makes_nothing_earlier_than_the_log() {
    let world = World::new().await;
    let publish = put(&world, &[("a.json", Some(item("a")))]).await;
    let newest = world.open().await.publish_show(&publish).await.unwrap();
    let back =
        std::sync::Arc::new(kfm_retry::ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1)));
    let platform = Platform::open(world.root(), OpenOptions::new("operator").with_clock(back)).await.unwrap();
    let later = try_put(&platform, &[("b.json", Some(item("b")))]).await.unwrap().publish_id.unwrap();
    assert!(later.as_str() > newest.line.publish_id.as_str(), "{later} after {publish}");
}

#[tokio::test]
async fn a_clock_that_no_record_can_hold_is_refused() {
    let world = World::new().await;
    let beyond = SystemTime::UNIX_EPOCH + Duration::from_secs(400_000_000_000);
    let beyond = std::sync::Arc::new(kfm_retry::ManualClock::new(beyond));
    let platform =
        Platform::open(world.root(), OpenOptions::new("operator").with_clock(beyond)).await.unwrap();
    let refused = try_put(&platform, &[("b.json", Some(item("b")))]).await.unwrap_err();
    assert!(refused.kind() == "invalid" && refused.to_string().contains("clock"), "{refused}");
}
