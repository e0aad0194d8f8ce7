//! While an operation is open it keeps its cells, those projected from its documents too.

use kfm_rollback::{Error, PlanRequest};

use kfm_policy::Remedy;

use crate::small::{item, item_at_a_place, open_stopping_at, put, try_put};
use crate::support::World;

#[tokio::test]
async fn an_open_operation_keeps_the_alias_of_its_collection() {
    let world = World::new().await;
    let earlier = put(&world, &[("z.json", Some(item("z")))]).await;
    let stopping = open_stopping_at(&world, "derive").await;
    let stopped = try_put(&stopping, &[("a.json", Some(item("a")))]).await.unwrap_err();
    let Error::Unfinished { operation, .. } = &stopped else { panic!("{stopped}") };

    let other = try_put(&world.open().await, &[("b.json", Some(item("b")))]).await.unwrap_err();
    let plan = world.open().await.plan(PlanRequest::new(&earlier)).await.unwrap_err();
    for refused in [other, plan] {
        let Error::Conflict { next, .. } = &refused else { panic!("{refused}") };
        assert_eq!(*next, Remedy::both_ways(operation));
    }

    world.open().await.publish_resume(operation.as_str(), false).await.unwrap();
    put(&world, &[("b.json", Some(item("b")))]).await;
    assert_eq!(world.open().await.catalog_check().await.unwrap().store_skew, 0);
}

#[tokio::test]
async fn an_operation_on_another_collection_goes_on_beside_an_open_one() {
    let world = World::new().await;
    let stopping = open_stopping_at(&world, "derive").await;
    try_put(&stopping, &[("a.json", Some(item_at_a_place("a")))]).await.unwrap_err();
    let mut elsewhere = item("b");
    elsewhere["collection"] = "d".into();
    put(&world, &[("b.json", Some(elsewhere))]).await;
}
