//! What a denial by protection says: by which entry, about which member of the document, and a way on that works.

use serde_json::{Value, json};

use super::support::{Sandbox, first_version, item};
use super::{append, label};

/// Returns the only finding that denies.
#[track_caller]
fn denial(answer: &Value) -> (String, String) {
    let findings = answer["findings"]["first"].as_array().unwrap();
    let denying: Vec<&Value> = findings.iter().filter(|finding| finding["denies"] == true).collect();
    assert_eq!(denying.len(), 1, "{answer:#}");
    let text = |key: &str| denying[0][key].as_str().unwrap().to_owned();
    assert_eq!(text("subject"), "things/a.json");
    (text("message"), text("remedy"))
}

const HOLD: &str = "[[hold]]\nentity = \"things/a.json\"\nreview_by = \"2099-01-01\"";
const PUBLISH: [&str; 5] = ["publish", "--pipeline", "test", "--from", "others"];

#[test]
fn a_rollback_that_a_hold_denies_names_the_entry_and_a_command_that_goes_on_without_the_document() {
    // states.md section 4: a hold on one document denies the plan; --skip is no way around it (section 3).
    let sandbox = Sandbox::platform();
    sandbox.publish("one", &first_version());
    sandbox.publish("two", &[("things/a.json", item("a", "second")), ("things/b.json", item("b", "second"))]);
    append(&sandbox, "labels", HOLD);
    let denied = sandbox.json(3, &["rollback", "plan", "latest"]);
    let (message, remedy) = denial(&denied);
    assert!(message.ends_with("by the entry of Prairie Band Council about things/a.json"), "{message}");
    assert!(remedy.contains("'kfm publish --from FOLDER --pipeline NAME'"), "{remedy}");
    sandbox.json(2, &["rollback", "plan", "latest", "--skip", "things/a.json"]);
    sandbox.write("others/things/b.json", &item("b", "first"));
    sandbox.json(0, &PUBLISH);
    assert!(sandbox.read("catalog/things/a.json").unwrap().contains("second"));
    assert!(sandbox.read("catalog/things/b.json").unwrap().contains("first"));
}

#[test]
fn a_mirror_without_a_held_document_is_told_to_bring_it_as_it_stands_and_then_goes_through() {
    let sandbox = Sandbox::platform();
    sandbox.publish("one", &first_version());
    append(&sandbox, "labels", HOLD);
    for (path, content) in first_version() {
        sandbox.write(&format!("others/{path}"), &content);
    }
    sandbox.write("others/things/b.json", &item("b", "second"));
    let mirror = [&PUBLISH[..], &["--mirror", "--yes"]].concat();
    std::fs::remove_file(sandbox.path().join("others/things/a.json")).unwrap();
    let (_, remedy) = denial(&sandbox.json(3, &mirror));
    assert!(
        remedy.starts_with("put it into the folder as it stands in the catalog, byte for byte: a"),
        "{remedy}"
    );
    sandbox.write("others/things/a.json", &item("a", "second"));
    let (_, remedy) = denial(&sandbox.json(3, &mirror));
    assert!(remedy.starts_with("put it into the folder as it stands"), "{remedy}");
    assert!(remedy.contains("a publish that does not mirror may leave it out"), "{remedy}");
    std::fs::copy(sandbox.path().join("catalog/things/a.json"), sandbox.path().join("others/things/a.json"))
        .unwrap();
    sandbox.json(0, &mirror);
    assert!(sandbox.read("catalog/things/b.json").unwrap().contains("second"));
}

#[test]
fn a_document_that_is_too_precise_is_denied_with_its_members_their_precision_and_what_would_pass() {
    let sandbox = Sandbox::platform();
    sandbox.publish("one", &first_version());
    label(&sandbox, "things/a.json", "restricted");
    let changed = || serde_json::from_str::<Value>(&item("a", "second")).unwrap();
    let mut precise = changed();
    precise["geometry"]["coordinates"] = json!([-98.1234, 38.5]);
    precise["properties"]["site"] = json!({ "latitude": 38.512345 });
    precise["properties"]["h3"] = json!("8928308280fffff");
    sandbox.write("others/things/a.json", &precise.to_string());
    let denied = sandbox.kfm(&PUBLISH).exits(3).stderr;
    let (message, remedy) = denial(&sandbox.json(3, &PUBLISH));
    for told in [
        "/geometry/coordinates has degrees with 4 digits after the point",
        "/bbox has degrees with 1 digit after the point",
        "/properties/site/latitude has degrees with 6 digits after the point",
        "/properties/h3 has a cell of resolution 9",
    ] {
        assert!(message.contains(told) && denied.contains(told), "{told}: {message}\n{denied}");
    }
    assert!(
        !message.contains("98.1") && !message.contains("38.5") && !message.contains("89283"),
        "{message}"
    );
    assert!(
        remedy.contains("resolution 5 or coarser (250 km², about 20 km or 0.2 degrees wide)"),
        "{remedy}"
    );
    let mut passes = changed();
    passes["geometry"] = Value::Null;
    passes.as_object_mut().unwrap().remove("bbox");
    passes["properties"]["h3"] = json!("85283473fffffff");
    sandbox.write("others/things/a.json", &passes.to_string());
    sandbox.json(0, &PUBLISH);
}

#[test]
fn the_list_of_labels_shows_heritage_masking_and_a_review_that_is_due() {
    let sandbox = Sandbox::platform();
    let entry = "[[label]]\nentity = \"things/a.json\"\ncare = \"sensitive\"\nmasking = \"no_geometry\"\nheritage = true\n";
    append(&sandbox, "labels", &format!("{entry}review_by = \"2020-01-01\""));
    let screen = sandbox.kfm(&["labels", "list"]).exits(0).stdout;
    let line = screen.lines().find(|line| line.contains("things/a.json")).unwrap();
    assert!(
        line.contains("sensitive, no_geometry, heritage") && line.contains("2020-01-01, passed"),
        "{screen}"
    );
    let labels = sandbox.json(0, &["labels", "list"])["labels"].clone();
    assert_eq!(
        (&labels[0]["review_due"], &labels[1]["review_due"]),
        (&Value::Null, &true.into()),
        "{labels:#}"
    );
}
