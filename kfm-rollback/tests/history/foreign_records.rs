//! A pipeline that writes its publishes into the log itself, past the engine (`docs/states.md` section 2).

use std::sync::Arc;

use bytes::Bytes;
use kfm_lineage::{Digest, OperationId, PublishId, Step};
use kfm_policy::Remedy;
use kfm_rollback::{Error, PlanRequest};
use kfm_wal::local::LocalLog;
use kfm_wal::record::{PublishCompletion, PublishIntent, Record};
use kfm_wal::{LocalOptions, Wal};

use crate::acts::{roll_back, try_roll_back};
use crate::small::{item, path, put, said, titles};
use crate::support::World;

/// Writes a document into the catalog, and the publish that did it into the log: what the record says stood
/// there is `before`.
///
/// The record is that of an earlier publish, with another id and this step.
async fn record_by_itself(world: &World, like: &str, id: &str, before: Option<&str>, after: &str) -> String {
    let platform = world.open().await;
    let versions = platform.versions();
    let bytes = |title: &str| Bytes::from(item(id, title).to_string());
    for content in before.iter().copied().chain([after]).map(bytes) {
        versions.put(vec![(Digest::of_bytes(&content), content)]).await.unwrap();
    }
    let file = world.catalog().join(path(id));
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, bytes(after)).unwrap();

    let (log, _) = LocalLog::open(platform.wal_dir(), LocalOptions::new(world.clock.clone())).unwrap();
    let wal = Wal::open(Arc::new(log), world.clock.clone()).await.unwrap();
    let like: OperationId = PublishId::parse(like).unwrap().into();
    let records: Vec<Record> =
        wal.by_operation(&like).await.unwrap().iter().map(|entry| entry.record.clone()).collect();
    let intent = records.iter().find_map(|record| match record {
        Record::PublishIntent(intent) => Some(PublishIntent::clone(intent)),
        _ => None,
    });
    let completion = records.iter().find_map(|record| match record {
        Record::PublishCompletion(completion) => Some(completion.clone()),
        _ => None,
    });
    let (intent, completion) = (intent.unwrap(), completion.unwrap());
    let steps: Vec<Step> = versions.read_segment(&intent.steps).await.unwrap();
    let step = steps.into_iter().find(|step| !step.derived).unwrap();
    let digest = |title: &str| Digest::of_bytes(&bytes(title));
    let own = Step {
        cell: kfm_lineage::CellId { key: path(id), ..step.cell.clone() },
        before: before.map(digest),
        after: Some(digest(after)),
        stac_id: Some(id.to_owned()),
        ..step
    };
    let publish_id = PublishId::parse(&format!("pub_2025_11_14T06_00_{:02}Z_own", wal.head().lsn.0)).unwrap();
    let steps = versions.put_segment(&[own]).await.unwrap();
    let intent = PublishIntent { publish_id: publish_id.clone(), steps, ..intent };
    let completion = PublishCompletion { publish_id: publish_id.clone(), ..completion };
    wal.append(Record::PublishIntent(Box::new(intent))).await.unwrap();
    wal.append(Record::PublishCompletion(completion)).await.unwrap();
    publish_id.to_string()
}

/// Asserts that neither a plan nor an execution guesses what stood before, and that nothing changes.
async fn assert_refused(world: &World, publish: &str) {
    let before = world.documents();
    let planned = world.open().await.plan(PlanRequest::new(publish)).await.unwrap_err();
    let executed = try_roll_back(world, publish).await.unwrap_err();
    for refused in [planned, executed] {
        assert_eq!(refused.kind(), "incomplete", "{refused}");
        let Error::Incomplete { message, next, .. } = &refused else { panic!("{refused}") };
        assert!(message.contains("does not know the version before"), "{message}");
        assert_eq!(*next, [Remedy::Adopt]);
    }
    assert_eq!(world.documents(), before);
}

#[tokio::test]
async fn a_pipelines_own_record_onto_what_nobody_adopted_is_not_rolled_back() {
    let world = World::new().await;
    let like = put(&world, &[("z", Some(item("z", "first")))]).await;
    let own = record_by_itself(&world, &like, "a", Some("nobody's"), "own").await;
    assert_refused(&world, &own).await;
}

#[tokio::test]
async fn a_pipelines_own_record_onto_what_came_after_a_rollback_is_not_rolled_back_to_absent() {
    let world = World::new().await;
    let like = put(&world, &[("a", Some(item("a", "first")))]).await;
    roll_back(&world, &like).await;
    let own = record_by_itself(&world, &like, "a", Some("nobody's"), "own").await;
    assert_refused(&world, &own).await;
}

#[tokio::test]
async fn a_pipelines_own_record_whose_predecessor_the_log_knows_rolls_back_like_any_other() {
    let world = World::new().await;
    let like = put(&world, &[("a", Some(item("a", "first")))]).await;
    let own = record_by_itself(&world, &like, "a", Some("first"), "own").await;
    let added = record_by_itself(&world, &like, "b", None, "own").await;
    assert_eq!(titles(&world), said(&[("a", "own"), ("b", "own")]));
    roll_back(&world, &added).await;
    roll_back(&world, &own).await;
    assert_eq!(titles(&world), said(&[("a", "first")]));
}
