//! Every command of the command line, on a log that two hosts share.
//!
//! The list is the command's own help: a command that this story does not run fails it.
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

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use hosts::{Hosts, in_a_folder, json, on_a_server};
use kfm_rollback::platform::built_in_kinds;
use kfm_rollback::{Credentials, Error, HotfixRequest, Interrupt, OpenOptions, Platform, Progress};
use kfm_wal::record::Correction;
use serde_json::Value;
use stage::{FIRST, SECOND, publish, run_to, second_version};
use work::interrupted;

#[test]
fn every_command_works_on_a_log_that_hosts_share() {
    every_command_works(&Hosts::new(in_a_folder));
}

#[test]
#[ignore = "needs KFM_WAL_URL: .ci/servers"]
fn every_command_works_on_a_server() {
    every_command_works(&Hosts::new(on_a_server));
}

fn every_command_works(hosts: &Hosts) {
    let story = Story::new(hosts);
    hosts_publish(&story);
    what_another_hand_changed_is_recorded(&story);
    a_rollback_is_planned_rehearsed_interrupted_and_taken_back(&story);
    a_plan_is_approved(&story);
    a_field_is_corrected(&story);
    the_log_is_looked_at(&story);
    the_records_are_looked_at(&story);
    what_has_no_log_works_beside_it(&story);
    let missing: Vec<_> = all_commands().into_iter().filter(|name| !story.did(name)).collect();
    assert!(missing.is_empty(), "add them to the story: {missing:?}");
}

/// A part of the story, and the commands that it runs.
struct Story<'a> {
    hosts: &'a Hosts,
    done: RefCell<BTreeSet<String>>,
}

impl<'a> Story<'a> {
    fn new(hosts: &'a Hosts) -> Self {
        // What makes the hosts, and the first publish.
        let done = ["init", "labels assign", "publish"].map(str::to_owned).into();
        Self { hosts, done: RefCell::new(done) }
    }

    /// Runs a command that succeeds, and returns its answer.
    #[track_caller]
    fn run(&self, root: &Path, words: &[&str]) -> Value {
        let answer = json(root, words, 0);
        // The answer says which command it is of.
        let name = answer["schema"].as_str().unwrap();
        let name = name.strip_prefix("kfm.").unwrap().strip_suffix("/v1").unwrap().replace('.', " ");
        self.done.borrow_mut().insert(name);
        answer
    }

    fn did(&self, name: &str) -> bool {
        self.done.borrow().contains(name)
    }
}

/// The words of every command that does something by itself, from the command's own help.
fn all_commands() -> Vec<String> {
    let mut all = Vec::new();
    let mut waiting = vec![Vec::new()];
    while let Some(words) = waiting.pop() {
        let words: Vec<String> = words;
        let asked: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
        let help = String::from_utf8(run_to(Path::new("/"), &asked, 0).stdout).unwrap();
        let usage = help.lines().find(|line| line.starts_with("Usage: ")).unwrap();
        if !usage.contains("<COMMAND>") {
            all.push(words.join(" "));
        }
        let list = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        let list = list.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
        for name in list.filter_map(|line| line.split_whitespace().next()) {
            waiting.push([&words[..], &[name.to_owned()]].concat());
        }
    }
    assert!(all.len() > 30, "{all:?}");
    all
}

fn hosts_publish(story: &Story<'_>) {
    let (a, b) = (&story.hosts.a(), &story.hosts.b());
    interrupted(b, &publish("second", SECOND));
    let resumed = story.run(a, &["publish", "resume", "--publish-id", SECOND]);
    assert_eq!((&resumed["status"], story.hosts.documents()), (&"completed".into(), second_version()));
    let list = story.run(a, &["publish", "list"]);
    assert_eq!(list["publishes"].as_array().unwrap().len(), 2, "{list:#}");
    assert_eq!(story.run(b, &["publish", "show", FIRST])["publish_id"], FIRST);
    assert_eq!(story.run(b, &["status"])["open"], serde_json::json!([]));
    assert_eq!(story.run(a, &["catalog", "check"])["documents"], 10);
    assert_eq!(story.run(b, &["labels", "list"])["labels"].as_array().unwrap().len(), 1);
}

fn what_another_hand_changed_is_recorded(story: &Story<'_>) {
    let (a, b) = (&story.hosts.a(), &story.hosts.b());
    let stray = story.hosts.shared().join("catalog/stray.json");
    std::fs::write(&stray, r#"{"type": "Feature", "id": "stray"}"#).unwrap();
    let adopt = ["adopt", "--no-project", "--reason", "it stood there"];
    assert_eq!(story.run(a, &adopt)["documents"], 1);
    assert_eq!(story.run(b, &["project"])["moves"]["by_domain"], serde_json::json!({"graph": 1}));
    std::fs::write(&stray, r#"{"type": "Feature", "id": "strayed"}"#).unwrap();
    assert_eq!(story.run(b, &["reconcile", "--adopt"])["foreign"]["total"], 1);
    assert_eq!(story.run(a, &["reconcile"])["foreign"]["total"], 0);
}

fn a_rollback_is_planned_rehearsed_interrupted_and_taken_back(story: &Story<'_>) {
    let (a, b) = (&story.hosts.a(), &story.hosts.b());
    let planned = story.run(a, &["rollback", "plan", "--publish-id", SECOND]);
    let plan = planned["plan_id"].as_str().unwrap();
    assert_eq!(story.run(b, &["rollback", "dry-run", "--plan", plan])["ready"], true);
    interrupted(a, &["rollback", "execute", "--plan", plan, "--reason", "bad ingest", "--yes"]);
    let status = json(b, &["rollback", "status"], 7);
    let id = status["rollbacks"][0]["rollback_id"].as_str().or(status["rollback_id"].as_str()).unwrap();
    assert_eq!(story.run(b, &["rollback", "resume", "--rollback-id", id])["status"], "completed");
    assert_eq!(story.run(a, &["rollback", "status", "--rollback-id", id])["status"], "completed");
    assert_eq!(story.run(a, &["rollback", "list"])["rollbacks"].as_array().unwrap().len(), 1);
    assert_eq!(story.run(a, &["rollback", "show", id])["manifest"]["plan_digest"], plan);
    assert_eq!(story.run(a, &["verify", "--rollback-id", id])["ok"], true);
    story.run(b, &["rollback", "revert", "--rollback-id", id, "--reason", "it was right"]);
    let again = ["rollback", "execute", "--publish-id", SECOND, "--reason", "bad ingest", "--yes"];
    assert_eq!(story.run(b, &again)["status"], "completed");
}

fn a_plan_is_approved(story: &Story<'_>) {
    let (a, b) = (&story.hosts.a(), &story.hosts.b());
    story.run(a, &["principals", "add", "ada", "--role", "reviewer", "--key-out", "ada.key"]);
    let principals = "policy/principals.toml";
    std::fs::copy(a.join(principals), b.join(principals)).unwrap();
    assert_eq!(story.run(b, &["principals", "list"])["principals"][0]["name"], "ada");
    let planned = story.run(b, &["rollback", "plan", "--publish-id", FIRST]);
    let plan = planned["plan_id"].as_str().unwrap();
    let shown = story.run(a, &["plan", "show", plan]);
    assert_eq!((&shown["plan_id"], &shown["fresh"]), (&planned["plan_id"], &true.into()), "{shown:#}");
    story.run(a, &["approve", plan, "--as", "ada", "--role", "reviewer", "--key", "ada.key"]);
    assert_eq!(story.run(b, &["approvals", plan])["approvals"][0]["principal"], "ada");
    assert_eq!(story.run(b, &["plan", "list"])["plans"].as_array().unwrap().len(), 1);
    assert_eq!(story.run(a, &["plan", "cancel", plan, "--reason", "not needed"])["status"], "cancelled");
}

fn a_field_is_corrected(story: &Story<'_>) {
    let (a, b) = (&story.hosts.a(), &story.hosts.b());
    let hotfix = |from, to| {
        let of = ["hotfix", "stac", "--collection", "landsat-c2-l2", "--field", "properties.gsd"];
        [&of[..], &["--from", from, "--to", to, "--reason", "as the source says"]].concat()
    };
    let done = story.run(a, &hotfix("30", "15"));
    assert_eq!(done["matches"], 8, "{done:#}");
    let id = done["hotfix_id"].as_str().unwrap();
    assert_eq!(story.run(b, &["hotfix", "list"])["hotfixes"].as_array().unwrap().len(), 1);
    assert_eq!(story.run(b, &["hotfix", "show", id])["status"], "completed");
    story.run(b, &["hotfix", "revert", "--hotfix-id", id, "--reason", "the source was wrong"]);
    let id = stopped_hotfix(b);
    assert_eq!(story.run(a, &["hotfix", "resume", "--hotfix-id", &id])["status"], "completed");
}

/// Asks to stop once the first batch of steps is made.
#[derive(Debug)]
struct StopAfterOneBatch(Interrupt);

impl Progress for StopAfterOneBatch {
    fn phase(&self, _: &str, _: u64) {}

    fn advance(&self, _: u64) {
        self.0.request();
    }
}

/// Begins a correction of a collection's titles through the library, since no document disappears in it, so the
/// command has no grace in which it could be interrupted. Returns its id.
fn stopped_hotfix(root: &Path) -> String {
    #[allow(clippy::disallowed_methods, reason = "a test is told the credentials for the server")]
    let credentials = Credentials::from_pairs(std::env::vars(), &built_in_kinds());
    let mut options = OpenOptions { credentials, ..OpenOptions::new("anna") };
    options.progress = Arc::new(StopAfterOneBatch(options.interrupt.clone()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let platform = Platform::open(root, options).await.unwrap();
        let correction = Correction {
            kind: "stac".into(),
            scope: "landsat-c2-l2".into(),
            field: "/properties/title".into(),
            values: None,
            texts: None,
        };
        let request = HotfixRequest::new("stac".parse().unwrap(), correction, "as the source says");
        let mut hotfix = platform.begin_hotfix(request).await.unwrap();
        for document in hotfix.documents_of("landsat-c2-l2").await.unwrap() {
            let standing = hotfix.read(&document).await.unwrap();
            let mut item: Value = serde_json::from_slice(&standing).unwrap();
            if item["type"] == "Feature" {
                item["properties"]["title"] = "as the source says".into();
                hotfix.replace(&document, item.to_string().into_bytes()).unwrap();
            }
        }
        let stopped = hotfix.finish().await;
        platform.leave().await;
        let Err(Error::Unfinished { operation, .. }) = stopped else { panic!("{stopped:?}") };
        operation.to_string()
    })
}

fn the_log_is_looked_at(story: &Story<'_>) {
    let (a, b) = (&story.hosts.a(), &story.hosts.b());
    let verified = story.run(b, &["wal", "verify"]);
    for depth in ["crc", "chain"] {
        assert_eq!(story.run(a, &["wal", "verify", "--depth", depth])["head"], verified["head"]);
    }
    let witness = a.join("head.json");
    std::fs::write(&witness, verified["head"].to_string()).unwrap();
    story.run(a, &["wal", "verify", "--depth", "chain", "--against", "head.json"]);
    assert_eq!(story.run(a, &["wal", "export"])["records"]["total"], verified["records"]);
    assert_eq!(story.run(a, &["wal", "repair", "--plan"])["plan"], serde_json::json!({}));
    assert_eq!(story.run(a, &["wal", "repair", "--apply"])["applied"], false);
    let slots = story.run(b, &["wal", "inspect"])["segments"].as_array().unwrap().clone();
    let frames: Vec<_> = slots.iter().flat_map(|slot| slot["frames"].as_array().unwrap()).collect();
    assert_eq!(frames.len(), slots.len(), "a slot is a frame: {slots:#?}");
    assert_eq!(frames.iter().map(|frame| frame["count"].as_u64().unwrap()).sum::<u64>(), verified["records"]);
    let claims = frames.iter().filter(|frame| frame["account"]["holder"].is_string()).count();
    assert!(claims >= 10, "each of the operations claimed the log: {frames:#?}");
    let probed = story.run(a, &["wal", "probe-durability"]);
    assert!(
        probed["verdict"] == "kept" && probed["rounds"] == 64 || probed["verdict"] == "beyond_doubt",
        "{probed:#}"
    );
    story.run(b, &["wal", "verify"]);
    let doctor = story.run(b, &["doctor"]);
    assert!(doctor["own"][0]["ok"] == true && doctor["own"][0]["place"] != "wal", "{doctor:#}");
    let server = doctor["own"][0]["server"].as_str().unwrap();
    let is_postgres = doctor["own"][0]["place"].as_str().unwrap().starts_with("postgres");
    assert_eq!(is_postgres, server.starts_with("PostgreSQL 1"), "{doctor:#}");
    let screen = String::from_utf8(run_to(b, &["doctor"], 0).stdout).unwrap();
    assert!(screen.contains(&format!("server: {server}")), "{screen}");
}

fn the_records_are_looked_at(story: &Story<'_>) {
    for root in [&story.hosts.a(), &story.hosts.b()] {
        story.run(root, &["ledger", "verify"]);
        assert!(!story.run(root, &["ledger", "list"])["entries"].as_array().unwrap().is_empty());
        story.run(root, &["ledger", "render"]);
        story.run(root, &["ledger", "repair"]);
        story.run(root, &["telemetry", "validate"]);
        let slo = story.run(root, &["slo"]);
        assert_eq!(slo["completeness"]["missing"], 0, "{slo:#}");
        assert!(story.run(root, &["telemetry", "aggregate"])["events"].as_u64() > Some(0));
    }
    assert_eq!(story.run(&story.hosts.b(), &["status"])["owed"], serde_json::json!([]));
}

fn what_has_no_log_works_beside_it(story: &Story<'_>) {
    let root = &story.hosts.a();
    for words in [&["completions", "bash"][..], &["man"], &["schemas"], &["demo", "show"]] {
        story.run(root, words);
    }
}
