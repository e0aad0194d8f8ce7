//! A file of the policy that is missing, misspelt or not readable refuses every judgement.

use super::support::{Sandbox, item, two_publishes};
use super::withdraw;

const FILES: [&str; 3] = ["labels", "suppressions", "principals"];

fn refused(sandbox: &Sandbox, words: &str) {
    sandbox.write("three/things/a.json", &item("a", "third"));
    let denied = sandbox.json(3, &["publish", "--from", "three", "--pipeline", "test"]);
    let finding = &denied["findings"]["first"][0];
    assert_eq!(finding["rule"], "GOV-cover", "{denied:#}");
    assert!(finding["message"].as_str().unwrap().contains(words), "{finding:#}");
    let doctor = sandbox.json(1, &["doctor"]);
    assert!(doctor["own"].to_string().contains(words), "{doctor:#}");
    sandbox.json(0, &["status"]);
}

#[test]
fn init_makes_every_file_with_the_form_of_an_entry() {
    let sandbox = Sandbox::empty();
    sandbox.kfm(&["init"]).exits(0);
    for (file, form) in FILES.into_iter().zip(["[[label]]", "[[suppression]]", "[[principal]]"]) {
        let text = sandbox.read(&format!("policy/{file}.toml")).unwrap();
        assert!(text.contains(&format!("# {form}")), "{text}");
        // The example is right as it stands, once it is no comment.
        assert!(text.lines().all(|line| line.starts_with('#')), "{text}");
    }
    let doctor = sandbox.json(0, &["doctor"]);
    for file in FILES {
        let own = doctor["own"].as_array().unwrap().iter().find(|part| part["name"] == file).unwrap();
        assert_eq!(own["ok"], true, "{own}");
    }
}

#[test]
fn a_file_that_is_missing_refuses_every_judgement_and_an_empty_one_in_its_place_is_the_way_on() {
    for file in FILES {
        let (sandbox, ..) = two_publishes();
        let path = format!("policy/{file}.toml");
        std::fs::remove_file(sandbox.path().join(&path)).unwrap();
        refused(&sandbox, "is missing");
        let denied = sandbox.json(3, &["publish", "--from", "three", "--pipeline", "test"]);
        let remedy = denied["findings"]["first"][0]["remedy"].as_str().unwrap().to_owned();
        assert!(remedy.contains(&path) && remedy.contains("an empty file says"), "{remedy}");
        sandbox.write(&path, "");
        sandbox.json(0, &["publish", "--from", "three", "--pipeline", "test"]);
    }
}

#[test]
fn a_place_that_is_misspelt_in_the_settings_refuses_every_judgement() {
    let (sandbox, ..) = two_publishes();
    withdraw(&sandbox, "a");
    let settings = sandbox.read("kfm.toml").unwrap();
    let misspelt = settings.replace("[policy]", "[policy]\nsuppressions = \"policy/suppression.toml\"");
    assert_ne!(settings, misspelt);
    sandbox.write("kfm.toml", &misspelt);
    refused(&sandbox, "suppression list is missing: path=policy/suppression.toml");
}

#[test]
fn a_file_that_is_a_folder_or_no_text_refuses_every_judgement() {
    for file in FILES {
        let (sandbox, ..) = two_publishes();
        let path = sandbox.path().join(format!("policy/{file}.toml"));
        std::fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
        refused(&sandbox, "cannot be read");
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        refused(&sandbox, "cannot be read");
    }
}

#[test]
fn an_entry_that_can_be_nothing_is_refused_by_file_and_line_with_what_to_write() {
    for (entity, instead) in [
        ("./things/a.json", "things/a.json"),
        ("/things/a.json", "things/a.json"),
        ("things/a.json ", "things/a.json"),
        ("things\\\\a.json", "things/a.json"),
        ("things//a.json", "things/a.json"),
        ("things/*", "`under`"),
        ("things/", "`under`"),
        ("file:catalog/things/a.json", "relative to the catalog"),
    ] {
        let (sandbox, ..) = two_publishes();
        sandbox.write("policy/suppressions.toml", "");
        withdraw(&sandbox, entity);
        refused(
            &sandbox,
            "suppression list expects an id, or a path that a document of the catalog can have",
        );
        refused(&sandbox, "line=3 key=entity");
        refused(&sandbox, instead);
    }
}

#[test]
fn an_entry_protects_by_every_spelling_that_can_only_mean_one_thing() {
    for entity in [
        "things/a.json",
        "a",
        "kfm-stac://catalog/things/a.json",
        "stac:catalog/things/a.json",
        "catalog/things/a.json",
        "things%2Fa.json",
    ] {
        let (sandbox, ..) = two_publishes();
        withdraw(&sandbox, entity);
        sandbox.write("three/things/a.json", &item("a", "third"));
        let denied = sandbox.json(3, &["publish", "--from", "three", "--pipeline", "test"]);
        assert_eq!(denied["findings"]["first"][0]["rule"], "CARE-A3-resurrect", "{entity}: {denied:#}");
        sandbox.write("four/things/b.json", &item("b", "third"));
        sandbox.json(0, &["publish", "--from", "four", "--pipeline", "test"]);
    }
}
