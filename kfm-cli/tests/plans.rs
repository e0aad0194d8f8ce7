//! Stored plans: shown to their approvers, listed while they can be executed, taken back.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::Value;
use support::{Sandbox, item, item_with_licence, two_publishes};

/// A platform with a rollback that needs an approval: the licence would be loosened.
fn waiting_for_approval() -> (Sandbox, String, Value) {
    let (sandbox, ..) = two_publishes();
    let tighter = item_with_licence("a", "third", "CC-BY-NC-4.0");
    let publish = sandbox.publish("three", &[("things/a.json", tighter)]);
    sandbox.json(0, &["principals", "add", "ada", "--role", "reviewer", "--key-out", "ada.key"]);
    let planned = sandbox.json(0, &["rollback", "plan", &publish, "--reason", "the licence is wrong"]);
    assert_eq!(planned["status"], "awaiting_approval", "{planned:#}");
    (sandbox, publish, planned)
}

#[test]
fn a_plan_is_shown_as_its_approver_must_see_it() {
    let (sandbox, publish, planned) = waiting_for_approval();
    let plan = planned["plan_id"].as_str().unwrap();
    for name in [plan, planned["rollback_id"].as_str().unwrap(), planned["path"].as_str().unwrap()] {
        let shown = sandbox.json(0, &["plan", "show", name]);
        assert_eq!((&shown["plan_id"], &shown["fresh"]), (&plan.into(), &true.into()), "{shown:#}");
        assert_eq!(shown["steps"]["total"], planned["steps"]["total"]);
        assert_eq!(shown["steps"]["by_action"]["replace"], 1);
        assert_eq!(shown["steps"]["by_store"]["catalog"], 1);
        assert_eq!(shown["findings"]["by_rule"], planned["findings"]["by_rule"]);
        assert_eq!(
            (&shown["requested_by"], &shown["reason"]),
            (&"tester".into(), &"the licence is wrong".into())
        );
        assert_eq!(shown["needed"].as_array().unwrap().len(), 1);
    }
    let screen = sandbox.kfm(&["plan", "show", plan]).exits(0).stdout;
    for said in ["still fresh", "by tester", "missing", "risk", publish.as_str()] {
        assert!(screen.contains(said), "{said}: {screen}");
    }
    let owed = sandbox.json(0, &["status"])["owed"].clone();
    assert!(owed[0].as_str().unwrap().contains(&format!("kfm plan show {plan}")), "{owed:#}");
}

#[test]
fn every_entry_of_a_plan_is_a_line() {
    let (sandbox, _, planned) = waiting_for_approval();
    let plan = planned["plan_id"].as_str().unwrap();
    let lines = sandbox.kfm(&["plan", "show", plan, "--all"]).exits(0).stdout;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |list: &str| lines.iter().filter(|line| line["list"] == list).count() as u64;
    assert_eq!(Some(of("steps")), planned["steps"]["total"].as_u64());
    assert_eq!(Some(of("findings")), planned["findings"]["total"].as_u64());
    sandbox.kfm(&["plan", "show", plan, "--all", "--json"]).exits(2);
    for words in [["publish", "show", "latest", "--all"], ["publish", "show", "latest", "--json"]] {
        assert!(!sandbox.kfm(&words).exits(0).stdout.is_empty());
    }
}

#[test]
fn a_plan_whose_ground_has_moved_says_so_and_is_owed_no_more() {
    let (sandbox, _, planned) = waiting_for_approval();
    let plan = planned["plan_id"].as_str().unwrap();
    sandbox.publish("four", &[("things/a.json", item("a", "fourth"))]);
    let shown = sandbox.json(0, &["plan", "show", plan]);
    assert_eq!(shown["fresh"], false, "{shown:#}");
    assert!(shown["not_fresh_because"].is_string());
    assert_eq!(sandbox.json(0, &["status"])["owed"], serde_json::json!([]));
    assert_eq!(sandbox.json(0, &["plan", "list"])["plans"][0]["fresh"], false);
}

#[test]
fn a_plan_that_was_cancelled_is_recorded_and_never_executed() {
    let (sandbox, _, planned) = waiting_for_approval();
    let plan = planned["plan_id"].as_str().unwrap();
    assert_eq!(sandbox.json(0, &["plan", "list"])["plans"].as_array().unwrap().len(), 1);
    let cancelled = sandbox.json(0, &["plan", "cancel", plan, "--reason", "not needed"]);
    assert_eq!((&cancelled["status"], &cancelled["already"]), (&"cancelled".into(), &false.into()));
    assert_eq!(sandbox.json(0, &["plan", "cancel", plan, "--reason", "again"])["already"], true);
    assert_eq!(sandbox.json(0, &["plan", "list"])["plans"], serde_json::json!([]));
    assert_eq!(sandbox.json(0, &["status"])["owed"], serde_json::json!([]));
    assert_eq!(sandbox.json(0, &["plan", "show", plan])["status"], "cancelled");
    let entries = sandbox.json(0, &["ledger", "list"])["entries"].clone();
    let entry = entries.as_array().unwrap().last().unwrap();
    assert_eq!(
        (&entry["status"], &entry["reason"]),
        (&"cancelled".into(), &"not needed".into()),
        "{entry:#}"
    );
    for words in [
        &["rollback", "execute", "--plan", plan, "--reason", "r", "--yes"][..],
        &["rollback", "dry-run", "--plan", plan],
        &["approve", plan, "--as", "ada", "--role", "reviewer", "--key", "ada.key"],
    ] {
        let refused = sandbox.json(6, words);
        assert!(refused["error"]["message"].to_string().contains("cancelled by tester"), "{refused:#}");
    }
    sandbox.json(0, &["ledger", "verify"]);
    sandbox.json(0, &["telemetry", "validate"]);
}

#[test]
fn a_plan_that_was_executed_cannot_be_cancelled() {
    let (sandbox, _, second) = two_publishes();
    let planned = sandbox.json(0, &["rollback", "plan", &second]);
    let plan = planned["plan_id"].as_str().unwrap();
    sandbox.json(0, &["rollback", "execute", "--plan", plan, "--reason", "r", "--yes"]);
    let refused = sandbox.json(6, &["plan", "cancel", plan, "--reason", "too late"]);
    assert!(refused["error"]["message"].to_string().contains("executed"), "{refused:#}");
    assert_eq!(sandbox.json(0, &["plan", "show", plan])["fresh"], false);
}

/// The executor is not known before the execution: until then an approval is held against the planner alone (R64,
/// `docs/states.md` section 6).
#[test]
fn a_reviewer_who_looks_under_her_own_name_sees_that_her_signature_counts() {
    let (sandbox, _, planned) = waiting_for_approval();
    let plan = planned["plan_id"].as_str().unwrap();
    let approve =
        ["approve", plan, "--as", "ada", "--role", "reviewer", "--key", "ada.key", "--yes", "--actor", "ada"];
    let signed = sandbox.kfm(&approve).exits(0).stdout;
    let may_execute = "a principal other than ada may execute it";
    assert!(signed.contains(&format!("Signed. Nothing is missing: {may_execute}")), "{signed}");
    let command = format!("kfm rollback execute --plan {plan} --reason");
    assert!(signed.contains(&command), "{signed}");
    for words in [["approvals", plan].as_slice(), &["plan", "show", plan]] {
        let screen = sandbox.kfm(&[words, &["--actor", "ada"]].concat()).exits(0).stdout;
        assert!(!screen.contains("does not count") && screen.contains("other than ada"), "{screen}");
    }
    let status = sandbox.json(0, &["status"]);
    assert!(status["owed"][0].as_str().unwrap().contains(&command), "{status:#}");
    assert_eq!(sandbox.json(0, &["plan", "list"])["plans"][0]["status"], "planned");
    let id = planned["rollback_id"].as_str().unwrap();
    assert_eq!(sandbox.json(0, &["rollback", "status", "--rollback-id", id])["status"], "planned");

    let execute = ["rollback", "execute", "--plan", plan, "--reason", "r", "--yes"];
    sandbox.json(5, &[&execute[..], &["--actor", "ada"]].concat());
    sandbox.json(5, &["rollback", "dry-run", "--plan", plan, "--actor", "ada"]);
    sandbox.json(0, &execute);
    let past = sandbox.json(0, &["approvals", plan]);
    assert_eq!(past["fresh"], false, "{past:#}");
    let screen = sandbox.kfm(&["approvals", plan]).exits(0).stdout;
    assert!(screen.contains("can no longer be executed: it was executed"), "{screen}");
    let refused = sandbox.refuses(6, &approve);
    assert!(refused["error"]["message"].to_string().contains("it was executed"), "{refused:#}");
    assert_eq!(sandbox.json(0, &["status"])["owed"], serde_json::json!([]));
}

#[test]
fn a_plan_whose_ground_has_moved_is_signed_no_more() {
    let (sandbox, _, planned) = waiting_for_approval();
    let plan = planned["plan_id"].as_str().unwrap();
    sandbox.publish("four", &[("things/a.json", item("a", "fourth"))]);
    let refused =
        sandbox.refuses(6, &["approve", plan, "--as", "ada", "--role", "reviewer", "--key", "ada.key"]);
    assert!(refused["error"]["message"].to_string().contains("moved since it was planned"), "{refused:#}");
    let approvals = sandbox.json(0, &["approvals", plan]);
    assert_eq!((&approvals["fresh"], &approvals["approvals"]), (&false.into(), &serde_json::json!([])));
    let screen = sandbox.kfm(&["approvals", plan]).exits(0).stdout;
    assert!(screen.contains("can no longer be executed"), "{screen}");
}

#[test]
fn a_plan_whose_cell_another_hand_changed_says_so_and_what_to_do_as_its_execution_does() {
    let (sandbox, ..) = two_publishes();
    let plan = sandbox.json(0, &["rollback", "plan", "latest"])["plan_id"].as_str().unwrap().to_owned();
    assert_eq!(sandbox.json(0, &["plan", "show", &plan])["fresh"], true);
    sandbox.write("catalog/things/a.json", &item("a", "by hand"));
    let shown = sandbox.json(0, &["plan", "show", &plan]);
    assert_eq!(shown["fresh"], false, "{shown:#}");
    let refused = sandbox.json(6, &["rollback", "execute", "--plan", &plan, "--reason", "r", "--yes"]);
    assert_eq!(shown["foreign"][0]["subject"], refused["conflicts"][0]["subject"], "{shown:#}");
    let next: Vec<&str> = shown["next"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(next.contains(&"kfm reconcile") && next.iter().any(|next| next.contains("--skip things/a.json")));
    assert!(!next.iter().any(|next| next.contains("execute --plan")), "{next:?}");
    let screen = sandbox.kfm(&["plan", "show", &plan]).exits(0).stdout;
    assert!(screen.contains("changed by another hand") && screen.contains("NO: another hand"), "{screen}");
    sandbox.write("catalog/things/a.json", &item("a", "second"));
    assert_eq!(sandbox.json(0, &["plan", "show", &plan])["fresh"], true);
    sandbox.json(0, &["rollback", "execute", "--plan", &plan, "--reason", "r", "--yes"]);
}

#[cfg(unix)]
#[test]
fn a_plan_whose_stores_cannot_be_looked_at_is_not_shown_as_fresh() {
    let (sandbox, _, planned) = waiting_for_approval();
    let plan = planned["plan_id"].as_str().unwrap();
    let (document, away) = (sandbox.path().join("catalog/things/a.json"), sandbox.path().join("away.json"));
    std::fs::rename(&document, &away).unwrap();
    std::os::unix::fs::symlink(&away, &document).unwrap();
    let shown = sandbox.json(0, &["plan", "show", plan]);
    let why = shown["not_fresh_because"].as_str().unwrap();
    assert!(why.starts_with("whether another hand changed cells of it is not known, "), "{why}");
    assert!(why.contains("store=catalog") && why.contains("things/a.json"), "{why}");
    std::fs::rename(&away, &document).unwrap();
    assert_eq!(sandbox.json(0, &["plan", "show", plan])["fresh"], true);
}

#[test]
fn where_no_principal_can_approve_the_command_that_adds_one_is_named() {
    let (sandbox, ..) = two_publishes();
    let tighter = item_with_licence("a", "third", "CC-BY-NC-4.0");
    sandbox.publish("three", &[("things/a.json", tighter)]);
    let execute = ["rollback", "execute", "latest", "--reason", "r", "--yes"];
    let error = sandbox.json(5, &execute)["error"].clone();
    assert_eq!(error["next"][0], "kfm principals add NAME --role reviewer --key-out FILE", "{error:#}");
    assert!(error["hint"].as_str().unwrap().starts_with("no principal can give it yet"), "{error:#}");
    // The actor approves nothing of their own.
    sandbox.json(0, &["principals", "add", "tester", "--role", "reviewer", "--key-out", "own.key"]);
    assert!(sandbox.json(5, &execute)["error"]["next"][0].as_str().unwrap().contains("principals add"));
    sandbox.json(0, &["principals", "add", "ada", "--role", "council", "--key-out", "ada.key"]);
    let error = sandbox.json(5, &execute)["error"].clone();
    assert!(error["next"][0].as_str().unwrap().starts_with("kfm plan show"), "{error:#}");
}
