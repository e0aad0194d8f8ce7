//! Work that one host begins and another goes on with: plans, approvals, verification, and the process at work.
#![cfg(unix)]
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "another test uses the rest")]
mod hosts;
#[path = "kills/stage.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod stage;
#[path = "kills/work.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod work;

use hosts::{Hosts, LEASE_MS, in_a_folder, json, on_a_server};
use kfm_retry::clock::Pause as _;
use serde_json::Value;
use stage::{SECOND, first_version, publish, run_to, second_version};
use work::{interrupted, waiting};

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
    // Executed once, it is not executed again, on no host.
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

#[test]
fn every_host_is_told_who_is_at_work_on_another_until_it_is_silent_for_a_lease() {
    who_is_at_work(&Hosts::new(in_a_folder));
}

#[test]
#[ignore = "needs KFM_WAL_URL: .ci/servers"]
fn every_host_is_told_who_is_at_work_on_another_by_a_server() {
    who_is_at_work(&Hosts::new(on_a_server));
}

fn who_is_at_work(hosts: &Hosts) {
    let (a, b) = (&hosts.a(), &hosts.b());
    let worker = waiting(a, &publish("second", SECOND), "anna");
    // It works for longer than a lease, so its process renews the claim.
    kfm_retry::SystemClock.pause(std::time::Duration::from_millis(LEASE_MS + LEASE_MS / 2));
    let status = json(b, &["status"], 7);
    let running = &status["running"];
    assert_eq!(
        (&running["operation"], &running["requested_by"]),
        (&SECOND.into(), &"anna".into()),
        "{status:#}"
    );
    assert_eq!(
        (&running["pid"], &running["platform"]),
        (&worker.pid().into(), &a.to_str().into()),
        "{status:#}"
    );
    assert!(running["doing"].as_str().unwrap().starts_with("publish"), "{status:#}");
    assert!(!running["host"].as_str().unwrap().is_empty() && running["since"].is_string(), "{status:#}");
    assert_eq!(status["open"][0]["status"], "running");
    let screen = String::from_utf8(run_to(b, &["status"], 7).stdout).unwrap();
    assert!(screen.contains("by anna since") && screen.contains(a.to_str().unwrap()), "{screen}");
    let own = json(a, &["status"], 7);
    assert_eq!((&own["running"]["operation"], own["running"].get("platform")), (&SECOND.into(), None));

    worker.kill();
    // The killed process's own lock ended with it; other hosts only know that it is silent.
    let status = json(a, &["status"], 7);
    assert_eq!(
        (&status["open"][0]["status"], status.get("running")),
        (&"interrupted".into(), None),
        "{status:#}"
    );
    kfm_retry::SystemClock.pause(std::time::Duration::from_millis(LEASE_MS + LEASE_MS / 2));
    let status = json(b, &["status"], 7);
    assert_eq!(
        (&status["open"][0]["status"], status.get("running")),
        (&"interrupted".into(), None),
        "{status:#}"
    );
}

#[test]
fn what_was_left_open_is_not_taken_for_what_another_host_works_on() {
    let hosts = Hosts::new(in_a_folder);
    let (a, b) = (&hosts.a(), &hosts.b());
    interrupted(a, &publish("second", SECOND));
    stage::ask(b, async |platform| {
        let publish = platform.begin_publish("slow_ingest".parse().unwrap()).await.unwrap();
        let status = json(a, &["status"], 7);
        let running = &status["running"];
        assert_eq!(
            (&running["doing"], running.get("operation")),
            (&"publish slow_ingest".into(), None),
            "{status:#}"
        );
        assert_eq!(
            (&running["platform"], &status["open"][0]["status"]),
            (&b.to_str().into(), &"interrupted".into())
        );
        drop(publish);
        platform.leave().await;
    });
    assert_eq!(json(a, &["status"], 7).get("running"), None);
    // A process that takes the operation up again works on it.
    let worker = waiting(b, &["publish", "resume", "--publish-id", SECOND], "bert");
    let status = json(a, &["status"], 7);
    let running = &status["running"];
    assert_eq!(
        (&running["operation"], &running["requested_by"]),
        (&SECOND.into(), &"bert".into()),
        "{status:#}"
    );
    worker.kill();
}

#[test]
fn a_ledger_is_asked_for_what_its_own_host_ended_and_says_what_it_cannot_judge() {
    each_ledger_is_judged(&Hosts::new(in_a_folder));
}

#[test]
#[ignore = "needs KFM_WAL_URL: .ci/servers"]
fn a_ledger_is_asked_for_what_its_own_host_ended_by_a_server() {
    each_ledger_is_judged(&Hosts::new(on_a_server));
}

const IN_LEDGER: &str = "every operation in the ledger";

fn check<'a>(report: &'a Value, name: &str) -> Option<&'a Value> {
    report["checks"].as_array().unwrap().iter().find(|check| check["name"] == name)
}

fn each_ledger_is_judged(hosts: &Hosts) {
    let (a, b) = (&hosts.a(), &hosts.b());
    run_to(b, &publish("second", SECOND), 0);
    let ledger = b.join(".kfm/ledger");
    let older = stage::files_below(&ledger);
    let rollback = ["rollback", "execute", "--publish-id", SECOND, "--reason", "bad ingest", "--yes"];
    let done = json(b, &rollback, 0);
    let id = done["rollback_id"].as_str().unwrap();

    // The host that executed the rollback has all its records; of the publish that the other host made, its ledger
    // has none.
    let own = json(b, &["verify", "--rollback-id", id], 0);
    assert_eq!(check(&own, IN_LEDGER).unwrap()["not_judged"], 1, "{own:#}");
    assert_eq!(check(&own, "ledger and log").unwrap()["ok"], true);
    // The other host verifies it by the log, the stores and the manifest in the version store.
    let other = json(a, &["verify", "--rollback-id", id], 0);
    assert_eq!((&other["ok"], check(&other, "ledger and log")), (&true.into(), None), "{other:#}");
    assert_eq!(check(&other, IN_LEDGER).unwrap()["not_judged"], 2, "{other:#}");
    assert!(check(&other, "manifest").unwrap()["detail"].as_str().unwrap().starts_with("version store="));
    let screen = String::from_utf8(run_to(a, &["verify", "--rollback-id", id], 0).stdout).unwrap();
    assert!(screen.contains("not judged: 2 operations of other hosts"), "{screen}");
    assert_eq!(check(&json(a, &["ledger", "verify"], 0), IN_LEDGER).unwrap()["not_judged"], 2);

    // A ledger that was restored from an older backup lacks operations that its own host ended.
    std::fs::remove_dir_all(&ledger).unwrap();
    for (path, bytes) in older {
        let path = ledger.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    for words in [&["verify", "--rollback-id", id][..], &["ledger", "verify"]] {
        let report = json(b, words, 1);
        let found = check(&report, IN_LEDGER).unwrap();
        assert!(found["ok"] == false && found["detail"].as_str().unwrap().contains(id), "{report:#}");
        assert_eq!(found["not_judged"], 1, "{report:#}");
    }
    assert_eq!(json(a, &["verify", "--rollback-id", id], 0)["ok"], true);
    // A manifest that is nowhere any more is missed on every host.
    let versions = hosts.shared().join("versions");
    let digest = check(&other, "manifest").unwrap()["detail"].as_str().unwrap().rsplit(':').next().unwrap();
    let kept = stage::files_below(&versions).into_keys().find(|path| path.ends_with(digest)).unwrap();
    std::fs::remove_file(versions.join(kept)).unwrap();
    let report = json(a, &["verify", "--rollback-id", id], 1);
    assert_eq!(check(&report, "manifest").unwrap()["ok"], false, "{report:#}");
}

#[test]
fn a_platform_whose_folder_was_moved_knows_what_it_did_before() {
    let hosts = Hosts::new(in_a_folder);
    run_to(&hosts.b(), &publish("second", SECOND), 0);
    let moved = hosts.folder.path().join("moved");
    std::fs::rename(hosts.b(), &moved).unwrap();
    let report = json(&moved, &["ledger", "verify"], 0);
    assert_eq!(check(&report, IN_LEDGER).unwrap()["not_judged"], 1, "the other host's only: {report:#}");
    std::fs::remove_dir_all(moved.join(".kfm/ledger")).unwrap();
    let report = json(&moved, &["ledger", "verify"], 1);
    assert!(check(&report, IN_LEDGER).unwrap()["detail"].as_str().unwrap().contains(SECOND), "{report:#}");
}

#[test]
fn an_approval_is_given_on_one_host_for_a_plan_of_another_from_what_its_screen_says() {
    let hosts = Hosts::new(in_a_folder);
    let (a, b) = (&hosts.a(), &hosts.b());
    run_to(a, &["principals", "add", "ada", "--role", "reviewer", "--key-out", "ada.key"], 0);
    let principals = "policy/principals.toml";
    std::fs::copy(a.join(principals), b.join(principals)).unwrap();
    let heritage = ["labels", "assign", "--under", "landsat-c2-l2/items/", "--care", "public", "--heritage"];
    let why = ["--authority", "Council", "--reason", "a burial ground", "--review-by", "2099-01-01", "--yes"];
    run_to(b, &[&heritage[..], &why].concat(), 0);
    run_to(b, &publish("second", SECOND), 0);
    let execute = ["rollback", "execute", SECOND, "--reason", "bad ingest", "--yes"];
    let waits = json(b, &execute, 5);
    // The other host has no file of the plan: it knows what the log's record says.
    let owed = json(a, &["status"], 0)["owed"][0].as_str().unwrap().to_owned();
    let command = owed.split_once("kfm ").unwrap().1;
    let words: Vec<&str> = command.split(' ').collect();
    assert_eq!(words[2], waits["plan_id"], "{owed}");
    let screen = String::from_utf8(run_to(a, &words, 0).stdout).unwrap();
    for said in ["in catalog (stac)", "in graph (graph)", "still fresh", "missing", "bad ingest", "high"] {
        assert!(screen.contains(said), "{said}: {screen}");
    }
    let plan = words[2];
    json(a, &["approve", plan, "--as", "ada", "--role", "reviewer", "--key", "ada.key"], 0);
    let shown = json(b, &["plan", "show", plan], 0);
    assert_eq!(
        (&shown["approvals"][0]["principal"], &shown["needed"]),
        (&"ada".into(), &serde_json::json!([]))
    );
    json(b, &["rollback", "execute", plan, "--reason", "bad ingest", "--yes"], 0);
    assert_eq!(hosts.documents(), first_version());
}
