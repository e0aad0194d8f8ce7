//! One plan and one manifest as they are kept: a change of a durable form is seen here first.

use kfm_rollback::plan::{Plan, PlanStep};
use serde_json::Value;

use crate::acts::{execute_plan, plan};
use crate::small::{item, put};
use crate::support::World;

/// Replaces digests that differ from log to log, or under other rules, by names: a committed form must have none of
/// them.
struct Names(Vec<(String, &'static str)>);

impl Names {
    fn of(plan: &Plan, manifest: &Value) -> Self {
        let chain = |name: &str| manifest[name].as_str().unwrap().to_owned();
        Self(vec![
            (plan.plan_id.hex(), "[plan]"),
            (plan.content_id.hex(), "[content]"),
            (plan.content.policy_snapshot_ref.hex(), "[policy]"),
            (chain("hash_chain_before").replace("sha256:", ""), "[chain before]"),
            (chain("hash_chain_after").replace("sha256:", ""), "[chain after]"),
        ])
    }

    fn put_into(&self, document: &Value) -> Value {
        let named = |text: String, (digest, name): &(String, &str)| text.replace(digest, name);
        serde_json::from_str(&self.0.iter().fold(document.to_string(), named)).unwrap()
    }
}

#[tokio::test]
async fn a_plan_its_steps_and_its_manifest_keep_their_form() {
    let world = World::new().await;
    put(&world, &[("a", Some(item("a", "good"))), ("b", Some(item("b", "good")))]).await;
    let bad = [("a", Some(item("a", "bad"))), ("b", None), ("c", Some(item("c", "bad")))];
    let publish = put(&world, &bad).await;
    put(&world, &[("c", Some(item("c", "mended")))]).await;

    let report = plan(&world, &publish).await;
    let header: Value = serde_json::from_slice(&std::fs::read(report.path.unwrap()).unwrap()).unwrap();
    let plan: Plan = serde_json::from_value(header.clone()).unwrap();
    let versions = world.open().await.versions();
    let steps: Vec<PlanStep> = versions.read_segment(&plan.content.steps).await.unwrap();
    let done = execute_plan(&world, &report.plan_id.to_string()).await.unwrap();
    let manifest: Value = serde_json::from_slice(&std::fs::read(done.manifest.unwrap()).unwrap()).unwrap();

    let names = Names::of(&plan, &manifest);
    insta::assert_json_snapshot!("plan", names.put_into(&header));
    insta::assert_json_snapshot!("plan_steps", steps);
    insta::assert_json_snapshot!("manifest", names.put_into(&manifest));
}
