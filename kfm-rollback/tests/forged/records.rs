//! Records in the log that this engine would not write.

use kfm_lineage::OperationId;
use kfm_rollback::Error;
use kfm_rollback::report::Status;
use kfm_wal::record::{OperationFrame, Record};

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
    assert!(doctor.findings.iter().any(|finding| finding.contains(id.as_str())), "{doctor:?}");
    let refused = world.open().await.publish_resume(id.as_str(), false).await.unwrap_err();
    let Error::Unfinished { next, message, .. } = &refused else { panic!("{refused}") };
    assert!(message.contains("does not fit") && message.contains("lsn="), "{message}");
    assert!(next.iter().all(|command| command.contains("--abort")), "{next:?}");

    let aborted = world.open().await.publish_resume(id.as_str(), true).await.unwrap();
    assert_eq!(aborted.status, Status::Aborted);
    put(&world, &[("a.json", item("a", "third"))]).await;
    assert!(world.open().await.status().await.unwrap().open.is_empty());
}
