//! Cells of graph, search and cache: those that are projected, and those that a pipeline keeps itself.

use kfm_policy::Remedy;
use kfm_rollback::Error;
use kfm_rollback::op::DomainOpExt;
use serde_json::{Value, json};

use crate::acts::roll_back;
use crate::small::{assert_projected, item, path, put, try_put};
use crate::support::World;

/// Publishes an item of collection `c` together with an alias of that collection that the pipeline made.
async fn put_with_alias(world: &World, id: &str, alias: &Value) -> String {
    let mut publish = world.open().await.begin_publish("search_team".parse().unwrap()).await.unwrap();
    publish.put(&path(id), item(id, "new").to_string().into_bytes()).unwrap();
    publish.set_cell("search", "kfm-c", Some(alias)).unwrap();
    publish.complete().await.unwrap().publish_id.unwrap().to_string()
}

async fn alias(world: &World) -> Option<Value> {
    let bytes = world.open().await.store("search").unwrap().content("kfm-c").await.unwrap();
    bytes.map(|bytes| serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn an_alias_that_a_pipeline_keeps_itself_is_projected_by_nobody_else_and_rolls_back_with_it() {
    let world = World::new().await;
    let ours = json!({ "index": "made-by-hand" });
    let first = put_with_alias(&world, "a", &ours).await;
    assert_eq!(alias(&world).await, Some(ours.clone()));

    let second = put(&world, &[("b", Some(item("b", "new")))]).await;
    assert_eq!(alias(&world).await, Some(ours.clone()));
    roll_back(&world, &second).await;
    assert_eq!(alias(&world).await, Some(ours));
    roll_back(&world, &first).await;
    assert_eq!(alias(&world).await, None);
    assert!(world.documents().is_empty());
    assert_eq!(world.open().await.reconcile(false).await.unwrap().foreign.total, 0);
}

#[tokio::test]
async fn a_derived_cell_that_was_adopted_is_projected_again_and_is_not_foreign_then() {
    let world = World::new().await;
    put(&world, &[("a", Some(item("a", "first")))]).await;
    // Log and ledger are lost: only the stores' contents are left.
    for lost in ["wal", ".kfm/ledger"] {
        std::fs::remove_dir_all(world.root().join(lost)).unwrap();
        std::fs::create_dir(world.root().join(lost)).unwrap();
    }
    let adopted = world.open().await.adopt(None, None).await.unwrap();
    assert_eq!((adopted.documents, adopted.cells.total), (1, 4));

    put(&world, &[("a", Some(item("a", "second"))), ("b", Some(item("b", "new")))]).await;
    assert_projected(&world).await;
    assert_eq!(world.open().await.reconcile(false).await.unwrap().foreign.total, 0);
}

#[tokio::test]
async fn an_interrupted_publish_keeps_what_is_projected_from_its_documents_too() {
    let world = World::new().await;
    let apart = put(&world, &[("z", Some(item("z", "apart")))]).await;
    let stopped = try_put(&world.open_stopping().await, &[("a", Some(item("a", "new")))]).await.unwrap_err();
    let Error::Unfinished { operation, .. } = stopped else { panic!("{stopped}") };

    // Other documents, but the same alias and the same namespace.
    let publish = try_put(&world.open().await, &[("b", Some(item("b", "new")))]).await.unwrap_err();
    let rollback = crate::acts::try_roll_back(&world, &apart).await.unwrap_err();
    for refused in [publish, rollback] {
        assert_eq!(refused.kind(), "conflict", "{refused}");
        let Error::Conflict { next, .. } = refused else { panic!("{refused}") };
        assert_eq!(next, Remedy::both_ways(&operation));
    }
    world.open().await.publish_resume(operation.as_str(), false).await.unwrap();
    assert_projected(&world).await;
}

/// Publishes a node of the graph that the pipeline keeps itself; `None` retires it.
async fn try_node(world: &World, node: Option<&Value>) -> Result<String, Error> {
    let mut publish = world.open().await.begin_publish("graph_team".parse().unwrap()).await.unwrap();
    publish.set_cell("graph", "site-42", node).unwrap();
    publish.complete().await.map(|report| report.publish_id.unwrap().to_string())
}

async fn node(world: &World) -> Option<Value> {
    let bytes = world.open().await.store("graph").unwrap().content("site-42").await.unwrap();
    bytes.map(|bytes| serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn what_a_pipeline_keeps_of_a_withdrawn_place_comes_back_by_no_operation() {
    let world = World::new().await;
    let place = json!({ "name": "a site", "at": [-98.1234, 38.9876] });
    try_node(&world, Some(&place)).await.unwrap();
    let retired = try_node(&world, None).await.unwrap();
    let suppression =
        "[[suppression]]\nentity = \"site-42\"\nauthority = \"Prairie Band Council\"\nreason = \"asked\"\n";
    std::fs::write(world.root().join("policy/suppressions.toml"), suppression).unwrap();
    let refused = try_node(&world, Some(&place)).await.unwrap_err();
    assert_eq!(refused.kind(), "denied", "{refused}");
    roll_back(&world, &retired).await;
    assert_eq!(node(&world).await, None);
}

#[tokio::test]
async fn what_a_pipeline_keeps_of_a_restricted_place_is_not_shown_again() {
    let world = World::new().await;
    let place = json!({ "name": "a site", "at": [-98.1234, 38.9876] });
    try_node(&world, Some(&place)).await.unwrap();
    let retired = try_node(&world, None).await.unwrap();
    world.label_document("site-42", "restricted").await;
    let refused = crate::acts::try_roll_back(&world, &retired).await.unwrap_err();
    assert_eq!(refused.kind(), "denied", "{refused}");
    assert_eq!(try_node(&world, Some(&place)).await.unwrap_err().kind(), "denied");
    assert_eq!(node(&world).await, None);
}
