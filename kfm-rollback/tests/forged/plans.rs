//! A plan that the log does not know is no plan, whatever its digests say (`docs/states.md` section 3).

use std::path::Path;

use kfm_policy::PrivateKey;
use kfm_rollback::Error;
use kfm_rollback::report::Status;
use serde_json::{Value, json};

use crate::forge::{execute, laid, named, planned};
use crate::support::World;

/// Nothing is made of a plan, and nothing is open afterwards.
async fn assert_no_plan(world: &World, plan: &Value) {
    let before = world.documents();
    let file = laid(world, plan);
    let key = PrivateKey::from_seed([7; 32]);
    let platform = world.open_as("executor").await;
    let refused = [
        platform.execute(execute(&file)).await.map(drop),
        world.open().await.dry_run(kfm_rollback::PlanTarget::Plan(file.clone()), Vec::new()).await.map(drop),
        world.open().await.approve(&file, "maria", "reviewer", &key.to_file("maria"), None).await.map(drop),
        world.open().await.approvals(&file).await.map(drop),
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), "conflict", "{error}: {plan}");
    }
    assert_eq!(world.documents(), before);
    assert!(world.open().await.status().await.unwrap().open.is_empty());
}

#[tokio::test]
async fn no_plan_but_those_of_the_log_is_executed_rehearsed_or_approved() {
    let (world, publish, plan) = planned().await;
    let with = |edits: &[(&str, Value)]| {
        let mut plan = plan.clone();
        for (pointer, value) in edits {
            *plan.pointer_mut(pointer).unwrap() = value.clone();
        }
        named(plan)
    };
    let hotfix = "hf_2027_01_01T00_00_00Z_stac_x";
    for forged in [
        with(&[("/operation", json!("pub_2027_01_01T00_00_00Z_evil"))]),
        with(&[("/operation", json!(hotfix))]),
        with(&[("/operation", json!("rb_2027_01_01T00_00_00Z_evil"))]),
        with(&[("/operation", json!(publish))]),
        with(&[("/requested_by", json!("nobody"))]),
        with(&[("/created_at", json!("2027-01-01T00:00:00Z"))]),
        with(&[("/summary/risk_level", json!("low")), ("/summary/tier", json!(0))]),
        with(&[
            ("/content/kind", json!("hotfix")),
            ("/content/target", json!(hotfix)),
            ("/operation", json!(hotfix)),
        ]),
        with(&[("/content/kind", json!("revert"))]),
        with(&[("/content/target", plan["operation"].clone())]),
    ] {
        assert_no_plan(&world, &forged).await;
    }
    // The plan itself is one, from its file and by its id.
    let done = world.open().await.execute(execute(&laid(&world, &plan))).await.unwrap();
    assert_eq!(done.status, Status::Completed);
}

#[tokio::test]
async fn a_plan_whose_numbers_have_no_exact_form_is_refused() {
    let (world, _, mut plan) = planned().await;
    plan["summary"]["steps"] = json!(u64::MAX);
    let file = world.root().join("forged.json");
    std::fs::write(&file, plan.to_string()).unwrap();
    let refused = world.open().await.execute(execute(&file.display().to_string())).await.unwrap_err();
    assert!(matches!(refused, Error::Rejected { .. }), "{refused}");
}

#[tokio::test]
async fn an_id_is_never_read_as_the_name_of_a_file() {
    let (world, _, plan) = planned().await;
    let id = plan["plan_id"].as_str().unwrap();
    let short = &id.rsplit_once(':').unwrap().1[..10];
    let beside = Path::new(short);
    std::fs::write(beside, "{}").unwrap();
    let read = world.open().await.approvals(short).await;
    std::fs::remove_file(beside).unwrap();
    assert_eq!(read.unwrap().plan_id.to_string(), id);
    let missing = world.open().await.approvals("no/such/plan").await.unwrap_err();
    assert!(matches!(missing, Error::NotFound { .. }), "{missing}");
}
