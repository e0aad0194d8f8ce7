//! What happens between planning and executing: inside the scope the plan is stale, outside it is not.

use kfm_rollback::Error;
use kfm_rollback::report::Status;

use crate::acts::{execute_plan, plan, revert, roll_back, seen, signer};
use crate::small::{assert_projected, item, path, put, said, titles};
use crate::support::World;

/// Two publishes: the second replaces `a` and adds `b`. Returns the second.
async fn two_publishes(world: &World) -> String {
    put(world, &[("a", Some(item("a", "good"))), ("z", Some(item("z", "apart")))]).await;
    put(world, &[("a", Some(item("a", "bad"))), ("b", Some(item("b", "bad")))]).await
}

/// Executes a plan that must be refused as stale; returns the keys that it says have changed.
async fn refused_as_stale(world: &World, plan_id: &str) -> Vec<String> {
    let before = seen(&world.open().await).await;
    let refused = execute_plan(world, plan_id).await.unwrap_err();
    assert_eq!(refused.kind(), "conflict");
    assert!(refused.to_string().contains("stale"), "{refused}");
    assert_eq!(seen(&world.open().await).await, before);
    let Error::Conflict { conflicts, .. } = refused else { panic!("{refused}") };
    conflicts.into_iter().map(|conflict| conflict.subject).collect()
}

#[tokio::test]
async fn a_publish_of_the_same_document_makes_the_plan_stale_and_the_refusal_names_it() {
    let world = World::new().await;
    let bad = two_publishes(&world).await;
    let planned = plan(&world, &bad).await.plan_id.to_string();
    put(&world, &[("a", Some(item("a", "newer")))]).await;

    let changed = refused_as_stale(&world, &planned).await;
    assert!(changed.iter().any(|key| key.ends_with(&path("a"))), "{changed:?}");
    assert!(!changed.iter().any(|key| key.ends_with(&path("b"))), "{changed:?}");
}

#[tokio::test]
async fn a_document_that_moved_away_and_back_makes_the_plan_stale() {
    let world = World::new().await;
    let bad = two_publishes(&world).await;
    let planned = plan(&world, &bad).await.plan_id.to_string();
    let before = world.documents();
    let away = put(&world, &[("a", Some(item("a", "newer")))]).await;
    roll_back(&world, &away).await;
    assert_eq!(world.documents(), before, "the values are those that were planned on");

    let changed = refused_as_stale(&world, &planned).await;
    assert!(changed.iter().any(|key| key.ends_with(&path("a"))), "{changed:?}");
}

#[tokio::test]
async fn a_plan_that_was_executed_and_reverted_is_stale() {
    let world = World::new().await;
    let bad = two_publishes(&world).await;
    let reviewer = signer(&world, "maria", "reviewer").await;
    let planned = plan(&world, &bad).await.plan_id.to_string();
    let done = execute_plan(&world, &planned).await.unwrap();
    let again = execute_plan(&world, &planned).await.unwrap();
    assert_eq!((again.status, again.applied.total), (Status::Completed, 0));

    revert(&world, done.rollback_id.unwrap().as_str(), &reviewer).await;
    refused_as_stale(&world, &planned).await;
}

#[tokio::test]
async fn a_publish_of_another_document_of_the_collection_leaves_the_plan_as_good_as_it_was() {
    let world = World::new().await;
    let bad = two_publishes(&world).await;
    let planned = plan(&world, &bad).await.plan_id.to_string();
    let added = [("z", Some(item("z", "newer"))), ("y", Some(item("y", "new")))];
    put(&world, &added).await;

    let done = execute_plan(&world, &planned).await.unwrap();
    assert_eq!(done.status, Status::Completed);
    assert_eq!(titles(&world), said(&[("a", "good"), ("y", "new"), ("z", "newer")]));
    // Alias, namespace and graph hold the rollback and the publish that came between.
    assert_projected(&world).await;
}

#[tokio::test]
async fn a_publish_elsewhere_between_plan_and_execute_changes_nothing() {
    let world = World::new().await;
    let bad = two_publishes(&world).await;
    let planned = plan(&world, &bad).await;
    let mut elsewhere = item("e", "elsewhere");
    elsewhere["collection"] = "other".into();
    put(&world, &[("e", Some(elsewhere))]).await;

    assert_eq!(plan(&world, &bad).await.content_id, planned.content_id);
    let done = execute_plan(&world, &planned.plan_id.to_string()).await.unwrap();
    assert_eq!(done.status, Status::Completed);
    assert_eq!(titles(&world), said(&[("a", "good"), ("e", "elsewhere"), ("z", "apart")]));
}
