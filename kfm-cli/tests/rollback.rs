//! The commands of a rollback, from the first publish to the revert, as the contract lists their keys.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use serde_json::Value;
use support::{Sandbox, first_version, item, item_with_licence, two_publishes};

fn has_keys(value: &Value, keys: &str) {
    for key in keys.split_whitespace() {
        assert!(value.get(key).is_some(), "no {key} in {value:#}");
    }
}

#[test]
fn a_publish_answers_with_the_contracts_keys_and_does_nothing_twice() {
    let sandbox = Sandbox::platform();
    for (path, content) in first_version() {
        sandbox.write(&format!("one/{path}"), &content);
    }
    let words = ["publish", "--from", "one", "--pipeline", "test"];
    let report = sandbox.json(0, &words);
    has_keys(&report, "publish_id status moves added changed retired unchanged findings");
    assert_eq!((&report["status"], &report["added"]), (&"completed".into(), &4.into()));
    assert_eq!(report["moves"]["by_domain"]["stac"], 4);
    let again = sandbox.json(0, &words);
    assert!(again["publish_id"].is_null() && again["unchanged"] == 4, "{again:#}");
    assert_eq!(sandbox.read("catalog/things/a.json"), Some(item("a", "first")));
}

#[test]
fn a_dry_run_of_a_publish_writes_nothing() {
    let (sandbox, ..) = two_publishes();
    sandbox.write("three/things/a.json", &item("a", "third"));
    let before = sandbox.files();
    let report = sandbox.json(0, &["publish", "--from", "three", "--pipeline", "test", "--dry-run"]);
    assert_eq!((&report["status"], &report["changed"]), (&"dry_run".into(), &1.into()));
    assert_eq!(sandbox.files(), before);
}

#[test]
fn mirror_retires_what_the_folder_no_longer_has() {
    let (sandbox, ..) = two_publishes();
    let mut documents = support::base(&["a"]);
    documents.push(("things/a.json", item("a", "second")));
    for (path, content) in documents {
        sandbox.write(&format!("mirror/{path}"), &content);
    }
    let report = sandbox.json(0, &["publish", "--from", "mirror", "--pipeline", "test", "--mirror"]);
    assert_eq!((&report["retired"], &report["changed"]), (&1.into(), &1.into()), "{report:#}");
    assert_eq!(sandbox.read("catalog/things/b.json"), None);
    sandbox.kfm(&["rollback", "execute", "--publish-id", "latest", "--reason", "r", "--yes"]).exits(0);
    assert_eq!(sandbox.read("catalog/things/b.json"), Some(item("b", "first")));
}

#[test]
fn a_plan_has_the_contracts_keys_and_changes_nothing_that_readers_see() {
    let (sandbox, _, second) = two_publishes();
    let plan = sandbox.json(0, &["rollback", "plan", "--publish-id", &second, "--out", "p.kfmplan.json"]);
    has_keys(
        &plan,
        "plan_id content_id path publish_id steps skipped scope dependents risk_level tier approvals_needed \
         decision findings broken_links_before broken_links_planned orphan_count_before orphan_count_planned",
    );
    has_keys(&plan["scope"], "items collections derivatives read_models");
    let document = plan["steps"]["first"].as_array().unwrap().iter().find(|step| step["domain"] == "stac");
    has_keys(document.unwrap(), "domain store unit key action from to");
    assert_eq!(document.unwrap()["key"], "things/a.json");
    assert_eq!(sandbox.read("catalog/things/a.json"), Some(item("a", "second")));
    let stored = std::fs::read_to_string(plan["path"].as_str().unwrap()).unwrap();
    assert_eq!(sandbox.read("p.kfmplan.json"), Some(stored));
}

#[test]
fn planning_twice_gives_the_same_content_id() {
    let (sandbox, _, second) = two_publishes();
    let plan = || sandbox.json(0, &["rollback", "plan", "--publish-id", &second])["content_id"].clone();
    assert_eq!(plan(), plan());
}

#[test]
fn a_dry_run_writes_nothing_and_says_whether_it_is_ready() {
    let (sandbox, _, second) = two_publishes();
    let before = sandbox.files();
    let report = sandbox.json(0, &["rollback", "dry-run", "--publish-id", &second]);
    has_keys(&report, "plan_id ready conflicts steps skipped");
    assert_eq!(report["ready"], true);
    assert_eq!(sandbox.files(), before);
    sandbox.write("catalog/things/a.json", "{}");
    let report = sandbox.json(6, &["rollback", "dry-run", "--publish-id", &second]);
    assert_eq!(report["ready"], false);
    assert_eq!(report["conflicts"][0]["kind"], "foreign", "{report:#}");
}

#[test]
fn a_dry_run_that_is_refused_before_it_is_planned_is_not_ready_and_says_what_stands_against_it() {
    let (sandbox, _, second) = two_publishes();
    let words = ["hotfix", "stac", "--collection", "things", "--field", "properties.title"];
    let values = ["--from", "second", "--to", "better", "--reason", "r"];
    let hotfix = sandbox.json(0, &[&words[..], &values].concat())["hotfix_id"].as_str().unwrap().to_owned();
    let before = sandbox.files();
    let report = sandbox.json(6, &["rollback", "dry-run", "--publish-id", &second]);
    has_keys(&report, "plan_id ready conflicts conflicts_total steps skipped");
    assert_eq!((&report["ready"], &report["conflicts_total"]), (&false.into(), &1.into()));
    assert_eq!(report["status"], "dry_run");
    let conflict = &report["conflicts"][0];
    assert_eq!((&conflict["kind"], &conflict["subject"]), (&"dependent".into(), &hotfix.as_str().into()));
    let undo = format!("kfm hotfix revert --hotfix-id {hotfix} --reason");
    assert!(report["error"]["next"][0].as_str().unwrap().starts_with(&undo), "{report:#}");
    assert_eq!(sandbox.files(), before);
}

#[test]
fn an_execution_that_is_refused_leaves_no_plan_behind() {
    let (sandbox, _, second) = two_publishes();
    sandbox.write("catalog/things/a.json", "{}");
    let execute = ["rollback", "execute", "--publish-id", &second, "--reason", "r", "--yes"];
    let refused = sandbox.json(6, &execute);
    assert_eq!(
        (&refused["status"], &refused["conflicts"][0]["kind"]),
        (&"refused".into(), &"foreign".into())
    );
    let plans = std::fs::read_dir(sandbox.path().join(".kfm/plans")).map_or(0, Iterator::count);
    assert_eq!(plans, 0);
    assert_eq!(sandbox.json(0, &["rollback", "list"])["rollbacks"], serde_json::json!([]));
}

#[test]
fn a_rollback_restores_the_bytes_and_does_nothing_the_second_time() {
    let (sandbox, _, second) = two_publishes();
    let words = ["rollback", "execute", "--publish-id", &second, "--reason", "wrong title", "--yes"];
    let report = sandbox.json(0, &words);
    has_keys(
        &report,
        "rollback_id status applied already broken_links_after orphan_count_after manifest duration_ms",
    );
    assert_eq!(report["status"], "completed");
    assert_eq!(sandbox.read("catalog/things/a.json"), Some(item("a", "first")));
    let manifest = std::fs::read_to_string(report["manifest"].as_str().unwrap()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&manifest).unwrap()["reason"], "wrong title");
    let again = sandbox.json(0, &words);
    assert_eq!(again["applied"]["total"], 0, "{again:#}");
    let listed = sandbox.json(0, &["publish", "list"]);
    assert_eq!(listed["publishes"][1]["rolled_back_by"], report["rollback_id"]);
}

#[test]
fn a_plan_is_executed_by_id_by_prefix_and_by_file() {
    let (sandbox, _, second) = two_publishes();
    let plan = sandbox.json(0, &["rollback", "plan", "--publish-id", &second, "--out", "p.json"]);
    let id = plan["plan_id"].as_str().unwrap();
    for target in [id, &id[..24], "p.json"] {
        assert_eq!(sandbox.json(0, &["rollback", "dry-run", "--plan", target])["plan_id"], id);
    }
    let report = sandbox.json(0, &["rollback", "execute", "--plan", "p.json", "--reason", "r", "--yes"]);
    assert_eq!(report["plan_id"], id);
    assert_eq!(report["rollback_id"], plan["rollback_id"]);
}

#[test]
fn a_plan_file_with_one_byte_flipped_is_refused() {
    const POSITIONS: usize = 40;
    let (sandbox, _, second) = two_publishes();
    sandbox.kfm(&["rollback", "plan", "--publish-id", &second, "--out", "p.json"]).exits(0);
    let plan = std::fs::read(sandbox.path().join("p.json")).unwrap();
    for position in (0..plan.len()).step_by(plan.len() / POSITIONS) {
        let mut changed = plan.clone();
        changed[position] ^= 1;
        std::fs::write(sandbox.path().join("p.json"), changed).unwrap();
        let run = sandbox.kfm(&["rollback", "execute", "--plan", "p.json", "--reason", "r", "--yes"]);
        assert_eq!(run.code, 2, "position {position}: {run:?}");
        assert_eq!(sandbox.read("catalog/things/a.json"), Some(item("a", "second")), "position {position}");
    }
}

#[test]
fn a_plan_is_stale_after_a_publish_inside_its_scope_and_not_after_one_elsewhere() {
    let (sandbox, _, second) = two_publishes();
    let plan = || sandbox.json(0, &["rollback", "plan", "--publish-id", &second])["plan_id"].clone();
    let execute = |code, id: &Value| {
        sandbox.json(code, &["rollback", "execute", "--plan", id.as_str().unwrap(), "--reason", "r", "--yes"])
    };
    let (stale, fresh) = (plan(), plan());
    sandbox.publish("three", &[("things/b.json", item("b", "third"))]);
    assert_eq!(execute(0, &fresh)["status"], "completed");
    assert_eq!(sandbox.read("catalog/things/b.json"), Some(item("b", "third")));
    sandbox.publish("four", &[("things/a.json", item("a", "fourth"))]);
    let refused = execute(6, &stale);
    assert_eq!((&refused["status"], &refused["error"]["kind"]), (&"refused".into(), &"conflict".into()));
}

#[test]
fn a_revert_brings_the_publish_back() {
    let (sandbox, ..) = two_publishes();
    let words = ["rollback", "execute", "--publish-id", "latest", "--reason", "r", "--yes"];
    let rollback = sandbox.json(0, &words)["rollback_id"].clone();
    let before = sandbox.files();
    let revert =
        ["rollback", "revert", "--rollback-id", rollback.as_str().unwrap(), "--reason", "it was right"];
    assert_eq!(sandbox.json(0, &[&revert[..], &["--dry-run"]].concat())["ready"], true);
    assert_eq!(sandbox.files(), before);
    assert_eq!(sandbox.json(0, &revert)["status"], "completed");
    assert_eq!(sandbox.read("catalog/things/a.json"), Some(item("a", "second")));
    assert!(sandbox.json(0, &["publish", "show", "latest"])["rolled_back_by"].is_null());
    let list = sandbox.json(0, &["rollback", "list"]);
    assert_eq!(list["rollbacks"].as_array().unwrap().len(), 2);
}

#[test]
fn status_and_show_say_where_a_rollback_stands() {
    let (sandbox, ..) = two_publishes();
    assert_eq!(sandbox.json(0, &["rollback", "status"])["rollbacks"], serde_json::json!([]));
    let words = ["rollback", "execute", "--publish-id", "latest", "--reason", "r", "--yes"];
    let id = sandbox.json(0, &words)["rollback_id"].clone();
    for words in [&["rollback", "status"][..], &["rollback", "status", "--rollback-id", id.as_str().unwrap()]]
    {
        let status = sandbox.json(0, words);
        has_keys(&status, "rollback_id status phase done total next");
        assert_eq!((&status["rollback_id"], &status["status"]), (&id, &"completed".into()));
    }
    let shown = sandbox.json(0, &["rollback", "show", "latest"]);
    assert_eq!(shown["manifest"]["rollback_id"], id);
    assert_eq!(sandbox.json(0, &["status"])["open"], serde_json::json!([]));
}

#[test]
fn an_id_that_is_not_unique_is_refused_with_its_candidates() {
    let (sandbox, first, second) = two_publishes();
    let answer = sandbox.json(2, &["publish", "show", "pub_"]);
    assert_eq!(answer["error"]["kind"], "ambiguous");
    assert_eq!(answer["candidates"], serde_json::json!([first, second]));
    let answer = sandbox.json(2, &["rollback", "plan", "--publish-id", "pub_1999"]);
    assert_eq!(answer["error"]["kind"], "not_found");
    assert_eq!(answer["error"]["next"][0], "kfm publish list");
}

#[test]
fn without_a_label_a_publish_is_denied_and_the_findings_say_why() {
    let sandbox = Sandbox::empty();
    sandbox.kfm(&["init"]).exits(0);
    for (path, content) in first_version() {
        sandbox.write(&format!("one/{path}"), &content);
    }
    let answer = sandbox.json(3, &["publish", "--from", "one", "--pipeline", "test"]);
    assert_eq!((&answer["status"], &answer["error"]["kind"]), (&"denied".into(), &"denied".into()));
    let findings = answer["findings"]["first"].as_array().unwrap();
    assert!(
        findings.iter().any(|finding| finding["code"] == "C-F01" && finding["denies"] == true),
        "{answer:#}"
    );
    assert_eq!(sandbox.read("catalog/catalog.json"), None);
    let run = sandbox.kfm(&["publish", "--from", "one", "--pipeline", "test"]).exits(3);
    assert!(run.stderr.contains("denied because") && run.stderr.contains("C-F01"), "{}", run.stderr);
}

/// A rollback that loosens a licence is of high risk, so one reviewer has to approve (R64, R65).
#[test]
fn a_plan_that_needs_approval_is_executed_once_it_is_approved() {
    let sandbox = Sandbox::platform();
    let mut documents = first_version();
    documents[2].1 = item("a", "first");
    sandbox.publish("one", &documents);
    sandbox.publish("two", &[("things/a.json", item_with_licence("a", "second", "proprietary"))]);
    let key = ["principals", "add", "ada", "--role", "reviewer", "--key-out", "ada.key"];
    let added = sandbox.json(0, &key);
    has_keys(&added, "name roles public_key key_file");
    sandbox.json(2, &["principals", "add", "eve", "--role", "reviewer", "--key-out", "ada.key"]);
    for name in ["ada", "ADA"] {
        for more in [&[][..], &["--key-out", "other.key"], &["--ci"]] {
            let taken =
                sandbox.refuses(2, &[&["principals", "add", name, "--role", "reviewer"], more].concat());
            let message = taken["error"]["message"].as_str().unwrap();
            assert!(message.starts_with("the name is taken: principal="), "{taken:#}");
        }
    }
    let ada = added["public_key"].as_str().unwrap();
    let taken = sandbox.refuses(2, &["principals", "add", "eve", "--role", "reviewer", "--public-key", ada]);
    assert_eq!(taken["error"]["message"], "the key is another principal's: principal=ada");
    assert_eq!(sandbox.read("other.key"), None);
    let execute = ["rollback", "execute", "--publish-id", "latest", "--reason", "r", "--yes"];
    sandbox.json(5, &["rollback", "dry-run", "--publish-id", "latest"]);
    sandbox.json(5, &[&execute[..], &["--ci"]].concat());
    let waiting = sandbox.json(5, &execute);
    assert_eq!(
        (&waiting["status"], &waiting["error"]["kind"]),
        (&"awaiting_approval".into(), &"approval_required".into())
    );
    let plan_id = waiting["plan_id"].as_str().unwrap().to_owned();
    assert_eq!(waiting["needed"].as_array().unwrap().len(), 1, "{waiting:#}");
    let approve = ["approve", &plan_id, "--as", "ada", "--role", "reviewer", "--key", "ada.key"];
    let approved = sandbox.json(0, &approve);
    has_keys(&approved, "plan_id approvals needed");
    assert_eq!(approved["needed"], serde_json::json!([]));
    assert_eq!(sandbox.json(0, &["approvals", &plan_id])["approvals"][0]["principal"], "ada");
    let report = sandbox.json(0, &["rollback", "execute", "--plan", &plan_id, "--reason", "r", "--yes"]);
    assert_eq!(report["status"], "completed");
    assert_eq!(sandbox.read("catalog/things/a.json"), Some(item("a", "first")));
}

#[cfg(unix)]
#[test]
fn a_private_key_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::platform();
    sandbox.kfm(&["principals", "add", "ada", "--role", "reviewer"]).exits(0);
    let mode = std::fs::metadata(sandbox.path().join("ada.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    sandbox.kfm(&["principals", "add", "bob", "--role", "no-such-role"]).exits(2);
    assert_eq!(sandbox.read("bob.key"), None, "no principal, no key");
}

#[test]
fn a_rollback_and_its_revert_are_told_apart_and_name_each_other() {
    let (sandbox, ..) = two_publishes();
    let undo = ["rollback", "execute", "latest", "--reason", "r", "--yes"];
    let rollback = sandbox.json(0, &undo)["rollback_id"].clone();
    let again = ["rollback", "revert", "latest", "--reason", "r", "--yes"];
    let revert = sandbox.json(0, &again)["rollback_id"].clone();
    let list = sandbox.json(0, &["rollback", "list"])["rollbacks"].clone();
    assert_eq!((&list[0]["kind"], &list[0]["undone_by"]), (&"rollback".into(), &revert), "{list:#}");
    assert_eq!((&list[1]["kind"], &list[1]["reverts"]), (&"revert".into(), &rollback), "{list:#}");
    let rollback = rollback.as_str().unwrap();
    for words in [&["rollback", "show", rollback][..], &["rollback", "status", "--rollback-id", rollback]] {
        assert_eq!(sandbox.json(0, words)["undone_by"], revert);
        let screen = sandbox.kfm(words).exits(0).stdout;
        assert!(screen.contains("undoes") && screen.contains("undone by"), "{screen}");
    }
    let screen = sandbox.kfm(&["rollback", "list"]).exits(0).stdout;
    assert!(screen.contains("  rollback, undone  ") && screen.contains("  revert  "), "{screen}");
}
