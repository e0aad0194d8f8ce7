//! Later work that was derived from a publish keeps it from being rolled back (R31, `docs/states.md` section 2).
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use kfm_policy::Remedy;
use kfm_rollback::report::{PlanReport, Status};
use kfm_rollback::{Error, ExecuteRequest, PlanRequest, PlanTarget};
use kfm_wal::record::Derivative;
use serde_json::{Value, json};
use support::World;

/// An item, and what it says it was derived from.
fn item(id: &str, sources: &[&str]) -> Value {
    let links: Vec<Value> = sources.iter().map(|href| json!({"rel": "derived_from", "href": href})).collect();
    json!({
        "type": "Feature", "stac_version": "1.0.0", "id": id, "collection": "c", "geometry": null,
        "properties": {"datetime": "2025-11-14T00:00:00Z"}, "links": links, "assets": {}
    })
}

async fn put(world: &World, documents: &[(&str, Value)]) -> String {
    put_with(world, documents, None).await
}

async fn put_with(world: &World, documents: &[(&str, Value)], derivative: Option<Derivative>) -> String {
    let mut publish = world.open().await.begin_publish("ingest".parse().unwrap()).await.unwrap();
    for (path, document) in documents {
        publish.put(path, document.to_string().into_bytes()).unwrap();
    }
    if let Some(derivative) = derivative {
        publish.add_derivative(derivative).unwrap();
    }
    publish.complete().await.unwrap().publish_id.unwrap().to_string()
}

fn tiles(id: &str, depends_on: &str) -> Derivative {
    Derivative {
        id: id.into(),
        kind: "tiles".into(),
        version: "1".into(),
        location: "tiles/a".into(),
        checksum: None,
        depends_on: vec![depends_on.into()],
    }
}

async fn plan(world: &World, publish: &str) -> Result<PlanReport, Error> {
    world.open().await.plan(PlanRequest::new(publish)).await
}

async fn roll_back(world: &World, publish: &str) {
    let request = ExecuteRequest::new(PlanTarget::Publish(publish.into()), "it was wrong");
    assert_eq!(world.open().await.execute(request).await.unwrap().status, Status::Completed);
}

/// The dependents that a plan is refused for, in the order in which they are to be rolled back.
async fn refused_for(world: &World, publish: &str) -> Vec<String> {
    let error = plan(world, publish).await.unwrap_err();
    let Error::Conflict { next, hint, .. } = &error else { panic!("{error}") };
    assert!(hint.to_string().contains("the newest first"), "{hint}");
    let id = |remedy: &Remedy| match remedy {
        Remedy::Undo { operation, .. } => operation.to_string(),
        _ => panic!("{remedy}"),
    };
    next.iter().map(id).collect()
}

#[tokio::test]
async fn what_was_derived_over_several_steps_and_paths_is_listed_once_and_rolled_back_newest_first() {
    let world = World::new().await;
    let source = put(&world, &[("a.json", item("a", &[]))]).await;
    let left = put(&world, &[("b.json", item("b", &["a.json"]))]).await;
    let right = put(&world, &[("c.json", item("c", &["./a.json"]))]).await;
    let end = put(&world, &[("d.json", item("d", &["b.json", "c.json"]))]).await;
    assert_eq!(refused_for(&world, &source).await, [end.as_str(), &right, &left]);
    assert_eq!(refused_for(&world, &left).await, [end.as_str()]);

    for later in [&end, &right, &left] {
        roll_back(&world, later).await;
    }
    let free = plan(&world, &source).await.unwrap();
    assert_eq!((free.scope.items, free.dependents.len()), (1, 0));
}

#[tokio::test]
async fn a_dependent_that_was_undone_counts_again_once_its_rollback_is_reverted() {
    let world = World::new().await;
    let source = put(&world, &[("a.json", item("a", &[]))]).await;
    let later = put(&world, &[("b.json", item("b", &["a.json"]))]).await;
    let request = ExecuteRequest::new(PlanTarget::Publish(later.clone()), "it was wrong");
    let undone = world.open().await.execute(request).await.unwrap().rollback_id.unwrap();
    plan(&world, &source).await.unwrap();
    world.open().await.revert(undone.as_str(), "it was right").await.unwrap();
    assert_eq!(refused_for(&world, &source).await, [later]);
}

#[tokio::test]
async fn what_owns_nothing_any_more_could_not_be_rolled_back_first_and_is_no_dependent() {
    let world = World::new().await;
    let source = put(&world, &[("a.json", item("a", &[]))]).await;
    put(&world, &[("b.json", item("b", &["a.json"]))]).await;
    put(&world, &[("b.json", item("b", &[]))]).await;
    plan(&world, &source).await.unwrap();
}

#[tokio::test]
async fn a_version_is_derived_from_what_stood_when_it_was_published() {
    let world = World::new().await;
    let first = put(&world, &[("a.json", item("a", &[])), ("z.json", item("z", &[]))]).await;
    let second = put(&world, &[("a.json", item("a2", &[]))]).await;
    roll_back(&world, &second).await;
    let later = put(&world, &[("b.json", item("b", &["a.json"]))]).await;
    let undone = world.open().await.rollbacks().await.unwrap().rollbacks[0].rollback_id.clone().unwrap();
    world.open().await.revert(undone.as_str(), "it was right").await.unwrap();
    plan(&world, &second).await.expect("it did not stand when the later one was made");
    assert_eq!(refused_for(&world, &first).await, [later]);
}

#[tokio::test]
async fn version_history_and_membership_in_a_collection_are_no_dependence() {
    let world = World::new().await;
    let collection = json!({
        "type": "Collection", "stac_version": "1.0.0", "id": "c", "description": "a collection",
        "license": "CC0-1.0", "links": [], "extent": {}
    });
    let first = put(&world, &[("c.json", collection), ("a.json", item("a", &[]))]).await;
    let mut next = item("b", &[]);
    next["links"] = json!([
        {"rel": "collection", "href": "c.json"}, {"rel": "predecessor-version", "href": "a.json"}
    ]);
    put(&world, &[("b.json", next)]).await;
    let report = plan(&world, &first).await.unwrap_err();
    // Without the collection its items' links would break: that is for policy to deny, not for lineage.
    assert!(matches!(report, Error::Denied { .. }), "{report}");
}

#[tokio::test]
async fn derivatives_depend_on_what_their_pipeline_recorded_by_path_by_entity_and_by_id() {
    for named in ["a.json", "kfm-stac://catalog/a.json", "a"] {
        let world = World::new().await;
        let source = put(&world, &[("a.json", item("a", &[]))]).await;
        let derivative = tiles("tiles://a", named);
        let later = put_with(&world, &[("t.json", item("t", &[]))], Some(derivative)).await;
        assert_eq!(refused_for(&world, &source).await, [later.as_str()], "named as {named}");
        let own = plan(&world, &later).await.unwrap();
        assert_eq!((own.scope.items, own.scope.derivatives), (1, 1));
    }
}

#[tokio::test]
async fn a_publish_that_moves_nothing_does_not_lose_its_derivatives_in_silence() {
    let world = World::new().await;
    put(&world, &[("a.json", item("a", &[]))]).await;
    let mut publish = world.open().await.begin_publish("tiler".parse().unwrap()).await.unwrap();
    publish.add_derivative(tiles("tiles://a", "a.json")).unwrap();
    let refused = publish.complete().await.unwrap_err();
    assert!(matches!(refused, Error::Invalid { .. }), "{refused}");

    let nothing = world.open().await.begin_publish("tiler".parse().unwrap()).await.unwrap();
    let report = nothing.complete().await.unwrap();
    assert_eq!((report.publish_id, report.status), (None, Status::Completed));
}

#[tokio::test]
async fn what_a_pipeline_records_of_a_derivative_is_checked_when_it_is_recorded() {
    let world = World::new().await;
    let mut publish = world.open().await.begin_publish("tiler".parse().unwrap()).await.unwrap();
    let unknown = Derivative { kind: "Tiles".into(), ..tiles("tiles://a", "a.json") };
    assert!(matches!(publish.add_derivative(unknown), Err(Error::Invalid { .. })));
    assert!(matches!(
        publish.add_derivative(tiles("kfm-stac://catalog/a.json", "b")),
        Err(Error::Invalid { .. })
    ));
    publish.add_derivative(tiles("tiles://a", "a.json")).unwrap();
    assert!(matches!(publish.add_derivative(tiles("tiles://a", "b.json")), Err(Error::Invalid { .. })));
}
