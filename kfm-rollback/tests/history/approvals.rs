//! Approvals in the engine: they are counted when a plan is executed, by any actor (R64, R68).

use std::time::Duration;

use kfm_policy::{Approval, PrivateKey, Role};
use kfm_retry::Clock;
use kfm_rollback::report::{ExecuteReport, Status};
use kfm_rollback::{Error, ExecuteRequest, LabelAssign, PlanTarget, Platform};
use kfm_wal::Wal;
use kfm_wal::local::{LocalLog, LocalOptions};
use kfm_wal::record::{ApprovalRecord, Record};
use serde_json::Value;

use crate::acts::{Signer, approve, execute_plan, plan, seen, signer};
use crate::small::{item, path, put};
use crate::support::World;

const HOUR: Duration = Duration::from_secs(3_600);

fn licensed(licence: &str) -> Value {
    let mut item = item("a", licence);
    item["properties"]["license"] = licence.into();
    item
}

/// A platform, and the plan of a rollback that would loosen a licence: one reviewer must approve.
async fn loosening(world: &World) -> String {
    put(world, &[("a", Some(licensed("CC0-1.0")))]).await;
    let publish = put(world, &[("a", Some(licensed("proprietary")))]).await;
    let planned = plan(world, &publish).await;
    assert_eq!((planned.status, planned.risk_level.as_str()), (Status::AwaitingApproval, "high"));
    planned.plan_id.to_string()
}

/// Executes a plan whose approvals must not suffice. Nothing moves; returns the reasons.
async fn refused(world: &World, platform: Platform, plan_id: &str) -> Vec<String> {
    let before = seen(&world.open().await).await;
    let error = execute_as(platform, plan_id).await.unwrap_err();
    assert_eq!(error.kind(), "approval_required", "{error}");
    assert_eq!(seen(&world.open().await).await, before);
    let Error::ApprovalRequired { refused, needed, .. } = error else { panic!("{error}") };
    assert!(!needed.is_empty());
    refused
}

async fn execute_as(platform: Platform, plan_id: &str) -> Result<ExecuteReport, Error> {
    let target = PlanTarget::Plan(plan_id.into());
    platform.execute(ExecuteRequest::new(target, "it was wrong")).await
}

/// Signs an approval that `kfm approve` would not take.
async fn sign(world: &World, plan_id: &str, signer: &Signer, validity: Duration) -> Approval {
    let now = kfm_lineage::Timestamp::try_from(world.clock.wall()).unwrap();
    let key = PrivateKey::parse(&signer.key).unwrap();
    let role = Role::parse(signer.role).unwrap();
    let expires_at = now + jiff::SignedDuration::try_from(validity).unwrap();
    Approval::sign(plan_id.parse().unwrap(), (signer.name, role), now, expires_at, &key)
}

/// Writes an approval into the log without the engine, as a person or program with access to its folder can.
async fn slip_in(world: &World, approval: Approval) {
    let platform = world.open().await;
    let clock = platform.options().clock.clone();
    let (log, _) = LocalLog::open(platform.wal_dir(), LocalOptions::new(clock.clone())).unwrap();
    let wal = Wal::open(std::sync::Arc::new(log), clock).await.unwrap();
    let Approval { plan_id, principal, role, signed_at, expires_at, key, signature } = approval;
    let record = ApprovalRecord { plan_id, principal, role, signed_at, expires_at, key, signature };
    wal.append(Record::Approval(record)).await.unwrap();
}

#[tokio::test]
async fn a_plan_without_its_approval_waits_and_with_it_is_executed() {
    let world = World::new().await;
    let plan_id = loosening(&world).await;
    let reviewer = signer(&world, "maria", "reviewer").await;
    assert_eq!(refused(&world, world.open().await, &plan_id).await, [""; 0]);

    approve(&world, &plan_id, &reviewer).await;
    let done = execute_plan(&world, &plan_id).await.unwrap();
    assert_eq!(done.status, Status::Completed);
    let manifest = std::fs::read_to_string(done.manifest.unwrap()).unwrap();
    assert!(manifest.contains(r#""reviewers":["maria"]"#), "{manifest}");
}

#[tokio::test]
async fn whoever_asked_for_a_plan_cannot_approve_it() {
    let world = World::new().await;
    let plan_id = loosening(&world).await;
    let own = signer(&world, "operator", "reviewer").await;
    let platform = world.open().await;
    let error = platform.approve(&plan_id, own.name, own.role, &own.key, None).await.unwrap_err();
    assert!(error.to_string().contains("that planned"), "{error}");

    slip_in(&world, sign(&world, &plan_id, &own, HOUR).await).await;
    let why = refused(&world, world.open_as("somebody").await, &plan_id).await;
    assert_eq!(why, ["operator: the principal that planned the operation may not approve it"]);
}

#[tokio::test]
async fn a_twin_of_the_planners_name_is_the_planner() {
    let world = World::new().await;
    let plan_id = loosening(&world).await;
    let twin = signer(&world, "ｏｐｅｒａｔｏｒ", "reviewer").await;
    let platform = world.open().await;
    let error = platform.approve(&plan_id, twin.name, twin.role, &twin.key, None).await.unwrap_err();
    assert!(error.to_string().contains("that planned"), "{error}");
    slip_in(&world, sign(&world, &plan_id, &twin, HOUR).await).await;
    let why = refused(&world, world.open_as("somebody").await, &plan_id).await;
    assert_eq!(why.len(), 1, "{why:?}");
    // A second entry of the same name would make one person two.
    let added = world.open().await.principal_add("𝐎perator", &["reviewer".to_owned()], None).await;
    assert!(added.unwrap_err().to_string().contains("the name is taken"));
}

#[tokio::test]
async fn whoever_executes_a_plan_cannot_have_approved_it() {
    let world = World::new().await;
    let plan_id = loosening(&world).await;
    let reviewer = signer(&world, "maria", "reviewer").await;
    approve(&world, &plan_id, &reviewer).await;
    let why = refused(&world, world.open_as("maria").await, &plan_id).await;
    assert_eq!(why, ["maria: the principal that executes the operation may not approve it"]);
    // Another may execute what she approved.
    assert_eq!(execute_plan(&world, &plan_id).await.unwrap().status, Status::Completed);
}

#[tokio::test]
async fn an_approval_of_another_plan_does_not_count() {
    let world = World::new().await;
    let plan_id = loosening(&world).await;
    let reviewer = signer(&world, "maria", "reviewer").await;
    let publish = put(&world, &[("b", Some(item("b", "other")))]).await;
    let other = plan(&world, &publish).await.plan_id.to_string();
    approve(&world, &other, &reviewer).await;
    assert_eq!(refused(&world, world.open().await, &plan_id).await, [""; 0]);

    // The same signature under this plan's name is an altered one.
    let mut moved = sign(&world, &other, &reviewer, HOUR).await;
    moved.plan_id = plan_id.parse().unwrap();
    slip_in(&world, moved).await;
    let why = refused(&world, world.open().await, &plan_id).await;
    assert_eq!(why, ["maria: the signature does not fit: it was altered, or made with another key"]);
}

#[tokio::test]
async fn an_approval_counts_until_it_expires_and_cannot_be_prolonged() {
    let world = World::new().await;
    let plan_id = loosening(&world).await;
    let reviewer = signer(&world, "maria", "reviewer").await;
    let platform = world.open_as("maria").await;
    platform.approve(&plan_id, "maria", "reviewer", &reviewer.key, Some(HOUR)).await.unwrap();
    let mut prolonged = sign(&world, &plan_id, &reviewer, HOUR).await;
    prolonged.expires_at += jiff::SignedDuration::from_hours(24);
    slip_in(&world, prolonged).await;

    world.clock.advance(2 * HOUR);
    let why = refused(&world, world.open().await, &plan_id).await;
    let altered = "maria: the signature does not fit: it was altered, or made with another key";
    assert_eq!(why, ["maria: it has expired", altered]);
}

/// docs/states.md section 3: time is the later of the clock and the newest record of the log.
#[tokio::test]
async fn an_expired_approval_stays_expired_when_the_clock_is_set_back() {
    let world = World::new().await;
    let plan_id = loosening(&world).await;
    let reviewer = signer(&world, "maria", "reviewer").await;
    let platform = world.open_as("maria").await;
    platform.approve(&plan_id, "maria", "reviewer", &reviewer.key, Some(HOUR)).await.unwrap();

    world.clock.advance(2 * HOUR);
    assert_eq!(refused(&world, world.open().await, &plan_id).await, ["maria: it has expired"]);
    // Only a record tells later that the time has passed; the refusal is one.
    world.clock.set_back(2 * HOUR);
    assert_eq!(refused(&world, world.open().await, &plan_id).await, ["maria: it has expired"]);
    // A new approval is signed at the time of the log, and counts.
    approve(&world, &plan_id, &reviewer).await;
    assert_eq!(execute_plan(&world, &plan_id).await.unwrap().status, Status::Completed);
}

#[tokio::test]
async fn a_clock_that_no_record_can_hold_changes_nothing() {
    let world = World::new().await;
    let plan_id = loosening(&world).await;
    let before = seen(&world.open().await).await;
    let beyond = Duration::from_secs(400_000_000_000);
    world.clock.advance(beyond);
    let platform = world.open().await;
    let refused = execute_as(platform, &plan_id).await.unwrap_err();
    assert!(refused.kind() == "invalid" && refused.to_string().contains("clock"), "{refused}");
    world.clock.set_back(beyond);
    assert_eq!(seen(&world.open().await).await, before);
    assert!(world.open().await.status().await.unwrap().open.is_empty());
}

#[tokio::test]
async fn an_approval_of_one_who_lost_the_role_since_does_not_count() {
    let world = World::new().await;
    let plan_id = loosening(&world).await;
    let reviewer = signer(&world, "maria", "reviewer").await;
    approve(&world, &plan_id, &reviewer).await;
    let principals = world.root().join("policy/principals.toml");
    let text = std::fs::read_to_string(&principals).unwrap();
    std::fs::write(&principals, text.replace("reviewer", "operator")).unwrap();
    let why = refused(&world, world.open().await, &plan_id).await;
    assert_eq!(why, ["maria: the principal does not hold the role"]);
}

#[tokio::test]
async fn one_principal_who_signs_twice_counts_once() {
    let world = World::new().await;
    put(&world, &[("a", Some(item("a", "good")))]).await;
    let publish = put(&world, &[("a", Some(item("a", "bad")))]).await;
    let heritage = LabelAssign {
        entity: Some(path("a")),
        under: None,
        care: "restricted".into(),
        authority: "FAIR+CARE Council".into(),
        reason: "a burial ground".into(),
        review_by: "2030-06-30".into(),
        heritage: true,
        even_if_nothing: false,
    };
    world.open().await.label_assign(heritage).await.unwrap();
    let planned = plan(&world, &publish).await;
    assert_eq!(planned.risk_level, "critical");
    let plan_id = planned.plan_id.to_string();
    let roles = ["reviewer".to_owned(), "council".to_owned()];
    let (_, key) = world.open().await.principal_add("ama", &roles, None).await.unwrap();
    let key = key.unwrap();
    approve(&world, &plan_id, &Signer { name: "ama", role: "council", key: key.clone() }).await;
    approve(&world, &plan_id, &Signer { name: "ama", role: "reviewer", key }).await;
    let why = refused(&world, world.open().await, &plan_id).await;
    assert_eq!(why, ["ama: the principal is counted already"]);

    let reviewer = signer(&world, "maria", "reviewer").await;
    approve(&world, &plan_id, &reviewer).await;
    assert_eq!(execute_plan(&world, &plan_id).await.unwrap().status, Status::Completed);
}
