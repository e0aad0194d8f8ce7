//! What the tests of this folder do again and again.

use std::collections::BTreeMap;

use kfm_rollback::op::DomainOpExt;
use kfm_rollback::report::{ExecuteReport, PlanReport, Status};
use kfm_rollback::{Error, ExecuteRequest, PlanRequest, PlanTarget, Platform};

use crate::support::{History, World};

/// What readers see: the bytes of every cell, by store and key.
pub type Seen = BTreeMap<(String, String), Vec<u8>>;

/// Reads every store whole.
pub async fn seen(platform: &Platform) -> Seen {
    let mut seen = Seen::new();
    for store in platform.stores() {
        for key in store.keys().await.unwrap() {
            if let Some(bytes) = store.content(&key).await.unwrap() {
                seen.insert((store.name().to_owned(), key), bytes.to_vec());
            }
        }
    }
    seen
}

/// Publishes step `seq` of a history, and returns the publish's id.
pub async fn publish_step(world: &World, history: &History, seq: usize) -> String {
    history.lay(seq, history.folder.path());
    let report = world.publish(history.folder.path()).await;
    assert_eq!(report.status, Status::Completed, "publish {seq}");
    report.publish_id.unwrap().to_string()
}

/// Publishes all steps of a history, and returns the publishes' ids in order.
pub async fn publish_all(world: &World, history: &History) -> Vec<String> {
    let mut ids = Vec::new();
    for seq in 1..=history.steps.len() {
        ids.push(publish_step(world, history, seq).await);
    }
    ids
}

pub async fn plan(world: &World, publish: &str) -> PlanReport {
    world.open().await.plan(PlanRequest::new(publish)).await.unwrap()
}

/// Rolls a publish back, planned at once.
pub async fn roll_back(world: &World, publish: &str) -> ExecuteReport {
    try_roll_back(world, publish).await.unwrap()
}

pub async fn try_roll_back(world: &World, publish: &str) -> Result<ExecuteReport, Error> {
    let target = PlanTarget::Publish(publish.into());
    world.open().await.execute(ExecuteRequest::new(target, "it was wrong")).await
}

pub async fn execute_plan(world: &World, plan_id: &str) -> Result<ExecuteReport, Error> {
    let target = PlanTarget::Plan(plan_id.into());
    world.open().await.execute(ExecuteRequest::new(target, "it was wrong")).await
}

/// A principal that may approve, with the key to sign by.
#[derive(Debug)]
pub struct Signer {
    pub name: &'static str,
    pub role: &'static str,
    pub key: String,
}

pub async fn signer(world: &World, name: &'static str, role: &'static str) -> Signer {
    let added = world.open().await.principal_add(name, &[role.to_owned()], None).await.unwrap();
    Signer { name, role, key: added.1.unwrap() }
}

pub async fn approve(world: &World, plan_id: &str, signer: &Signer) {
    let platform = world.open_as(signer.name).await;
    platform.approve(plan_id, signer.name, signer.role, &signer.key, None).await.unwrap();
}

/// The result of a revert, and whether it had to be approved.
pub struct Reverted {
    pub report: ExecuteReport,
    pub approved: bool,
}

/// Takes a rollback back, with a signer's approval if one is needed.
pub async fn revert(world: &World, rollback: &str, signer: &Signer) -> Reverted {
    match world.open().await.revert(rollback, "it was right after all").await {
        Ok(report) => Reverted { report, approved: false },
        Err(Error::ApprovalRequired { plan_id, .. }) => {
            let plan_id = plan_id.to_string();
            approve(world, &plan_id, signer).await;
            Reverted { report: execute_plan(world, &plan_id).await.unwrap(), approved: true }
        }
        Err(error) => panic!("revert of {rollback}: {error}"),
    }
}
