//! Protection that was in force stays in force: through retires, and on every way back.

use kfm_rollback::Error;
use kfm_rollback::report::Status;
use serde_json::{Value, json};

use crate::failing::Failing;
use crate::small::{item, item_at_a_place, label, open_stopping_at, put, roll_back, try_put};
use crate::support::World;

fn with_label(mut document: Value, care: &str) -> Value {
    match document["type"] == "Collection" {
        true => document["kfm:care_label"] = care.into(),
        false => document["properties"]["kfm:care_label"] = care.into(),
    }
    document
}

/// Writes documents into the catalog without the engine, and adopts them.
async fn adopt(world: &World, documents: &[(&str, Value)]) {
    for (path, document) in documents {
        std::fs::write(world.catalog().join(path), document.to_string()).unwrap();
    }
    world.open().await.adopt(None, None).await.unwrap();
}

fn denying_rules(error: &Error) -> Vec<String> {
    let Error::Denied { findings, .. } = error else { panic!("{error}") };
    findings.iter().filter(|finding| finding.denies).map(|finding| finding.rule.clone()).collect()
}

#[tokio::test]
async fn a_retire_does_not_wash_a_document_s_own_label_off() {
    let world = World::new().await;
    adopt(&world, &[("a.json", with_label(item("a"), "sensitive"))]).await;
    put(&world, &[("a.json", None)]).await;
    let refused = try_put(&world.open().await, &[("a.json", Some(item("a")))]).await.unwrap_err();
    assert!(denying_rules(&refused).contains(&"CARE-A2-authority".to_owned()), "{refused:?}");
}

#[tokio::test]
async fn a_collection_that_was_retired_goes_on_protecting_its_items() {
    let world = World::new().await;
    let collection = json!({
        "type": "Collection", "stac_version": "1.0.0", "id": "c", "description": "places",
        "license": "CC0-1.0", "links": [], "extent": {}
    });
    adopt(&world, &[("c.json", with_label(collection, "sensitive"))]).await;
    put(&world, &[("c.json", None)]).await;
    let refused = try_put(&world.open().await, &[("a.json", Some(item_at_a_place("a")))]).await.unwrap_err();
    assert!(denying_rules(&refused).contains(&"CARE-E1-geo".to_owned()), "{refused:?}");
}

#[tokio::test]
async fn nothing_derived_from_what_was_withdrawn_and_retired_is_published() {
    let world = World::new().await;
    put(&world, &[("s.json", Some(item("s")))]).await;
    put(&world, &[("s.json", None)]).await;
    let suppression =
        "[[suppression]]\nentity = \"s.json\"\nauthority = \"Prairie Band Council\"\nreason = \"asked\"\n";
    std::fs::write(world.root().join("policy/suppressions.toml"), suppression).unwrap();
    let mut derived = item("d");
    derived["links"] = json!([{"rel": "derived_from", "href": "s.json"}]);
    let refused = try_put(&world.open().await, &[("d.json", Some(derived))]).await.unwrap_err();
    assert!(denying_rules(&refused).contains(&"CARE-A3-resurrect".to_owned()), "{refused:?}");
}

#[tokio::test]
async fn an_operation_that_goes_back_by_itself_does_not_show_what_protection_outgrew() {
    let world = World::new().await;
    put(&world, &[("a.json", Some(item_at_a_place("a")))]).await;
    label(&world, "a.json", "sensitive").await;
    let platform = Failing::instead_of(world.open().await, "graph", 1, 0);
    let masked = try_put(&platform, &[("a.json", Some(item("a")))]).await.unwrap_err();
    assert!(matches!(masked, Error::Failed { status: Status::Aborted, .. }), "{masked}");
    assert!(world.documents().is_empty(), "the prior state had the place");
    let reconciled = world.open().await.reconcile(false).await.unwrap();
    assert_eq!(reconciled.foreign.total, 0, "the log knows it: {:?}", reconciled.foreign);
    assert_eq!(world.open().await.catalog_check().await.unwrap().store_skew, 0);
}

#[tokio::test]
async fn while_policy_s_files_cannot_be_read_everything_is_denied_and_looking_is_not() {
    let world = World::new().await;
    let publish = put(&world, &[("a.json", Some(item("a")))]).await;
    let stopping = open_stopping_at(&world, "derive").await;
    let stopped = try_put(&stopping, &[("b.json", Some(item("b")))]).await.unwrap_err();
    let Error::Unfinished { operation, .. } = &stopped else { panic!("{stopped}") };
    let labels = world.root().join("policy/labels.toml");
    let text = std::fs::read_to_string(&labels).unwrap();
    std::fs::write(&labels, text.clone() + "\n[[label]]\ncare = 7\n").unwrap();

    let mut elsewhere = item("e");
    elsewhere["collection"] = "d".into();
    let refused = try_put(&world.open().await, &[("e.json", Some(elsewhere))]).await.unwrap_err();
    assert_eq!(denying_rules(&refused), ["GOV-cover"]);
    for abort in [false, true] {
        let held = world.open().await.publish_resume(operation.as_str(), abort).await.unwrap_err();
        let Error::Unfinished { status, held_reason, .. } = &held else { panic!("{held}") };
        assert_eq!((*status, held_reason.as_deref()), (Status::Held, Some("policy")));
    }
    assert!(world.documents().contains_key("b.json"), "nothing moved");
    let status = world.open().await.status().await.unwrap();
    assert_eq!(status.open[0].status, Status::Held);

    std::fs::write(&labels, text).unwrap();
    let aborted = world.open().await.publish_resume(operation.as_str(), false).await.unwrap();
    assert_eq!(aborted.status, Status::Aborted, "the direction is durable");
    world.open().await.execute(roll_back(&publish)).await.unwrap();
}

#[tokio::test]
async fn what_a_resume_or_an_abort_was_judged_by_is_in_force_though_its_file_is_emptied() {
    for abort in [false, true] {
        let world = World::new().await;
        put(&world, &[("a.json", Some(item("a")))]).await;
        let stopping = open_stopping_at(&world, "derive").await;
        let mut second = item("a");
        second["properties"]["title"] = "second".into();
        let stopped = try_put(&stopping, &[("a.json", Some(second))]).await.unwrap_err();
        let Error::Unfinished { operation, .. } = &stopped else { panic!("{stopped}") };
        let list = world.root().join("policy/suppressions.toml");
        let suppression = "[[suppression]]\nentity = \"a\"\nauthority = \"T\"\nreason = \"asked\"\n";
        std::fs::write(&list, suppression).unwrap();
        world.open().await.publish_resume(operation.as_str(), abort).await.unwrap();
        assert!(!world.documents().contains_key("a.json"), "abort={abort}");
        std::fs::write(&list, "").unwrap();
        let listed = world.open().await.labels().await.unwrap();
        assert!(listed.labels.iter().all(|line| line.in_force) && listed.labels_total == 2, "{listed:?}");
        let refused = try_put(&world.open().await, &[("a.json", Some(item("a")))]).await.unwrap_err();
        assert!(denying_rules(&refused).contains(&"CARE-A3-resurrect".to_owned()), "{refused:?}");
    }
}

const SUPPRESSION: &str =
    "[[suppression]]\nentity = \"a.json\"\nauthority = \"Prairie Band Council\"\nreason = \"asked\"\n";

fn suppress(world: &World, text: &str) {
    std::fs::write(world.root().join("policy/suppressions.toml"), text).unwrap();
}

#[tokio::test]
async fn what_a_resume_hid_is_its_own_doing_after_protection_fell_away_again() {
    for abort in [false, true] {
        let world = World::new().await;
        put(&world, &[("a.json", Some(item("a1"))), ("b.json", Some(item("b1")))]).await;
        let stopping = open_stopping_at(&world, "derive").await;
        let documents = [("a.json", Some(item("a2"))), ("b.json", Some(item("b2")))];
        let stopped = try_put(&stopping, &documents).await.unwrap_err();
        let Error::Unfinished { operation, .. } = &stopped else { panic!("{stopped}") };
        suppress(&world, SUPPRESSION);
        // It hides the document, and is stopped again before it ends.
        let stopping = open_stopping_at(&world, "derive").await;
        let stopped = stopping.publish_resume(operation.as_str(), false).await.unwrap_err();
        assert!(matches!(stopped, Error::Unfinished { status: Status::Interrupted, .. }), "{stopped}");
        assert!(!world.documents().contains_key("a.json"), "hidden");

        // Whatever is in force by now, the operation itself gave the value that stands there: it is not foreign.
        suppress(&world, "");
        let ended = world.open().await.publish_resume(operation.as_str(), abort).await.unwrap();
        assert_eq!(ended.status, if abort { Status::Aborted } else { Status::Completed });
        assert_eq!(world.open().await.reconcile(false).await.unwrap().foreign.total, 0);
        assert_eq!(world.open().await.catalog_check().await.unwrap().store_skew, 0);
    }
}

#[tokio::test]
async fn cells_that_protection_treats_and_cells_without_a_foreign_value_are_not_left_alone() {
    let world = World::new().await;
    put(&world, &[("a.json", Some(item("a1"))), ("b.json", Some(item("b1")))]).await;
    let publish = put(&world, &[("a.json", Some(item("a2"))), ("b.json", Some(item("b2")))]).await;
    let skip = || vec!["a.json".to_owned()];
    let request = || kfm_rollback::ExecuteRequest { skip: skip(), ..roll_back(&publish) };
    let planned = kfm_rollback::PlanRequest { skip: skip(), ..kfm_rollback::PlanRequest::new(&*publish) };
    for refused in [
        world.open().await.plan(planned).await.map(drop),
        world.open().await.execute(request()).await.map(drop),
    ] {
        assert_eq!(refused.unwrap_err().kind(), "invalid");
    }
    let stopping = open_stopping_at(&world, "derive").await;
    let stopped = stopping.execute(roll_back(&publish)).await.unwrap_err();
    let Error::Unfinished { operation, .. } = &stopped else { panic!("{stopped}") };
    for abort in [false, true] {
        // The step is made on the way back too: a cell that was left alone would keep its value, and the answer
        // would say 'as before'.
        let refused =
            world.open().await.rollback_resume(operation.as_str(), abort, skip()).await.unwrap_err();
        assert_eq!(refused.kind(), "invalid", "{refused}");
    }
    std::fs::write(world.catalog().join("a.json"), "{\"by\": \"hand\"}").unwrap();
    suppress(&world, SUPPRESSION);
    let refused = world.open().await.rollback_resume(operation.as_str(), false, skip()).await.unwrap_err();
    assert!(refused.kind() == "invalid" && refused.to_string().contains("protection"), "{refused}");
    let status = world.open().await.status().await.unwrap();
    assert_eq!(status.open[0].status, Status::Interrupted, "a refusal notes nothing: {:?}", status.open);
}

#[tokio::test]
#[ignore = "20,000 cells take minutes; what a record holds of them is a test of kfm-wal"]
async fn an_operation_on_twenty_thousand_cells_ends_both_ways_after_protection_rose() {
    for abort in [false, true] {
        let world = World::new().await;
        let paths: Vec<String> = (0..10_000).map(|n| format!("d/{n:05}.json")).collect();
        let all = |title: &str| -> Vec<(&str, Option<Value>)> {
            paths.iter().map(|path| (path.as_str(), Some(item(&format!("{title}-{path}"))))).collect()
        };
        put(&world, &all("one")).await;
        let stopping = open_stopping_at(&world, "derive").await;
        let stopped = try_put(&stopping, &all("two")).await.unwrap_err();
        let Error::Unfinished { operation, .. } = &stopped else { panic!("{stopped}") };
        suppress(&world, &SUPPRESSION.replace("entity = \"a.json\"", "under = \"d/\""));
        let ended = world.open().await.publish_resume(operation.as_str(), abort).await.unwrap();
        assert_eq!(ended.status, if abort { Status::Aborted } else { Status::Completed });
        assert!(world.documents().is_empty());
    }
}
