//! Traps that engines of this kind have fallen into, each with the test that fails if the engine falls in again.
//!
//! `testing/planted-bugs` plants each defect of `testing/bugs` and demands that its test fails.
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "crash/fuse.rs"]
mod fuse;
#[path = "crash/world.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod world;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use fuse::Fuse;
use kfm_lineage::Domain;
use kfm_rollback::context::WriteContext;
use kfm_rollback::op::{
    Capabilities, Depth, DomainOp, Listed, OpError, Outcomes, Probe, Role, Seen as SeenAt, Swap, Swapped,
};
use kfm_rollback::report::{ExecuteReport, PlanReport, Status};
use kfm_rollback::{Error, ExecuteRequest, LabelAssign, PlanRequest, PlanTarget, Platform, PublishFolder};
use world::{Seen, folder, new_platform, open, seen, write_documents};

/// A platform, and a folder from which publishes come.
struct Scene {
    platform: tempfile::TempDir,
    incoming: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        Self { platform: new_platform().await, incoming: folder() }
    }

    async fn open(&self) -> Platform {
        open(self.platform.path(), &Fuse::endless()).await
    }

    async fn seen(&self) -> Seen {
        seen(&self.open().await).await
    }

    /// Publishes items with their titles, and returns the publish's id.
    async fn publish(&self, items: &[(&str, &str)]) -> String {
        let report = self.open().await.publish_folder(self.request(items)).await.unwrap();
        assert_eq!(report.status, Status::Completed);
        report.publish_id.unwrap().to_string()
    }

    fn request(&self, items: &[(&str, &str)]) -> PublishFolder {
        std::fs::remove_dir_all(self.incoming.path()).unwrap();
        write_documents(self.incoming.path(), items);
        PublishFolder { mirror: true, ..PublishFolder::new(self.incoming.path(), "ingest".parse().unwrap()) }
    }

    async fn plan(&self, publish: &str) -> PlanReport {
        self.open().await.plan(PlanRequest::new(publish)).await.unwrap()
    }

    async fn execute(&self, target: PlanTarget) -> kfm_rollback::Result<ExecuteReport> {
        self.open().await.execute(ExecuteRequest::new(target, "it is wrong")).await
    }

    async fn roll_back(&self, publish: &str) -> ExecuteReport {
        self.execute(PlanTarget::Publish(publish.into())).await.unwrap()
    }

    fn document(&self, id: &str) -> PathBuf {
        self.platform.path().join(format!("catalog/things/{id}.json"))
    }

    /// Says whether a document has a title.
    fn is_titled(&self, id: &str, title: &str) -> bool {
        let text = std::fs::read_to_string(self.document(id)).unwrap();
        text.contains(&format!("\"title\":\"{title}\""))
    }
}

#[tokio::test]
async fn a_rollback_takes_every_store_back() {
    let scene = Scene::new().await;
    scene.publish(&[("a", "first"), ("b", "first")]).await;
    let before = scene.seen().await;
    let second = scene.publish(&[("a", "second"), ("c", "second")]).await;
    scene.roll_back(&second).await;
    assert_eq!(scene.seen().await, before);
}

#[tokio::test]
async fn a_value_that_another_hand_wrote_meanwhile_is_kept_and_the_operation_is_held() {
    let scene = Scene::new().await;
    scene.publish(&[("a", "first"), ("b", "first")]).await;
    // It is killed after its first document; meanwhile a person edits a document that it would retire at the end.
    let request = scene.request(&[("a", "second")]);
    let fuse = Fuse::endless();
    let rehearsal = world::copy(scene.platform.path());
    open(rehearsal.path(), &fuse).await.publish_folder(request.clone()).await.unwrap();
    let writes = fuse.seen().iter().position(|place| place == "catalog").unwrap() + 1;
    let killed = open(scene.platform.path(), &Fuse::of(writes)).await.publish_folder(request).await;
    assert!(killed.is_err());
    std::fs::write(scene.document("b"), "edited by hand").unwrap();

    let id = scene.open().await.status().await.unwrap().open[0].id.to_string();
    let held = scene.open().await.publish_resume(&id, false).await.unwrap_err();
    let Error::Unfinished { status, held_reason, .. } = &held else { panic!("{held}") };
    assert_eq!((*status, held_reason.as_deref()), (Status::Held, Some("foreign_value")));
    assert_eq!(std::fs::read_to_string(scene.document("b")).unwrap(), "edited by hand");
}

#[tokio::test]
async fn the_owner_of_a_document_is_told_by_the_log_and_not_by_its_value() {
    let scene = Scene::new().await;
    scene.publish(&[("a", "zero"), ("b", "zero")]).await;
    let first = scene.publish(&[("a", "one"), ("b", "one")]).await;
    scene.publish(&[("a", "two"), ("b", "one")]).await;
    let third = scene.publish(&[("a", "one"), ("b", "one")]).await;
    // The document has the value that the first publish gave it, but the third publish gave it that value last.
    let plan = scene.plan(&first).await;
    let skipped = plan.skipped.first.iter().find(|line| line.key == "things/a.json").unwrap();
    assert_eq!(skipped.by.as_ref().map(ToString::to_string), Some(third));
    assert!(plan.steps.first.iter().all(|step| step.key != "things/a.json"), "{plan:#?}");
}

#[tokio::test]
async fn what_is_restored_is_what_stands_and_not_what_was_undone() {
    let scene = Scene::new().await;
    scene.publish(&[("a", "one"), ("b", "one")]).await;
    let second = scene.publish(&[("a", "two"), ("b", "two")]).await;
    let third = scene.publish(&[("a", "three"), ("b", "two")]).await;
    assert_eq!(scene.roll_back(&second).await.skipped.total, 1);
    scene.roll_back(&third).await;
    assert!(scene.is_titled("a", "one") && scene.is_titled("b", "one"));
}

#[tokio::test]
async fn a_plan_is_not_executed_after_a_publish_in_its_scope() {
    let scene = Scene::new().await;
    scene.publish(&[("a", "one"), ("b", "one")]).await;
    let second = scene.publish(&[("a", "two"), ("b", "two")]).await;
    let plan = scene.plan(&second).await;
    scene.publish(&[("a", "three"), ("b", "two")]).await;
    let before = scene.seen().await;
    let stale = scene.execute(PlanTarget::Plan(plan.plan_id.to_string())).await.unwrap_err();
    assert!(matches!(stale, Error::Conflict { .. }), "{stale}");
    assert_eq!(scene.seen().await, before);
}

#[tokio::test]
async fn a_plan_is_judged_again_when_it_is_executed() {
    let scene = Scene::new().await;
    scene.publish(&[("a", "one")]).await;
    let second = scene.publish(&[("a", "two")]).await;
    let plan = scene.plan(&second).await;
    let assign = LabelAssign {
        entity: Some("things/a.json".into()),
        under: None,
        care: "restricted".into(),
        authority: "FAIR+CARE Council".into(),
        reason: "a burial ground".into(),
        review_by: "2030-06-30".into(),
        heritage: false,
        even_if_nothing: false,
    };
    scene.open().await.label_assign(assign).await.unwrap();
    let denied = scene.execute(PlanTarget::Plan(plan.plan_id.to_string())).await.unwrap_err();
    assert!(matches!(denied, Error::Denied { .. }), "{denied}");
    assert!(scene.is_titled("a", "two"));
}

/// A search engine that acknowledges every switch and makes none.
#[derive(Debug)]
struct Forgetful(Arc<dyn DomainOp>);

#[async_trait]
impl DomainOp for Forgetful {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn domain(&self) -> Domain {
        self.0.domain()
    }

    fn role(&self) -> Role {
        self.0.role()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn probe(&self) -> Result<Probe, OpError> {
        self.0.probe().await
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, OpError> {
        self.0.scan(after, limit).await
    }

    async fn observe(&self, keys: &[String], depth: Depth) -> Result<Vec<SeenAt>, OpError> {
        self.0.observe(keys, depth).await
    }

    async fn read(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, OpError> {
        self.0.read(keys).await
    }

    async fn swap(&self, _: &WriteContext, batch: &[Swap]) -> Result<Outcomes, OpError> {
        Ok(batch.iter().map(|_| Ok(Swapped::Applied { generation: None })).collect())
    }

    async fn recover(&self, cx: &WriteContext) -> Result<(), OpError> {
        self.0.recover(cx).await
    }
}

#[tokio::test]
async fn an_operation_is_not_done_because_no_step_failed() {
    let scene = Scene::new().await;
    scene.publish(&[("a", "one")]).await;
    let before = scene.seen().await;
    let platform = scene.open().await;
    let search = platform.store("search").unwrap();
    let request = scene.request(&[("a", "two")]);
    let failed = platform.with_store(Arc::new(Forgetful(search))).publish_folder(request).await.unwrap_err();
    assert!(matches!(failed, Error::Failed { status: Status::Aborted, .. }), "{failed}");
    assert_eq!(scene.seen().await, before);
}
