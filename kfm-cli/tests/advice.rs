//! What a screen advises leads to an end: each command that is named is run, until nothing is left to do.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[cfg(target_os = "linux")]
#[path = "support/faults.rs"]
#[allow(unreachable_pub, reason = "a module of several test files")]
mod faults;
mod support;

use serde_json::{Value, json};
use support::{Sandbox, base, first_version, item, two_publishes};

/// Returns the remedy of the first finding of a rule in a list of findings.
fn remedy(findings: &Value, rule: &str) -> String {
    let lines = findings["first"].as_array().unwrap();
    let line =
        lines.iter().find(|line| line["rule"] == rule).unwrap_or_else(|| panic!("{rule}: {findings:#}"));
    line["remedy"].as_str().unwrap().to_owned()
}

#[test]
fn a_label_after_a_bad_publish_does_not_stand_in_the_way_of_its_rollback_for_ever() {
    let sandbox = Sandbox::platform();
    sandbox.publish("one", &first_version());
    let bad = [("things/a.json", item("a", "bad")), ("things/b.json", item("b", "bad"))];
    let bad = sandbox.publish("two", &bad);
    let label = ["labels", "assign", "--entity", "things/a.json", "--care", "restricted", "--authority", "C"];
    sandbox.json(0, &[&label[..], &["--reason", "r", "--review-by", "2099-01-01"]].concat());

    // What stood before is as precise: to take the publish back is no way, and is not advised.
    let check = sandbox.json(1, &["catalog", "check"]);
    let way = remedy(&check["findings"], "stands_against_protection");
    assert!(way.contains("--mirror") && !way.contains("rollback plan"), "{way}");
    let denied = sandbox.json(3, &["rollback", "plan", &bad]);
    let way = remedy(&denied["findings"], "CARE-E1-geo");
    assert!(way.contains("without links to it") && way.contains("--mirror"), "{way}");
    let denied = sandbox.json(3, &["rollback", "plan", &bad, "--on-unmaskable", "hide"]);
    let way = remedy(&denied["findings"], "FAIR-I3-links");
    assert!(way.contains("today's protection hides things/a.json") && way.contains("--mirror"), "{way}");
    assert!(!way.contains("undo that first"), "{way}");

    // The way that all of them name.
    for (path, content) in base(&["b"]) {
        sandbox.write(&format!("without/{path}"), &content);
    }
    sandbox.write("without/things/b.json", &item("b", "bad"));
    sandbox.json(0, &["publish", "--from", "without", "--pipeline", "test", "--mirror", "--yes"]);
    let plan = sandbox.json(0, &["rollback", "plan", &bad]);
    assert_eq!((&plan["steps"]["by_action"]["replace"], &plan["skipped"]["total"]), (&json!(1), &json!(1)));
    sandbox.json(0, &["rollback", "execute", &bad, "--reason", "bad", "--yes"]);
    assert!(sandbox.read("catalog/things/b.json").unwrap().contains("first"));
    sandbox.json(0, &["catalog", "check"]);
    assert_eq!(sandbox.json(0, &["status"])["owed"], json!([]));
}

#[test]
fn what_a_publish_added_is_taken_back_where_that_is_advised() {
    let sandbox = Sandbox::platform();
    let mut documents = base(&["b"]);
    documents.push(("things/b.json", item("b", "first")));
    sandbox.publish("one", &documents);
    let mut added = base(&["a", "b"]);
    added.push(("things/a.json", item("a", "new")));
    let added = sandbox.publish("two", &added);
    let label = ["labels", "assign", "--entity", "things/a.json", "--care", "restricted", "--authority", "C"];
    sandbox.json(0, &[&label[..], &["--reason", "r", "--review-by", "2099-01-01"]].concat());
    let check = sandbox.json(1, &["catalog", "check"]);
    let way = remedy(&check["findings"], "stands_against_protection");
    let command = format!("kfm rollback plan --publish-id {added}");
    assert!(way.contains(&command), "{way}");
    let plan = sandbox.json(0, &["rollback", "plan", "--publish-id", &added]);
    assert_eq!(plan["steps"]["by_action"]["retire"], 1, "{plan:#}");
}

#[test]
fn what_another_hand_changed_is_recorded_and_can_be_taken_back() {
    let (sandbox, _, second) = two_publishes();
    sandbox.write("catalog/things/a.json", &item("a", "by hand"));
    // A plan names the cell, how to leave it alone, and what records it.
    let plan = sandbox.json(0, &["rollback", "plan", &second]);
    assert_eq!(plan["foreign"][0]["subject"], "stac:catalog/things/a.json", "{plan:#}");
    let skip = format!("kfm rollback plan --publish-id {second} --skip things/a.json");
    assert_eq!(plan["next"], json!(["kfm reconcile", skip]), "{plan:#}");
    let screen = sandbox.kfm(&["rollback", "plan", &second]).exits(0).stdout;
    assert!(
        screen.contains("changed by another hand") && screen.contains("kfm reconcile --adopt"),
        "{screen}"
    );
    let words: Vec<&str> = skip.split(' ').skip(1).collect();
    assert_eq!(sandbox.json(0, &words)["foreign"], Value::Null);

    let looked = sandbox.json(0, &["reconcile"]);
    assert_eq!(looked["next"], json!(["kfm reconcile --adopt"]), "{looked:#}");
    let adopted = sandbox.json(0, &["reconcile", "--adopt"]);
    let publish = adopted["publish_id"].as_str().unwrap();
    assert_eq!(adopted["next"][0], format!("kfm rollback plan --publish-id {publish}"), "{adopted:#}");
    sandbox.json(0, &["rollback", "execute", publish, "--reason", "it was a slip", "--yes"]);
    assert!(sandbox.read("catalog/things/a.json").unwrap().contains("second"));
    assert_eq!(sandbox.json(0, &["reconcile"])["next"], json!([]));
}

#[test]
fn latest_after_an_adoption_says_why_there_is_nothing_to_undo() {
    let sandbox = Sandbox::platform();
    for (path, content) in first_version() {
        sandbox.write(&format!("catalog/{path}"), &content);
    }
    let adopted = sandbox.json(0, &["adopt"])["publish_id"].as_str().unwrap().to_owned();
    for words in [&["rollback", "plan", "latest"][..], &["publish", "show", "latest"]] {
        let refused = sandbox.json(2, words);
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains("adoption") && message.contains(&adopted), "{refused:#}");
        assert_eq!(refused["error"]["next"], json!(["kfm publish list"]), "{refused:#}");
    }
}

#[test]
fn an_operation_tells_its_history_and_its_approvals() {
    let (sandbox, ..) = two_publishes();
    let tighter = support::item_with_licence("a", "third", "CC-BY-NC-4.0");
    let publish = sandbox.publish("three", &[("things/a.json", tighter)]);
    sandbox.json(0, &["principals", "add", "ada", "--role", "reviewer", "--key-out", "ada.key"]);
    let planned = sandbox.json(0, &["rollback", "plan", &publish]);
    let (plan, id) = (planned["plan_id"].as_str().unwrap(), planned["rollback_id"].as_str().unwrap());
    sandbox.json(0, &["approve", plan, "--as", "ada", "--role", "reviewer", "--key", "ada.key"]);
    let whats = |shown: &Value| {
        let moments = shown["history"].as_array().unwrap().iter();
        moments.map(|moment| moment["what"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let shown = sandbox.json(0, &["rollback", "show", id]);
    assert_eq!(whats(&shown), ["planned", "approved as reviewer"], "{shown:#}");
    sandbox.json(0, &["rollback", "execute", "--plan", plan, "--reason", "wrong licence", "--yes"]);
    let shown = sandbox.json(0, &["rollback", "show", id]);
    let moments = ["planned", "approved as reviewer", "opened", "completed and verified"];
    assert_eq!(whats(&shown), moments, "{shown:#}");
    assert_eq!(shown["history"][1]["by"], "ada");
    assert_eq!(shown["history"][2]["detail"], "wrong licence");
    assert_eq!(
        (&shown["approvals"][0]["principal"], &shown["approvals"][0]["role"]),
        (&"ada".into(), &"reviewer".into())
    );
    let screen = sandbox.kfm(&["rollback", "show", id]).exits(0).stdout;
    assert!(screen.contains("approvals") && screen.contains("ada as reviewer"), "{screen}");
    assert!(screen.contains("completed and verified"), "{screen}");
}

#[test]
fn hotfixes_are_listed_and_shown_as_rollbacks_are() {
    let (sandbox, ..) = two_publishes();
    assert_eq!(sandbox.json(0, &["hotfix", "list"])["hotfixes"], json!([]));
    let hotfix =
        ["hotfix", "stac", "--collection", "things", "--field", "properties.title", "--from", "second"];
    let done = sandbox.json(0, &[&hotfix[..], &["--to", "mended", "--reason", "r", "--yes"]].concat());
    let id = done["hotfix_id"].as_str().unwrap();
    let listed = sandbox.json(0, &["hotfix", "list"]);
    assert_eq!(
        (&listed["hotfixes"][0]["id"], &listed["hotfixes"][0]["status"]),
        (&id.into(), &"completed".into())
    );
    for name in [id, "latest"] {
        let shown = sandbox.json(0, &["hotfix", "show", name]);
        assert_eq!(
            (&shown["id"], &shown["cells"]["by_store"]["catalog"]),
            (&id.into(), &json!(1)),
            "{shown:#}"
        );
        assert_eq!(shown["next"], json!([format!("kfm hotfix revert --hotfix-id {id} --reason '…'")]));
        assert!(shown["manifest"].is_object(), "{shown:#}");
    }
    assert_eq!(sandbox.kfm(&["hotfix", "show", id, "--all"]).exits(0).stdout.lines().count(), 4);
    let unknown = sandbox.json(2, &["hotfix", "show", "hf_none"]);
    assert_eq!(unknown["error"]["next"], json!(["kfm hotfix list"]), "{unknown:#}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_operation_of_which_no_step_is_confirmed_says_so_and_which_command_leads_where() {
    let (sandbox, _, second) = two_publishes();
    let execute = ["rollback", "execute", &second, "--reason", "r", "--yes"];
    let whole = two_publishes();
    let traced = ["rollback", "execute", &whole.2, "--reason", "r", "--yes"];
    let (_, calls) = faults::traced(&mut whole.0.command(&traced), whole.0.path());
    let call = faults::number_of(&calls, " exchange /catalog/");
    assert!(faults::killed_before(&mut sandbox.command(&execute), sandbox.path(), call));
    let status = sandbox.json(7, &["status"]);
    assert_eq!(status["open"][0]["done"], 0, "{status:#}");
    let next = status["open"][0]["next"].as_array().unwrap();
    assert!(next[1].as_str().unwrap().ends_with("--abort"), "{status:#}");
    let hint = status["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("first command goes on") && hint.contains("second goes back"), "{status:#}");
    let screen = sandbox.kfm(&["status"]).exits(7).stdout;
    for said in ["none is confirmed", "the first command below", "the second, with --abort"] {
        assert!(screen.contains(said), "{said}: {screen}");
    }
}

#[test]
fn a_hotfix_that_is_denied_advises_to_undo_nothing() {
    let sandbox = Sandbox::platform();
    sandbox.publish("one", &first_version());
    let hotfix = ["hotfix", "stac", "--collection", "things", "--field", "stac_version"];
    let words = ["--from", "1.1.0", "--to", "1.0.0", "--reason", "r"];
    let denied = sandbox.json(3, &[&hotfix[..], &words].concat());
    let way = remedy(&denied["findings"], "GOV-hotfix");
    assert_eq!(way, "publish it, so that the run that made it is recorded with it");
}

#[test]
fn a_denial_for_a_label_that_is_missing_has_the_command_that_gives_it() {
    let sandbox = Sandbox::empty();
    sandbox.json(0, &["init"]);
    sandbox.write("one/it's a.json", &item("a", "first"));
    let publish = ["publish", "--from", "one", "--pipeline", "test"];
    let way = remedy(&sandbox.json(3, &publish)["findings"], "CARE-A1-access");
    let line = r"kfm labels assign --entity 'it'\''s a.json' --care LABEL --authority NAME --reason '…' --review-by DATE";
    assert!(way.ends_with(line), "{way}");
    let filled = line.replace("LABEL", "public").replace("NAME", "Council").replace("DATE", "2099-01-01");
    let kfm = std::path::Path::new(env!("CARGO_BIN_EXE_kfm")).parent().unwrap();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &format!("PATH='{}':$PATH {filled}", kfm.display())]).current_dir(sandbox.path());
    assert!(shell.env("KFM_ACTOR", "tester").status().unwrap().success(), "{filled}");
    sandbox.json(0, &publish);
}

#[test]
fn a_folder_that_is_no_platform_is_said_with_what_names_it() {
    let sandbox = Sandbox::platform();
    let hint = |command: &mut std::process::Command| {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["error"]["hint"].as_str().unwrap().to_owned()
    };
    let by_variable = hint(sandbox.command(&["status", "--json"]).env("KFM_ROOT", "nowhere"));
    assert!(
        by_variable.starts_with("KFM_ROOT names this folder: mend it there; or make one by"),
        "{by_variable}"
    );
    let by_flag = hint(&mut sandbox.command(&["status", "--json", "--root", "nowhere"]));
    assert!(by_flag.starts_with("--root names this folder"), "{by_flag}");
    let settings = sandbox.read("kfm.toml").unwrap();
    sandbox.write("kfm.toml", &settings.replace("file:catalog", "file:catalgo"));
    let by_url = hint(&mut sandbox.command(&["reconcile", "--json"]));
    assert!(by_url.starts_with("its place is the url under [stores.catalog] of kfm.toml: mend"), "{by_url}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_abort_says_that_the_approvals_of_its_plan_are_spent() {
    let approved = || {
        let (sandbox, ..) = two_publishes();
        let tighter = support::item_with_licence("a", "third", "CC-BY-NC-4.0");
        sandbox.publish("three", &[("things/a.json", tighter)]);
        sandbox.json(0, &["principals", "add", "ada", "--role", "reviewer", "--key-out", "ada.key"]);
        let plan = sandbox.json(0, &["rollback", "plan", "latest"])["plan_id"].as_str().unwrap().to_owned();
        sandbox.json(0, &["approve", &plan, "--as", "ada", "--role", "reviewer", "--key", "ada.key"]);
        (sandbox, plan)
    };
    let execute = |(sandbox, plan): &(Sandbox, String)| {
        sandbox.command(&["rollback", "execute", "--plan", plan, "--reason", "r", "--yes"])
    };
    let whole = approved();
    let (_, calls) = faults::traced(&mut execute(&whole), whole.0.path());
    let call = faults::number_of(&calls, " write /search/");
    let killed = approved();
    assert!(faults::killed_before(&mut execute(&killed), killed.0.path(), call));
    let aborted = killed.0.json(0, &["rollback", "resume", "--abort"]);
    assert_eq!(aborted["approvals_spent"], 1, "{aborted:#}");
}
