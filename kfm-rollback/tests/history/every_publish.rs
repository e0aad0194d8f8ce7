//! Each of the 58 publishes, undone and made again right after it happened.

use kfm_rollback::report::Status;

use crate::acts::{execute_plan, plan, publish_step, revert, seen, signer};
use crate::support::{History, World};

#[tokio::test]
async fn every_publish_is_undone_and_made_again_to_the_byte_in_all_stores() {
    undo_and_make_again(&World::new().await).await;
}

/// As in a large catalog, of which a command looks at the part around its change.
#[tokio::test]
async fn every_publish_is_undone_and_made_again_by_what_is_kept_beside_the_log() {
    let world = World::keeping().await;
    undo_and_make_again(&world).await;
    world.assert_kept_as_made_anew().await;
}

async fn undo_and_make_again(world: &World) {
    let history = History::publishes();
    let reviewer = signer(world, "maria", "reviewer").await;
    let (mut with_returned, mut approved) = (Vec::new(), Vec::new());
    for seq in 1..=history.steps.len() {
        let before = seen(&world.open().await).await;
        let publish = publish_step(world, &history, seq).await;
        let after = seen(&world.open().await).await;
        assert_ne!(before, after, "publish {seq}");

        let planned = plan(world, &publish).await;
        assert!(planned.decision.allowed, "publish {seq}: {:#?}", planned.findings);
        assert_eq!(planned.skipped.total, 0, "publish {seq}");
        if planned.returned > 0 {
            assert!(planned.findings.first.iter().any(is_a_break), "publish {seq}: {:#?}", planned.findings);
            assert_ne!(planned.risk_level, "low", "publish {seq}");
            with_returned.push(seq);
        }
        let done = execute_plan(world, &planned.plan_id.to_string()).await.unwrap();
        assert_eq!(done.status, Status::Completed, "publish {seq}");
        assert_eq!(seen(&world.open().await).await, before, "rollback of publish {seq}");

        let reverted = revert(world, done.rollback_id.unwrap().as_str(), &reviewer).await;
        assert_eq!(reverted.report.status, Status::Completed, "publish {seq}");
        assert_eq!(seen(&world.open().await).await, after, "revert of publish {seq}");
        if reverted.approved {
            approved.push(seq);
        }
    }
    assert_eq!(with_returned.len(), 13, "{with_returned:?}");
    // Only publish 58 states a looser licence than what it replaced: proprietary became public domain.
    assert_eq!(approved, [58]);
}

fn is_a_break(finding: &kfm_rollback::report::FindingLine) -> bool {
    let family = |code: &String| code.starts_with("LNK-") || code.starts_with("ORP-");
    finding.code.as_ref().is_some_and(family) && finding.message.starts_with("returns")
}
