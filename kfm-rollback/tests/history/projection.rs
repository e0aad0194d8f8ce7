//! Derived cells made what the documents say: after an adoption, a restored backup, for one store or one collection
//! (`docs/states.md` sections 1 and 2).

use kfm_rollback::op::DomainOpExt;
use kfm_rollback::report::Status;
use kfm_rollback::{Error, Platform, Project};
use kfm_telemetry::ledger::EntryKind;
use serde_json::Value;

use crate::acts::{plan, roll_back, try_roll_back};
use crate::small::{item, listed, nodes, path, put};
use crate::support::World;

/// A platform whose catalog held two items before there was a log, all of it labelled.
async fn adopted(alone: bool) -> World {
    let world = World::new().await;
    for id in ["a", "b"] {
        let file = world.catalog().join(path(id));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, item(id, "first").to_string()).unwrap();
    }
    let platform = world.open().await;
    let report = match alone {
        true => platform.adopt_alone(None, None).await.unwrap(),
        false => platform.adopt(None, None).await.unwrap(),
    };
    assert_eq!((report.documents, report.projection.is_some()), (2, !alone));
    world
}

async fn skew(world: &World) -> u64 {
    world.open().await.catalog_check().await.unwrap().store_skew
}

async fn project(world: &World, request: Project) -> Result<kfm_rollback::report::PublishReport, Error> {
    world.open().await.project(request).await
}

/// Writes another value into a cell of a store without the engine.
async fn damage(world: &World, id: &str) {
    let other = put(world, &[(id, Some(item(id, "for a moment")))]).await;
    let graph = world.root().join("graph");
    let aside = world.root().join("graph.old");
    copy(&graph, &aside);
    roll_back(world, &other).await;
    std::fs::remove_dir_all(&graph).unwrap();
    std::fs::rename(&aside, &graph).unwrap();
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

async fn projections_in_ledger(platform: &Platform) -> usize {
    let entries = platform.ledger_entries().await.unwrap();
    entries.iter().filter(|stored| stored.entry.operation_type == EntryKind::Project).count()
}

#[tokio::test]
async fn an_adoption_projects_what_it_adopts() {
    let world = adopted(false).await;
    let platform = world.open().await;
    assert_eq!((nodes(&platform).await.len(), listed(&platform).await.len()), (2, 2));
    assert_eq!(skew(&world).await, 0);
    let kinds: Vec<String> =
        platform.publishes().await.unwrap().publishes.into_iter().map(|line| line.kind).collect();
    assert_eq!(kinds, ["adopt"], "a projection publishes nothing");
    assert_eq!(projections_in_ledger(&platform).await, 1);
    assert!(platform.adopt(None, None).await.unwrap().projection.is_none(), "nothing is new");
}

#[tokio::test]
async fn what_an_adoption_leaves_is_skew_until_it_is_projected_and_then_nothing_differs() {
    let world = adopted(true).await;
    assert_eq!((nodes(&world.open().await).await.len(), skew(&world).await), (0, 4));
    let documents = world.documents();
    let rehearsed = project(&world, Project { dry_run: true, ..Project::default() }).await.unwrap();
    assert_eq!((rehearsed.steps.total, rehearsed.publish_id, skew(&world).await), (4, None, 4));
    let report = project(&world, Project::default()).await.unwrap();
    assert_eq!((report.status, report.steps.total, skew(&world).await), (Status::Completed, 4, 0));
    assert_eq!(world.documents(), documents);
    assert_eq!(projections_in_ledger(&world.open().await).await, 1);
    let again = project(&world, Project::default()).await.unwrap();
    assert_eq!((again.publish_id, again.steps.total), (None, 0));
    assert_eq!(projections_in_ledger(&world.open().await).await, 1, "nothing is recorded");
}

#[tokio::test]
async fn a_store_and_a_collection_narrow_a_projection() {
    let world = adopted(true).await;
    let store = |name: &str| Project { store: Some(name.into()), ..Project::default() };
    let collection = |id: &str| Project { collection: Some(id.into()), ..Project::default() };
    let by_domain = project(&world, store("graph")).await.unwrap().steps.by_domain;
    assert_eq!(by_domain, [("graph".to_owned(), 2)].into());
    for request in [store("catalog"), store("none such"), collection("none such")] {
        assert!(matches!(project(&world, request).await, Err(Error::NotFound { .. })));
    }
    assert_eq!(project(&world, collection("c")).await.unwrap().steps.total, 2, "alias and namespace");
    assert_eq!(skew(&world).await, 0);
}

#[tokio::test]
async fn a_store_from_an_older_backup_is_mended_and_only_where_it_differs() {
    let world = adopted(false).await;
    damage(&world, "a").await;
    assert_eq!(skew(&world).await, 1);
    let report = project(&world, Project::default()).await.unwrap();
    assert_eq!((report.steps.total, skew(&world).await), (1, 0));
    let graph = world.open().await.store("graph").unwrap().content(&path("a")).await.unwrap().unwrap();
    let node: Value = serde_json::from_slice(&graph).unwrap();
    assert_eq!(node["properties"]["title"], "first");
    damage(&world, "b").await;
    let reconciled = world.open().await.reconcile(true).await.unwrap();
    assert_eq!((reconciled.publish_id, reconciled.projection.unwrap().cells.total), (None, 1));
    assert_eq!(skew(&world).await, 0);
}

#[tokio::test]
async fn a_projection_is_no_publish_that_could_be_rolled_back() {
    let world = adopted(true).await;
    let publish = put(&world, &[("a", Some(item("a", "second")))]).await;
    let id = project(&world, Project::default()).await.unwrap().publish_id.unwrap();
    assert_eq!(try_roll_back(&world, id.as_str()).await.unwrap_err().kind(), "invalid");
    assert_eq!(plan(&world, "latest").await.publish_id.as_str(), publish, "it is not the latest publish");
    roll_back(&world, &publish).await;
    assert_eq!(skew(&world).await, 0);
}

#[tokio::test]
async fn an_interrupted_projection_is_resumed_or_taken_back() {
    for abort in [false, true] {
        let world = adopted(true).await;
        let stopped = world.open_stopping().await.project(Project::default()).await.unwrap_err();
        let Error::Unfinished { operation, .. } = &stopped else { panic!("{stopped}") };
        let refused = project(&world, Project::default()).await.unwrap_err();
        assert_eq!(refused.kind(), "conflict", "it keeps its cells: {refused}");
        let report = world.open().await.publish_resume(operation.as_str(), abort).await.unwrap();
        let (status, left) = if abort { (Status::Aborted, 4) } else { (Status::Completed, 0) };
        assert_eq!((report.status, skew(&world).await), (status, left));
    }
}
