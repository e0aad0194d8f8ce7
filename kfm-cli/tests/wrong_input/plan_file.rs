//! A plan's file that is not what it was.

use super::says;
use super::support::two_publishes;

#[test]
fn a_file_that_is_no_plan_is_refused() {
    let (sandbox, ..) = two_publishes();
    for (name, content) in [
        ("empty.json", ""),
        ("text.json", "hello"),
        ("list.json", "[]"),
        ("item.json", "{\"type\":\"Feature\"}"),
    ] {
        sandbox.write(name, content);
        says(&sandbox.refuses(2, &["rollback", "dry-run", "--plan", name]), &[name, "plan again"]);
    }
}

#[test]
fn a_stored_plan_that_was_changed_or_exchanged_is_refused() {
    let (sandbox, _, second) = two_publishes();
    let plan =
        |reason: &str| sandbox.json(0, &["rollback", "plan", "--publish-id", &second, "--reason", reason]);
    let (one, two) = (plan("one"), plan("two"));
    let path = |plan: &serde_json::Value| plan["path"].as_str().unwrap().to_owned();
    let id = one["plan_id"].as_str().unwrap();
    let execute = ["rollback", "execute", "--plan", id, "--reason", "r", "--yes"];
    let (made, other) = (sandbox.read(&path(&one)).unwrap(), sandbox.read(&path(&two)).unwrap());
    sandbox.write(&path(&one), &other);
    says(&sandbox.refuses(2, &execute), &["another plan lies under this name"]);
    for more in [r#"{"x":1,"#, r#"{"schema":"kfm.plan/v1","#, r#"{"\u0073chema":"kfm.plan/v1","#] {
        sandbox.write(&path(&one), &made.replacen('{', more, 1));
        says(&sandbox.refuses(2, &execute), &["this is no plan"]);
    }
    std::fs::remove_file(path(&one)).unwrap();
    // Its header is in the version store too, for other hosts.
    assert_eq!(sandbox.json(0, &execute)["plan_id"], one["plan_id"]);
}

/// What an editor, a formatter or a file that was sent by mail does to a plan changes nothing in what it says.
#[test]
fn white_space_in_a_plan_changes_nothing() {
    let (sandbox, _, second) = two_publishes();
    let plan = sandbox.json(0, &["rollback", "plan", "--publish-id", &second, "--out", "p.json"]);
    let made = sandbox.read("p.json").unwrap();
    let indented = serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(&made).unwrap());
    for text in [format!("{made}\n"), indented.unwrap().replace('\n', "\r\n"), format!("\n\t {made}")] {
        sandbox.write("p.json", &text);
        let rehearsed = sandbox.json(0, &["rollback", "dry-run", "--plan", "./p.json"]);
        assert_eq!((&rehearsed["plan_id"], &rehearsed["ready"]), (&plan["plan_id"], &true.into()));
    }
    let execute = ["rollback", "execute", "--plan", "./p.json", "--reason", "r", "--yes"];
    assert_eq!(sandbox.json(0, &execute)["plan_id"], plan["plan_id"]);
}

#[test]
fn a_plan_is_executed_as_it_was_made_and_not_with_more() {
    let (sandbox, _, second) = two_publishes();
    let plan = sandbox.json(0, &["rollback", "plan", "--publish-id", &second]);
    let id = plan["plan_id"].as_str().unwrap();
    let execute = ["rollback", "execute", "--plan", id, "--reason", "r", "--yes", "--skip", "things/a.json"];
    says(&sandbox.refuses(2, &execute), &["exactly as it was made"]);
}
