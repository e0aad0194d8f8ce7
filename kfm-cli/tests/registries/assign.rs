//! A label is for good: what it covers is said before, and one that covers nothing is refused.

use super::support::{Sandbox, first_version, two_publishes};

fn assign<'a>(subject: [&'a str; 2], care: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let words =
        ["labels", "assign", subject[0], subject[1], "--care", care, "--authority", "C", "--reason", "r"];
    [&words[..], &["--review-by", "2099-01-01"], more].concat()
}

#[test]
fn a_label_says_how_many_documents_it_covers_and_which_stand_against_it() {
    let (sandbox, ..) = two_publishes();
    for (subject, covers) in [
        (["--under", ""], 4),
        (["--under", "things/"], 3),
        (["--under", "things"], 3),
        (["--entity", "things"], 3),
        (["--entity", "things/b.json"], 1),
        (["--entity", "b"], 1),
        (["--entity", "kfm-stac://catalog/things/b.json"], 1),
    ] {
        let answer = sandbox.json(0, &assign(subject, "public", &[]));
        // The same once more changes nothing, so a script can be run again.
        assert_eq!(sandbox.json(0, &assign(subject, "public", &[]))["already"], true);
        assert_eq!(
            (&answer["covers"], answer["documents"].as_u64()),
            (&covers.into(), Some(4)),
            "{subject:?}"
        );
        assert_eq!(answer["stand_against_total"], 0);
    }
    let restricted = sandbox.json(0, &assign(["--entity", "b"], "restricted", &[]));
    assert_eq!(restricted["stand_against"][0]["subject"], "things/b.json", "{restricted:#}");
    assert_eq!(restricted["stand_against_total"], 1);
    let screen = sandbox.kfm(&assign(["--entity", "things"], "restricted", &["--yes"])).exits(0).stdout;
    assert!(screen.contains("3 of 4 documents") && screen.contains("things/a.json"), "{screen}");
    assert!(screen.contains("--mirror"), "{screen}");
}

/// The strictest entry holds, and lowering is an operation that is not built yet (`docs/states.md` section 4).
#[test]
fn a_label_that_asks_less_than_one_in_force_says_that_nothing_changes() {
    let (sandbox, ..) = two_publishes();
    sandbox.json(0, &assign(["--entity", "b"], "restricted", &[]));
    let less = sandbox.json(0, &assign(["--entity", "b"], "sensitive", &[]));
    assert_eq!((&less["covers"], &less["outdone"]), (&1.into(), &1.into()), "{less:#}");
    let screen = sandbox.kfm(&assign(["--entity", "b"], "public", &[])).exits(0).stdout;
    assert!(screen.starts_with("A stricter label holds") && screen.contains("not built yet"), "{screen}");
    let wider = sandbox.kfm(&assign(["--under", ""], "sensitive", &["--yes"])).exits(0).stdout;
    assert!(wider.contains("1 document has a stricter label") && wider.contains("is in force"), "{wider}");
}

#[test]
fn a_label_that_covers_nothing_is_refused_unless_it_is_meant() {
    let (sandbox, ..) = two_publishes();
    for subject in
        [["--under", "thing/"], ["--under", "Things/"], ["--entity", "no/such.json"], ["--entity", "A"]]
    {
        let refused = sandbox.refuses(2, &assign(subject, "sensitive", &[]));
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains("covers 0 of 4 documents") && message.contains(subject[1]), "{message}");
        let meant = subject[1] == "Things/" && !message.contains("\"things\" is there");
        assert!(!meant, "{message}");
    }
    let answer = sandbox.json(0, &assign(["--under", "to/come/"], "sensitive", &["--yes"]));
    assert_eq!(answer["covers"], 0);
    let listed = sandbox.json(0, &["labels", "list"]);
    let idle = listed["labels"].as_array().unwrap().iter().filter(|line| line["covers"] == 0).count();
    assert_eq!(idle, 1, "{listed:#}");
    assert!(sandbox.kfm(&["labels", "list"]).stdout.contains("nothing"));
    let doctor = sandbox.json(0, &["doctor"]);
    assert!(doctor["findings"].to_string().contains("covers nothing: under = "), "{doctor:#}");
}

#[test]
fn scripts_go_on_without_a_yes_on_an_empty_platform_and_for_what_was_retired() {
    let sandbox = Sandbox::empty();
    sandbox.kfm(&["init"]).exits(0);
    assert_eq!(sandbox.json(0, &assign(["--under", ""], "public", &[]))["covers"], 0);
    sandbox.json(0, &assign(["--entity", "to/come.json"], "public", &[]));
    let publish = sandbox.publish("one", &first_version());
    sandbox.json(0, &["rollback", "execute", "--publish-id", &publish, "--reason", "r", "--yes"]);
    assert_eq!(sandbox.json(0, &assign(["--entity", "b"], "restricted", &[]))["covers"], 1);
}

#[test]
fn a_catalog_that_is_not_adopted_yet_counts_too() {
    let sandbox = Sandbox::empty();
    sandbox.kfm(&["init"]).exits(0);
    for (path, content) in first_version() {
        sandbox.write(&format!("catalog/{path}"), &content);
    }
    assert_eq!(sandbox.json(0, &assign(["--entity", "things"], "public", &["--yes"]))["covers"], 3);
    sandbox.refuses(2, &assign(["--entity", "thinks"], "public", &[]));
}

#[test]
fn a_label_of_what_was_adopted_without_says_that_its_nodes_are_to_be_projected() {
    let sandbox = Sandbox::empty();
    sandbox.kfm(&["init"]).exits(0);
    for (path, content) in first_version() {
        sandbox.write(&format!("catalog/{path}"), &content);
    }
    sandbox.json(0, &["adopt"]);
    assert_eq!(sandbox.json(0, &["catalog", "check"])["store_skew"], 0);
    let words = assign(["--under", ""], "public", &["--yes"]);
    let rehearsed = sandbox.json(0, &[&words[..], &["--dry-run"]].concat());
    assert_eq!((&rehearsed["to_project"], rehearsed.get("next")), (&4.into(), None), "{rehearsed:#}");
    let answer = sandbox.json(0, &words);
    assert_eq!(answer["to_project"], 4, "a node shows the label in force: {answer:#}");
    assert_eq!(answer["next"], serde_json::json!(["kfm project"]), "{answer:#}");
    assert_eq!(sandbox.json(1, &["catalog", "check"])["store_skew"], 4);
    let again = sandbox.kfm(&assign(["--under", "things"], "sensitive", &["--yes"])).exits(0).stdout;
    assert!(again.contains("to project") && again.contains("kfm project"), "{again}");
    sandbox.json(0, &["project"]);
    assert_eq!(sandbox.kfm(&["catalog", "check", "--json"]).json()["store_skew"], 0);
    // One that changes nothing of what they show leads nowhere.
    let answer = sandbox.json(0, &assign(["--entity", "catalog.json"], "public", &["--yes"]));
    assert_eq!((&answer["to_project"], answer.get("next")), (&0.into(), None), "{answer:#}");
}

#[test]
fn the_same_label_again_changes_nothing() {
    let (sandbox, ..) = two_publishes();
    let words = assign(["--entity", "b"], "public", &[]);
    sandbox.json(0, &words);
    let before = sandbox.state();
    let answer = sandbox.json(0, &words);
    assert_eq!(answer["covers"], 1);
    assert!(sandbox.state() == before);
}

#[test]
fn a_rehearsal_says_the_same_and_writes_nothing() {
    let (sandbox, ..) = two_publishes();
    let before = sandbox.state();
    let answer = sandbox.json(0, &assign(["--entity", "b"], "restricted", &["--dry-run"]));
    assert_eq!((&answer["covers"], &answer["stand_against_total"]), (&1.into(), &1.into()));
    assert!(sandbox.state() == before);
}
