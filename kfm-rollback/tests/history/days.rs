//! The end of the history with one publish a day: days whose documents a later day has changed again.

use std::collections::BTreeMap;

use kfm_rollback::report::{SkippedLine, Status};
use kfm_rollback::{Error, PlanRequest};

use kfm_policy::Remedy;

use crate::acts::{
    approve, execute_plan, plan, publish_all, publish_step, revert, roll_back, seen, signer, try_roll_back,
};
use crate::support::{History, World};

/// The last day that changed each document, by the data itself.
fn last_changed(history: &History) -> BTreeMap<&str, usize> {
    let changes = history.steps.iter().flat_map(|step| step.changes.iter().map(|change| (step.seq, change)));
    changes.map(|(seq, change)| (change.path.as_str(), seq)).collect()
}

/// The documents that a day changed and a later day changed again, with the publish of that later day.
fn superseded(history: &History, days: &[String], day: usize) -> BTreeMap<String, String> {
    let last = last_changed(history);
    let changed = history.steps[day - 1].changes.iter().map(|change| change.path.as_str());
    changed
        .filter(|path| last[path] != day)
        .map(|path| (path.to_owned(), days[last[path] - 1].clone()))
        .collect()
}

fn owners(skipped: &[SkippedLine]) -> BTreeMap<String, String> {
    let owner = |line: &SkippedLine| (line.key.clone(), line.by.as_ref().unwrap().to_string());
    skipped.iter().map(owner).collect()
}

#[tokio::test]
async fn day_5_moves_11_documents_and_leaves_4_to_the_days_that_own_them_now() {
    let (world, history) = (World::new().await, History::days());
    let days = publish_all(&world, &history).await;

    let planned = plan(&world, &days[4]).await;
    assert_eq!((planned.steps.by_domain["stac"], planned.skipped.total), (11, 4));
    assert!(planned.skipped.first.iter().all(|line| line.why == "superseded" && line.domain == "stac"));
    assert_eq!(owners(&planned.skipped.first), superseded(&history, &days, 5));

    let mut expected = world.documents();
    for change in &history.steps[4].changes {
        if owners(&planned.skipped.first).contains_key(&change.path) {
            continue;
        }
        let earlier = history.steps[..4].iter().rev().flat_map(|step| &step.changes);
        let before = earlier.into_iter().find(|earlier| earlier.path == change.path);
        match before.and_then(|change| change.sha256.as_deref()) {
            Some(digest) => expected.insert(change.path.clone(), history.blob(digest)),
            None => expected.remove(&change.path),
        };
    }
    let done = roll_back(&world, &days[4]).await;
    assert_eq!((done.applied.by_domain["stac"], done.skipped.total), (11, 4));
    assert_eq!(world.documents(), expected);
}

#[tokio::test]
async fn day_6_is_denied_naming_the_document_it_would_orphan_and_the_day_that_keeps_it() {
    let (world, history) = (World::new().await, History::days());
    let days = publish_all(&world, &history).await;
    let before = seen(&world.open().await).await;

    for denied in [
        world.open().await.plan(PlanRequest::new(&days[5])).await.unwrap_err(),
        try_roll_back(&world, &days[5]).await.unwrap_err(),
    ] {
        let Error::Denied { findings, .. } = denied else { panic!("{denied}") };
        let orphan = findings.iter().find(|finding| finding.denies).unwrap();
        assert_eq!(orphan.code.as_deref(), Some("ORP-1"));
        assert_eq!(orphan.subject, "stac/collections/historic_topo.json");
        assert!(
            orphan.remedy.remedies().any(|remedy| *remedy == Remedy::undo(&days[6].parse().unwrap())),
            "{orphan:?}"
        );
    }
    assert_eq!(seen(&world.open().await).await, before);
}

#[tokio::test]
async fn days_1_to_4_have_nothing_left_to_undo_and_their_owners_are_named_newest_first() {
    let (world, history) = (World::new().await, History::days());
    let days = publish_all(&world, &history).await;
    let before = seen(&world.open().await).await;

    for day in 1..=4 {
        let planned = plan(&world, &days[day - 1]).await;
        assert_eq!(planned.steps.total, 0, "day {day}");
        assert_eq!(planned.path, None, "nothing is stored, day {day}");
        let done = roll_back(&world, &days[day - 1]).await;
        assert_eq!((done.status, done.applied.total, done.rollback_id), (Status::Completed, 0, None));

        let expected = superseded(&history, &days, day);
        let listed = owners(&done.skipped.first);
        assert_eq!(listed, expected, "day {day}");
        let mut newest_first: Vec<String> = expected.into_values().collect();
        newest_first.sort();
        newest_first.dedup();
        newest_first.reverse();
        let undo = |id: &String| Remedy::undo(&id.parse().unwrap());
        let undoings: Vec<Remedy> = newest_first.iter().map(undo).collect();
        assert_eq!(done.next, undoings, "day {day}");
        assert_eq!(planned.next, undoings, "day {day}");
    }
    let publishes = world.open().await.publishes().await.unwrap().publishes;
    assert!(publishes.iter().all(|publish| publish.rolled_back_by.is_none()), "nothing is marked");
    assert_eq!(seen(&world.open().await).await, before);
}

#[tokio::test]
async fn all_days_undone_from_the_newest_and_made_again_from_the_oldest_pass_the_same_states() {
    let (world, history) = (World::new().await, History::days());
    let reviewer = signer(&world, "maria", "reviewer").await;
    let (mut days, mut states) = (Vec::new(), vec![seen(&world.open().await).await]);
    for day in 1..=history.steps.len() {
        days.push(publish_step(&world, &history, day).await);
        states.push(seen(&world.open().await).await);
    }

    let mut rollbacks = Vec::new();
    for (day, publish) in days.iter().enumerate().rev() {
        let planned = plan(&world, publish).await;
        let plan_id = planned.plan_id.to_string();
        if !planned.approvals_needed.is_empty() {
            approve(&world, &plan_id, &reviewer).await;
        }
        let done = execute_plan(&world, &plan_id).await.unwrap();
        assert_eq!(seen(&world.open().await).await, states[day], "day {} undone", day + 1);
        rollbacks.push(done.rollback_id.unwrap());
    }
    for (day, rollback) in rollbacks.iter().rev().enumerate() {
        revert(&world, rollback.as_str(), &reviewer).await;
        assert_eq!(seen(&world.open().await).await, states[day + 1], "day {} made again", day + 1);
    }
}
