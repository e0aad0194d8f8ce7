//! A document that is protected by its path and stands at another path too (docs/states.md section 1).

use serde_json::Value;

use super::support::{Sandbox, item, two_publishes};
use super::{append, label, withdraw};

/// Lists the findings about documents that are protected at another path only.
fn elsewhere(answer: &Value) -> Vec<(String, String)> {
    let lines = answer["findings"]["first"].as_array().unwrap();
    let found = lines.iter().filter(|line| line["rule"] == "protected_elsewhere");
    found.map(|line| (line["subject"].as_str().unwrap().to_owned(), line["message"].to_string())).collect()
}

fn republished(sandbox: &Sandbox, path: &str, document: &str) -> Value {
    sandbox.write(&format!("again/{path}"), document);
    sandbox.json(0, &["publish", "--from", "again", "--pipeline", "test"])
}

#[test]
fn a_document_that_is_withdrawn_by_its_path_is_told_at_another_path() {
    for (name, protect) in [
        ("withdrawn", (|sandbox: &Sandbox| withdraw(sandbox, "things/b.json")) as fn(&Sandbox)),
        ("below a folder", |sandbox| {
            append(sandbox, "suppressions", "[[suppression]]\nunder = \"things/b.json\"")
        }),
        ("held", |sandbox| {
            append(sandbox, "labels", "[[hold]]\nentity = \"things/b.json\"\nreview_by = \"2099-01-01\"");
        }),
        ("restricted", |sandbox| label(sandbox, "things/b.json", "restricted")),
    ] {
        let (sandbox, ..) = two_publishes();
        protect(&sandbox);
        let published = republished(&sandbox, "other/b.json", &item("b", "another title"));
        for answer in [&published, &sandbox.kfm(&["catalog", "check", "--json"]).json()] {
            let found = elsewhere(answer);
            assert_eq!(found.len(), 1, "{name}: {answer:#}");
            assert!(
                found[0].0 == "other/b.json" && found[0].1.contains("things/b.json"),
                "{name}: {found:?}"
            );
            assert!(found[0].1.contains("carries the id"), "{name}: {found:?}");
        }
        let doctor = sandbox.json(0, &["doctor"])["findings"].to_string();
        assert!(doctor.contains("other/b.json: it carries the id"), "{name}: {doctor}");
    }
}

#[test]
fn the_same_bytes_are_told_too_and_in_an_adoption() {
    let (sandbox, ..) = two_publishes();
    let bytes = r#"{"type":"Catalog","stac_version":"1.1.0","description":"d","links":[]}"#;
    republished(&sandbox, "plain/x.json", bytes);
    withdraw(&sandbox, "plain/x.json");
    sandbox.write("catalog/copies/y.json", bytes);
    let adopted = sandbox.json(0, &["adopt"]);
    let found = elsewhere(&adopted);
    assert!(found.len() == 1 && found[0].1.contains("has the bytes of plain/x.json"), "{adopted:#}");
    let reconciled = sandbox.json(0, &["reconcile"]);
    assert_eq!(elsewhere(&reconciled).len(), 1, "{reconciled:#}");
}

#[test]
fn an_entry_by_id_denies_at_every_path_and_a_document_of_its_own_is_not_told() {
    let (sandbox, ..) = two_publishes();
    withdraw(&sandbox, "b");
    sandbox.write("again/other/b.json", &item("b", "another title"));
    let denied = sandbox.json(3, &["publish", "--from", "again", "--pipeline", "test"]);
    assert!(denied.to_string().contains("CARE-A3-resurrect"), "{denied:#}");
    let (sandbox, ..) = two_publishes();
    withdraw(&sandbox, "things/b.json");
    let published = republished(&sandbox, "other/c.json", &item("c", "third"));
    assert_eq!(elsewhere(&published), []);
    // What is as protected at its own path is no finding.
    withdraw(&sandbox, "things/c.json");
    let check = sandbox.kfm(&["catalog", "check", "--json"]).json();
    assert_eq!(elsewhere(&check), []);
}
