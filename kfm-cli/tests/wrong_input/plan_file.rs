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
    let (mut spaced, other) = (std::fs::read(path(&one)).unwrap(), std::fs::read(path(&two)).unwrap());
    std::fs::write(path(&one), other).unwrap();
    says(&sandbox.refuses(2, &execute), &["another plan lies under this name"]);
    spaced.push(b'\n');
    std::fs::write(path(&one), spaced).unwrap();
    says(&sandbox.refuses(2, &execute), &["changed after it was made"]);
    std::fs::remove_file(path(&one)).unwrap();
    // Its header is in the version store too, for other hosts.
    assert_eq!(sandbox.json(0, &execute)["plan_id"], one["plan_id"]);
}

#[test]
fn a_plan_is_executed_as_it_was_made_and_not_with_more() {
    let (sandbox, _, second) = two_publishes();
    let plan = sandbox.json(0, &["rollback", "plan", "--publish-id", &second]);
    let id = plan["plan_id"].as_str().unwrap();
    let execute = ["rollback", "execute", "--plan", id, "--reason", "r", "--yes", "--skip", "things/a.json"];
    says(&sandbox.refuses(2, &execute), &["exactly as it was made"]);
}
