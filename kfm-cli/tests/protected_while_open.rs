//! A label that comes into force while an operation is open: what protection changes is in the answer of the operation's
//! end, and in what is recorded of it (`docs/states.md` section 3: retired and listed).
#![allow(missing_docs, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::sync::Arc;

use kfm_hotfix::{FieldPath, StacHotfix};
use kfm_rollback::{
    Error, ExecuteRequest, Interrupt, OpenOptions, PlanTarget, Platform, Progress, PublishFolder,
};
use support::{Sandbox, item, two_publishes};

/// Asks to stop once the documents have moved and derived cells are next.
#[derive(Debug)]
struct StopAtDerive(Interrupt);

impl Progress for StopAtDerive {
    fn phase(&self, phase: &str, _: u64) {
        if phase == "derive" {
            self.0.request();
        }
    }

    fn advance(&self, _: u64) {}
}

const KINDS: [&str; 3] = ["publish", "rollback", "hotfix"];

/// A platform in which an operation that changes `things/a.json` is open; returns it with the operation's id.
fn with_open(kind: &str) -> (Sandbox, String) {
    let (sandbox, _, second) = two_publishes();
    sandbox.write("three/things/a.json", &item("a", "third"));
    let mut options = OpenOptions::new("tester");
    options.progress = Arc::new(StopAtDerive(options.interrupt.clone()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stopped = runtime.block_on(async {
        let platform = Platform::open(sandbox.path(), options).await.unwrap();
        match kind {
            "publish" => {
                let folder = PublishFolder::new(sandbox.path().join("three"), "test".parse().unwrap());
                platform.publish_folder(folder).await.map(drop)
            }
            "rollback" => {
                let rollback = ExecuteRequest::new(PlanTarget::Publish(second), "it is wrong");
                platform.execute(rollback).await.map(drop)
            }
            _ => {
                let field = FieldPath::parse("properties.title").unwrap();
                let hotfix = StacHotfix::new("things", field, "second", "third");
                kfm_hotfix::stac(&platform, StacHotfix { reason: "a test".into(), ..hotfix }).await.map(drop)
            }
        }
    });
    let Err(Error::Unfinished { operation, .. }) = stopped else { panic!("{kind}: {stopped:?}") };
    let words = ["labels", "assign", "--entity", "things/a.json", "--care", "restricted", "--yes"];
    let why = ["--authority", "Council", "--reason", "a place", "--review-by", "2099-12-31"];
    sandbox.kfm(&[&words[..], &why].concat()).exits(0);
    (sandbox, operation.to_string())
}

#[track_caller]
fn names_the_document(protected: &serde_json::Value) {
    assert_eq!(protected["by_store"]["catalog"], 1, "{protected:#}");
    let of_catalog = |cell: &&serde_json::Value| cell["store"] == "catalog";
    let cell = protected["first"].as_array().unwrap().iter().find(of_catalog).unwrap();
    assert_eq!((&cell["key"], &cell["to"]), (&"things/a.json".into(), &serde_json::Value::Null));
    let rule = cell["rule"].as_str().unwrap();
    assert!(rule.starts_with("CARE-"), "{protected:#}");
    assert_eq!(protected["by_rule"][rule], 1, "{protected:#}");
}

#[test]
fn the_screen_of_a_resume_or_an_abort_says_what_protection_changed() {
    for kind in KINDS {
        for abort in [&[][..], &["--abort"]] {
            let (sandbox, _) = with_open(kind);
            let screen = sandbox.kfm(&[&[kind, "resume"][..], abort].concat()).exits(0).stdout;
            assert_eq!(sandbox.read("catalog/things/a.json"), None);
            let headline = screen.lines().next().unwrap();
            assert!(headline.contains("but for") && headline.contains("protection changed"), "{screen}");
            for word in ["changed by protection", "CARE-", "things/a.json  absent now"] {
                assert!(screen.contains(word), "{kind} {abort:?}: no {word} in {screen}");
            }
        }
    }
}

#[test]
fn the_answer_of_a_resume_or_an_abort_and_its_record_name_what_protection_changed() {
    for kind in KINDS {
        for abort in [&[][..], &["--abort"]] {
            let (sandbox, id) = with_open(kind);
            let answer = sandbox.json(0, &[&[kind, "resume"][..], abort].concat());
            names_the_document(&answer["protected"]);
            let shown = sandbox.json(0, &[kind, "show", &id]);
            names_the_document(&shown["protected"]);
            if kind == "publish" {
                let count = |key: &str| answer[key].as_u64().unwrap();
                assert_eq!((count("changed"), count("retired")), (0, 1), "{answer:#}");
            } else {
                let listed = &shown["manifest"]["protected"];
                assert!(listed.to_string().contains("things/a.json"), "{listed:#}");
                let verified = sandbox.json(0, &["verify", &id]);
                assert_eq!(verified["ok"], true, "{verified:#}");
            }
        }
    }
}

#[test]
fn an_operation_that_ends_as_planned_names_nothing() {
    let (sandbox, ..) = two_publishes();
    let done = sandbox.json(0, &["rollback", "execute", "latest", "--reason", "r", "--yes"]);
    assert_eq!(done["protected"]["total"], 0, "{done:#}");
    let screen = sandbox.kfm(&["publish", "show", "latest"]).exits(0).stdout;
    assert!(!screen.contains("protection"), "{screen}");
}
