//! Adoption, foreign values and reconciliation (`docs/states.md` section 2).

use std::path::Path;

use kfm_rollback::report::Status;
use kfm_rollback::{Error, ExecuteRequest, PlanTarget, PublishFolder};

use kfm_policy::Remedy;

use crate::acts::{plan, publish_step, revert, roll_back, seen, signer, try_roll_back};
use crate::small::{item, path, put, said, titles, try_put};
use crate::support::{History, World};

/// Lays publishes 1 to 40 into a folder, as they stand after the last of them.
fn lay_40(history: &History, into: &Path) {
    (1..=40).for_each(|seq| history.lay(seq, into));
}

/// A platform whose catalog held publishes 1 to 40 before there was a log.
async fn old_catalog(world: &World) -> History {
    let history = History::publishes();
    lay_40(&history, &world.catalog());
    lay_40(&history, history.folder.path());
    history
}

#[tokio::test]
async fn what_was_adopted_is_the_predecessor_of_every_later_publish() {
    let world = World::new().await;
    let history = old_catalog(&world).await;
    let reviewer = signer(&world, "maria", "reviewer").await;
    let adopted = world.documents();
    let report = world.open().await.adopt(None, Some("before the log")).await.unwrap();
    assert_eq!(report.documents, adopted.len() as u64);
    assert_eq!(world.documents(), adopted, "adoption moves nothing");

    let mut publishes = Vec::new();
    for seq in 41..=58 {
        let before = world.documents();
        publishes.push((publish_step(&world, &history, seq).await, before));
    }
    for (publish, before) in publishes.iter().rev() {
        let planned = plan(&world, publish).await;
        assert_eq!(planned.steps.by_domain["stac"], 1, "{publish}");
        let done = roll_back(&world, publish).await;
        assert_eq!(world.documents(), *before, "{publish}");
        if publish == &publishes[17].0 {
            revert(&world, done.rollback_id.unwrap().as_str(), &reviewer).await;
            roll_back(&world, publish).await;
        }
    }
    assert_eq!(world.documents(), adopted);
}

#[tokio::test]
async fn publishing_onto_documents_that_nobody_adopted_is_refused_and_names_the_command() {
    let world = World::new().await;
    let history = old_catalog(&world).await;
    let before = world.documents();
    history.lay(41, history.folder.path());

    let request = PublishFolder::new(history.folder.path(), "ingest".parse().unwrap());
    let refused = world.open().await.publish_folder(request).await.unwrap_err();
    assert_eq!(refused.kind(), "conflict");
    let Error::Conflict { next, .. } = refused else { panic!("{refused}") };
    assert_eq!(next, [Remedy::Adopt]);
    assert_eq!(world.documents(), before);
    assert!(world.open().await.publishes().await.unwrap().publishes.is_empty());
}

#[tokio::test]
async fn a_genesis_cannot_be_rolled_back() {
    let world = World::new().await;
    old_catalog(&world).await;
    let genesis = world.open().await.adopt(None, None).await.unwrap().publish_id.unwrap();
    let refused = try_roll_back(&world, genesis.as_str()).await.unwrap_err();
    assert_eq!(refused.kind(), "invalid", "{refused}");
}

#[tokio::test]
async fn an_unlabelled_catalog_is_adopted_with_a_list_and_everything_later_waits_for_labels() {
    let world = World::unlabelled().await;
    let history = old_catalog(&world).await;
    let report = world.open().await.adopt(None, None).await.unwrap();
    let unlabelled = |code: &Option<String>| code.as_deref() == Some("C-F01");
    let listed = report.findings.first.iter().filter(|finding| unlabelled(&finding.code)).count();
    assert_eq!(listed as u64, report.documents);
    assert!(report.findings.first.iter().all(|finding| !finding.denies));

    history.lay(41, history.folder.path());
    let request = || PublishFolder::new(history.folder.path(), "ingest".parse().unwrap());
    let denied = world.open().await.publish_folder(request()).await.unwrap_err();
    let Error::Denied { findings, .. } = &denied else { panic!("{denied}") };
    assert!(findings.iter().any(|finding| finding.denies && unlabelled(&finding.code)), "{findings:#?}");

    world.label("", "public").await;
    let done = world.open().await.publish_folder(request()).await.unwrap();
    assert_eq!(done.status, Status::Completed);
    roll_back(&world, done.publish_id.unwrap().as_str()).await;
}

/// A platform with two publishes, and `a` changed by hand since. Returns the second publish.
async fn edited(world: &World) -> String {
    put(world, &[("a", Some(item("a", "first"))), ("b", Some(item("b", "first")))]).await;
    let second = put(world, &[("a", Some(item("a", "second"))), ("b", Some(item("b", "second")))]).await;
    std::fs::write(world.catalog().join(path("a")), item("a", "by hand").to_string()).unwrap();
    second
}

#[tokio::test]
async fn a_document_changed_by_hand_is_kept_and_what_would_overwrite_it_is_refused() {
    let world = World::new().await;
    let second = edited(&world).await;
    let before = seen(&world.open().await).await;

    let publish = try_put(&world.open().await, &[("a", Some(item("a", "third")))]).await.unwrap_err();
    let rollback = try_roll_back(&world, &second).await.unwrap_err();
    for refused in [publish, rollback] {
        assert_eq!(refused.kind(), "conflict", "{refused}");
        let Error::Conflict { conflicts, next, .. } = refused else { panic!("{refused}") };
        assert_eq!(conflicts.len(), 1);
        assert!(conflicts[0].subject.ends_with(&path("a")), "{conflicts:?}");
        assert_eq!(next, [Remedy::ListForeign]);
    }
    assert_eq!(seen(&world.open().await).await, before);

    let listed = world.open().await.reconcile(false).await.unwrap();
    assert_eq!((listed.foreign.total, listed.publish_id), (1, None));
    assert_eq!(listed.foreign.first[0].key, path("a"));
    assert_ne!(listed.foreign.first[0].known, listed.foreign.first[0].observed);
    assert_eq!(seen(&world.open().await).await, before, "listing writes nothing");
}

#[tokio::test]
async fn a_rollback_told_to_leave_the_foreign_document_alone_goes_on_without_it() {
    let world = World::new().await;
    let second = edited(&world).await;
    let target = PlanTarget::Publish(second);
    let request = ExecuteRequest { skip: vec![path("a")], ..ExecuteRequest::new(target, "b is wrong") };
    let done = world.open().await.execute(request).await.unwrap();
    assert_eq!(done.applied.by_domain["stac"], 1);
    assert_eq!(done.skipped.first[0].why, "asked");
    assert_eq!(titles(&world), said(&[("a", "by hand"), ("b", "first")]));
}

#[tokio::test]
async fn a_reconciled_document_is_a_publish_that_can_be_rolled_back() {
    let world = World::new().await;
    let second = edited(&world).await;
    let before = world.documents();
    let reconciled = world.open().await.reconcile(true).await.unwrap().publish_id.unwrap();
    assert_eq!(world.documents(), before, "reconciling moves no document");
    assert_eq!(
        world.open().await.catalog_check().await.unwrap().store_skew,
        0,
        "and what is derived follows"
    );
    let shown = world.open().await.publish_show(reconciled.as_str()).await.unwrap();
    assert_eq!((shown.line.kind.as_str(), shown.line.steps), ("reconcile", 0));

    // The document is the reconcile's now: the second publish has only the other one left.
    assert_eq!(plan(&world, &second).await.steps.by_domain["stac"], 1);
    roll_back(&world, reconciled.as_str()).await;
    assert_eq!(titles(&world), said(&[("a", "second"), ("b", "second")]));
    roll_back(&world, &second).await;
    assert_eq!(titles(&world), said(&[("a", "first"), ("b", "first")]));
}
