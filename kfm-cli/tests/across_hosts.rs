//! What one host began and another goes on with: plans, approvals, what verifies, who is at work.
#![cfg(unix)]
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "another test uses the rest")]
mod hosts;
#[path = "kills/stage.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod stage;

use hosts::{Hosts, in_a_folder, json, on_a_server};
use stage::{SECOND, first_version, publish, run_to, second_version};

#[test]
fn a_plan_of_one_host_is_executed_verified_and_reverted_on_another() {
    a_plan_travels(&Hosts::new(in_a_folder));
}

#[test]
#[ignore = "needs KFM_WAL_URL: .ci/servers"]
fn a_plan_of_one_host_is_executed_verified_and_reverted_on_another_by_a_server() {
    a_plan_travels(&Hosts::new(on_a_server));
}

fn a_plan_travels(hosts: &Hosts) {
    let (a, b) = (&hosts.a(), &hosts.b());
    run_to(a, &publish("second", SECOND), 0);
    let planned = json(a, &["rollback", "plan", "--publish-id", SECOND], 0);
    let plan = planned["plan_id"].as_str().unwrap();
    assert_eq!(json(b, &["rollback", "dry-run", "--plan", plan], 0)["ready"], true);
    let short = plan.rsplit(':').next().unwrap().get(..12).unwrap();
    let execute = ["rollback", "execute", "--plan", short, "--reason", "bad ingest", "--yes"];
    let done = json(b, &execute, 0);
    assert_eq!((&done["status"], hosts.documents()), (&"completed".into(), first_version()));
    assert_eq!(done["rollback_id"], planned["rollback_id"]);
    let id = done["rollback_id"].as_str().unwrap();
    assert_eq!(json(b, &["verify", "--rollback-id", id], 0)["ok"], true);
    let show = json(a, &["rollback", "show", id], 0);
    assert_eq!(show["manifest"]["plan_digest"], plan);

    let reverted = json(b, &["rollback", "revert", "--rollback-id", id, "--reason", "was right"], 0);
    assert_eq!((&reverted["status"], hosts.documents()), (&"completed".into(), second_version()));
    let id = reverted["rollback_id"].as_str().unwrap();
    assert_eq!(json(b, &["verify", "--rollback-id", id], 0)["ok"], true);
    // It was executed: on no host a second time.
    assert_eq!(json(a, &execute, 6)["error"]["kind"], "conflict");
}

#[test]
fn a_plan_that_a_publish_of_another_host_outran_is_stale_there_too() {
    let hosts = Hosts::new(in_a_folder);
    let (a, b) = (&hosts.a(), &hosts.b());
    run_to(a, &publish("second", SECOND), 0);
    let planned = json(a, &["rollback", "plan", "--publish-id", SECOND], 0);
    run_to(b, &publish("first", "pub_2026_01_03T00_00_00Z_third"), 0);
    let execute = ["rollback", "execute", "--plan", planned["plan_id"].as_str().unwrap()];
    let refused = json(b, &[&execute[..], &["--reason", "bad ingest", "--yes"]].concat(), 6);
    assert_eq!(refused["error"]["kind"], "conflict", "{refused:#}");
    assert_eq!(hosts.documents(), first_version());
}

#[test]
fn a_plan_whose_header_was_changed_is_executed_on_no_host() {
    let hosts = Hosts::new(in_a_folder);
    let (a, b) = (&hosts.a(), &hosts.b());
    run_to(a, &publish("second", SECOND), 0);
    let planned = json(a, &["rollback", "plan", "--publish-id", SECOND], 0);
    let plan = planned["plan_id"].as_str().unwrap();
    let hex = plan.rsplit(':').next().unwrap();
    let headers = stage::files_below(&hosts.shared().join("versions"));
    let (path, bytes) = headers.iter().find(|(path, _)| path.ends_with(hex)).expect("a header is kept");
    let text = String::from_utf8(bytes.clone()).unwrap();
    std::fs::write(hosts.shared().join("versions").join(path), text.replacen("tester", "another", 1))
        .unwrap();
    let execute = ["rollback", "execute", "--plan", plan, "--reason", "bad ingest", "--yes"];
    let refused = json(b, &execute, 2);
    assert_eq!(refused["error"]["kind"], "versions", "{refused:#}");
    assert_eq!(hosts.documents(), second_version());
    assert_eq!(json(a, &execute, 0)["status"], "completed");
}
