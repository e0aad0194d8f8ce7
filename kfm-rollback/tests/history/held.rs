//! A foreign value that appears once an operation is under way: held, and never overwritten.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use kfm_lineage::Domain;
use kfm_policy::Remedy;
use kfm_rollback::context::WriteContext;
use kfm_rollback::memory::MemoryOp;
use kfm_rollback::op::{
    Capabilities, Depth, DomainOpExt, Listed, OpError, Outcomes, Probe, Role, Seen, Swap,
};
use kfm_rollback::report::Status;
use kfm_rollback::{DomainOp, Error, ExecuteRequest, PlanTarget, Platform};

use crate::small::{item, path, try_put};
use crate::support::World;

/// A catalog in which a person changes a document by hand right before the engine's first swap.
#[derive(Debug)]
struct EditedMeanwhile {
    catalog: MemoryOp,
    key: String,
    by_hand: Bytes,
}

#[async_trait]
impl DomainOp for EditedMeanwhile {
    fn name(&self) -> &str {
        self.catalog.name()
    }

    fn domain(&self) -> Domain {
        self.catalog.domain()
    }

    fn role(&self) -> Role {
        self.catalog.role()
    }

    fn capabilities(&self) -> Capabilities {
        self.catalog.capabilities()
    }

    async fn probe(&self) -> Result<Probe, OpError> {
        self.catalog.probe().await
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, OpError> {
        self.catalog.scan(after, limit).await
    }

    async fn observe(&self, keys: &[String], depth: Depth) -> Result<Vec<Seen>, OpError> {
        self.catalog.observe(keys, depth).await
    }

    async fn read(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, OpError> {
        self.catalog.read(keys).await
    }

    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Outcomes, OpError> {
        self.catalog.set_foreign(&self.key, Some(self.by_hand.clone()));
        self.catalog.swap(cx, batch).await
    }

    async fn recover(&self, cx: &WriteContext) -> Result<(), OpError> {
        self.catalog.recover(cx).await
    }
}

async fn open(world: &World, catalog: &MemoryOp) -> Platform {
    world.open().await.with_store(Arc::new(catalog.clone()))
}

async fn title(catalog: &MemoryOp, id: &str) -> String {
    let bytes = catalog.content(&path(id)).await.unwrap().unwrap();
    let item: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    item["properties"]["title"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_document_changed_by_hand_after_the_first_intent_holds_the_rollback_until_told_to_skip_it() {
    let world = World::new().await;
    let catalog = MemoryOp::new("catalog", Domain::Stac);
    let both = |title: &str| ["a", "b"].map(|id| (id, Some(item(id, title))));
    try_put(&open(&world, &catalog).await, &both("first")).await.unwrap();
    let publish = try_put(&open(&world, &catalog).await, &both("second")).await.unwrap().publish_id.unwrap();

    let edited = EditedMeanwhile {
        catalog: catalog.clone(),
        key: path("b"),
        by_hand: item("b", "by hand").to_string().into_bytes().into(),
    };
    let request = ExecuteRequest::new(PlanTarget::Publish(publish.to_string()), "it was wrong");
    let held = world.open().await.with_store(Arc::new(edited)).execute(request).await.unwrap_err();
    assert_eq!(held.kind(), "unfinished");
    let Error::Unfinished { operation, status, held_reason, next, .. } = held else { panic!("{held}") };
    assert_eq!((status, held_reason.as_deref()), (Status::Held, Some("foreign_value")));
    assert_eq!(next, Remedy::both_ways(&operation));
    assert_eq!(title(&catalog, "b").await, "by hand");
    let open_now = open(&world, &catalog).await.status().await.unwrap().open;
    assert_eq!((open_now[0].id.clone(), open_now[0].status), (operation.clone(), Status::Held));

    // It waits for a person: if it is taken up again unchanged, it is held again, in both directions.
    for abort in [false, true] {
        let platform = open(&world, &catalog).await;
        let again = platform.rollback_resume(operation.as_str(), abort, Vec::new()).await.unwrap_err();
        assert_eq!(again.kind(), "unfinished");
        assert_eq!(title(&catalog, "b").await, "by hand");
        if !abort {
            assert_eq!(title(&catalog, "a").await, "first");
        }
    }
    let platform = open(&world, &catalog).await;
    let ended = platform.rollback_resume(operation.as_str(), false, vec![path("b")]).await.unwrap();
    assert_eq!(ended.status, Status::Aborted, "the direction is durable");
    assert_eq!((title(&catalog, "a").await, title(&catalog, "b").await), ("second".into(), "by hand".into()));
}
