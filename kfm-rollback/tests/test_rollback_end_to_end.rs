//! A real bad publish, rolled back end to end (R110): the catalog's own history of 58 publishes.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use kfm_rollback::report::Status;
use kfm_rollback::{Error, ExecuteRequest, PlanRequest, PlanTarget};
use support::{History, World};

/// Publishes steps `from..=to` of a history, and returns the last publish's id.
async fn publish_steps(world: &World, history: &History, from: usize, to: usize) -> String {
    let mut last = String::new();
    for seq in from..=to {
        history.lay(seq, history.folder.path());
        let report = world.publish(history.folder.path()).await;
        assert_eq!(report.status, Status::Completed, "publish {seq}");
        last = report.publish_id.unwrap().to_string();
    }
    last
}

#[tokio::test]
async fn the_58_publishes_count_what_they_must_and_the_bad_one_rolls_back_to_the_bytes_of_publish_40() {
    let world = World::new().await;
    let history = History::publishes();
    publish_steps(&world, &history, 1, 57).await;
    let good = world.open().await.catalog_check().await.unwrap();
    assert_eq!(
        [good.broken_links, good.orphan_count, good.duplicate_ids, good.wrong_self_links, good.not_json],
        [45, 22, 1, 4, 1]
    );
    let before = world.documents();
    let bad = publish_steps(&world, &history, 58, 58).await;
    let check = world.open().await.catalog_check().await.unwrap();
    assert_eq!(
        [check.broken_links, check.orphan_count, check.duplicate_ids, check.wrong_self_links, check.not_json],
        [45, 22, 2, 5, 1]
    );

    let plan = world.open().await.plan(PlanRequest::new(&bad)).await.unwrap();
    let documents: Vec<_> = plan.steps.first.iter().filter(|step| step.domain == "stac").collect();
    assert_eq!(plan.steps.by_domain["stac"], 1);
    assert_eq!(documents[0].key, "stac/collections/elevation.json");
    let of_40 = history.steps[39].changes[0].sha256.clone().unwrap();
    assert_eq!(documents[0].to.unwrap().to_string(), format!("sha256:{of_40}"));
    let again = world.open().await.plan(PlanRequest::new(&bad)).await.unwrap();
    assert_eq!(plan.content_id, again.content_id);

    let request = ExecuteRequest::new(PlanTarget::Publish(bad.clone()), "elevation was overwritten");
    let done = world.open().await.execute(request.clone()).await.unwrap();
    assert_eq!(done.status, Status::Completed);
    assert_eq!(world.documents(), before);
    assert_eq!(world.documents()["stac/collections/elevation.json"], history.blob(&of_40));
    let after = world.open().await.catalog_check().await.unwrap();
    assert_eq!((after.duplicate_ids, after.store_skew), (1, 0));

    let twice = world.open().await.execute(request).await.unwrap();
    assert_eq!((twice.applied.total, twice.status), (0, Status::Completed));
    assert!(twice.note.unwrap().contains("nothing to do"));

    let rollback = done.rollback_id.unwrap();
    let verified = world.open().await.verify(rollback.as_str()).await.unwrap();
    assert!(verified.ok, "{verified:#?}");

    // The bad version is under a looser licence: going back to it needs a reviewer.
    let refused = world.open().await.revert(rollback.as_str(), "to see").await.unwrap_err();
    let Error::ApprovalRequired { plan_id, .. } = refused else { panic!("{refused}") };
    let (_, key) = world.open().await.principal_add("maria", &["reviewer".into()], None).await.unwrap();
    let platform = world.open_as("maria").await;
    platform.approve(&plan_id.to_string(), "maria", "reviewer", &key.unwrap(), None).await.unwrap();
    let request = ExecuteRequest::new(PlanTarget::Plan(plan_id.to_string()), "to see");
    let reverted = world.open().await.execute(request).await.unwrap();
    assert_eq!(reverted.status, Status::Completed);
    let of_58 = history.steps[57].changes[0].sha256.clone().unwrap();
    assert_eq!(world.documents()["stac/collections/elevation.json"], history.blob(&of_58));
}
