//! Records in the log that this engine would not write.

use kfm_lineage::OperationId;
use kfm_policy::Remedy;
use kfm_rollback::Error;
use kfm_rollback::report::Status;
use kfm_wal::record::{
    Batch, Direction, EndState, JournalEntry, JournalRecord, OperationClosed, OperationFrame, PublishIntent,
    Record,
};

use crate::forge::{execute, item, planned, put, records_of, slip_in};

/// The record that opens the rollback of a plan, as another program would write it: under the id of a publish.
async fn opened_under_a_publish_s_id() -> (crate::support::World, OperationId) {
    let (world, _, plan) = planned().await;
    let done = world.open().await.execute(execute(plan["plan_id"].as_str().unwrap())).await.unwrap();
    let rollback = OperationId::from(done.rollback_id.unwrap());
    let frame = records_of(&world, &rollback).await.into_iter().find_map(|record| match record {
        Record::Operation(frame) => Some(OperationFrame::clone(&frame)),
        _ => None,
    });
    let id = OperationId::parse("pub_2027_01_01T00_00_00Z_evil").unwrap();
    let frame = OperationFrame { wal_id: id.clone(), ..frame.unwrap() };
    slip_in(&world, Record::Operation(Box::new(frame))).await;
    (world, id)
}

#[tokio::test]
async fn an_operation_under_an_id_that_does_not_fit_can_be_aborted_and_nothing_else() {
    let (world, id) = opened_under_a_publish_s_id().await;
    let status = world.open().await.status().await.unwrap();
    assert_eq!(status.open.len(), 1);
    let doctor = world.open().await.doctor(false).await.unwrap();
    assert!(doctor.findings.iter().any(|finding| finding.to_string().contains(id.as_str())), "{doctor:?}");
    let refused = world.open().await.publish_resume(id.as_str(), false).await.unwrap_err();
    let Error::Unfinished { next, message, .. } = &refused else { panic!("{refused}") };
    assert!(message.contains("does not fit") && message.contains("lsn="), "{message}");
    assert!(next.iter().all(|remedy| matches!(remedy, Remedy::Abort { .. })), "{next:?}");

    let aborted = world.open().await.publish_resume(id.as_str(), true).await.unwrap();
    assert_eq!(aborted.status, Status::Aborted);
    put(&world, &[("a.json", item("a", "third"))]).await;
    assert!(world.open().await.status().await.unwrap().open.is_empty());
}

/// Everything that an operation journals forward, as somebody would write it who wants its abort to move things back.
async fn slip_in_a_journal(world: &crate::support::World, id: &OperationId, count: u64) {
    let (batch, direction) = (Batch { first: 0, count }, Direction::Forward);
    let entries = [
        JournalEntry::Intent { direction, batch },
        JournalEntry::Outcome { direction, batch, applied: count, already: 0 },
    ];
    for (n, entry) in (1..).zip(entries) {
        slip_in(world, Record::Journal(JournalRecord { operation: id.clone(), n, entry })).await;
    }
}

/// Asserts that what is open under an id cannot be carried on, that its abort moves nothing, and that work goes on.
async fn assert_only_aborted(world: &crate::support::World, id: &str, why: &str) {
    let before = world.documents();
    let doctor = world.open().await.doctor(false).await.unwrap();
    assert!(
        doctor
            .findings
            .iter()
            .any(|finding| finding.to_string().contains(id) && finding.to_string().contains(why)),
        "{doctor:?}"
    );
    let resume = async |abort| match id.get(..3) {
        Some("pub") => world.open().await.publish_resume(id, abort).await.map(|report| report.status),
        _ => world.open().await.rollback_resume(id, abort, Vec::new()).await.map(|report| report.status),
    };
    let refused = resume(false).await.unwrap_err();
    assert!(matches!(refused, Error::Unfinished { .. }) && refused.to_string().contains(why), "{refused}");
    assert_eq!(world.documents(), before);
    assert_eq!(resume(true).await.unwrap(), Status::Aborted);
    assert_eq!(world.documents(), before, "nothing is moved in its name");
    put(world, &[("a.json", item("a", "goes on"))]).await;
    assert_eq!(world.open().await.reconcile(false).await.unwrap().foreign.total, 0);
    assert!(world.open().await.doctor(false).await.unwrap().findings.is_empty());
}

#[tokio::test]
async fn a_publish_that_was_made_once_is_not_made_or_unmade_under_another_id() {
    let (world, publish, _) = planned().await;
    let records = records_of(&world, &OperationId::parse(&publish).unwrap()).await;
    let Some(Record::PublishIntent(intent)) = records.first() else { panic!("{records:?}") };
    let id = "pub_2027_01_01T00_00_00Z_evil";
    let again = PublishIntent { publish_id: id.parse().unwrap(), ..PublishIntent::clone(intent) };
    let count = again.steps.count;
    slip_in(&world, Record::PublishIntent(Box::new(again))).await;
    slip_in_a_journal(&world, &OperationId::parse(id).unwrap(), count).await;
    assert_only_aborted(&world, id, "it begins at values that the log does not say").await;
}

#[tokio::test]
async fn a_publish_of_other_steps_than_it_is_judged_by_is_not_made() {
    let (world, publish, _) = planned().await;
    let records = records_of(&world, &OperationId::parse(&publish).unwrap()).await;
    let Some(Record::PublishIntent(intent)) = records.first() else { panic!("{records:?}") };
    let id = "pub_2027_01_01T00_00_00Z_evil";
    let digest = intent.post_state_expected;
    let other = PublishIntent {
        publish_id: id.parse().unwrap(),
        pre_state_hash: digest,
        ..PublishIntent::clone(intent)
    };
    slip_in(&world, Record::PublishIntent(Box::new(other))).await;
    assert_only_aborted(&world, id, "its steps are not those that it is to be judged by").await;
}

#[tokio::test]
async fn a_rollback_without_its_plan_is_not_made() {
    let (world, _, plan) = planned().await;
    let done = world.open().await.execute(execute(plan["plan_id"].as_str().unwrap())).await.unwrap();
    let rollback = OperationId::from(done.rollback_id.unwrap());
    world.open().await.revert(rollback.as_str(), "it was right").await.unwrap();
    let Some(Record::Operation(frame)) =
        records_of(&world, &rollback).await.into_iter().find(|record| matches!(record, Record::Operation(_)))
    else {
        panic!("it was opened")
    };
    // The cells hold what they held then: in all but its plan it is a rollback that could be made.
    let id = format!("rb_2027_01_01T00_00_00Z_{}", frame.payload.target);
    let mut again =
        OperationFrame { wal_id: OperationId::parse(&id).unwrap(), ..OperationFrame::clone(&frame) };
    let count = again.payload.steps.count;
    slip_in(&world, Record::Operation(Box::new(again.clone()))).await;
    slip_in_a_journal(&world, &again.wal_id, count).await;
    assert_only_aborted(&world, &id, "the log knows its plan otherwise").await;

    again.wal_id = OperationId::parse(&id.replace("2027", "2028")).unwrap();
    again.payload.plan_id = again.payload.steps.digest;
    slip_in(&world, Record::Operation(Box::new(again.clone()))).await;
    let why = world.open().await.rollback_resume(again.wal_id.as_str(), false, Vec::new()).await.unwrap_err();
    assert!(matches!(why, Error::Unfinished { .. }), "{why}");
}

#[tokio::test]
async fn what_is_opened_or_ended_twice_stays_what_it_is_and_is_named() {
    let (world, publish, plan) = planned().await;
    let done = world.open().await.execute(execute(plan["plan_id"].as_str().unwrap())).await.unwrap();
    let rollback = OperationId::from(done.rollback_id.unwrap());
    let before = world.open().await.publishes().await.unwrap();
    let (mut frame, mut closed) = (None, None);
    for record in records_of(&world, &rollback).await {
        match record {
            Record::Operation(record) => frame = Some(OperationFrame::clone(&record)),
            Record::OperationClosed(record) => closed = Some(record),
            _ => {}
        }
    }
    let wal_id = OperationId::parse(&publish).unwrap();
    let frame = OperationFrame { wal_id: wal_id.clone(), ..frame.unwrap() };
    slip_in(&world, Record::Operation(Box::new(frame))).await;
    let mut closed = OperationClosed { wal_id, ..closed.unwrap() };
    closed.close.end = EndState::Aborted;
    slip_in(&world, Record::OperationClosed(closed)).await;
    assert_eq!(world.open().await.publishes().await.unwrap(), before);
    assert!(world.open().await.status().await.unwrap().open.is_empty());
    let findings = world.open().await.doctor(false).await.unwrap().findings;
    for said in ["it opens again what is open or has ended", "it ends again what has ended"] {
        assert!(
            findings
                .iter()
                .any(|finding| finding.to_string().contains(said) && finding.to_string().contains(&publish)),
            "{findings:?}"
        );
    }
    put(&world, &[("a.json", item("a", "goes on"))]).await;
}
