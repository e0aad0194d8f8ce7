//! Documents that readers see and should not are found, listed in `owed`, and never projected anew.

use super::support::{Sandbox, item, two_publishes};
use super::{append, label, withdraw};

pub(crate) fn against(sandbox: &Sandbox) -> Vec<String> {
    let check = sandbox.kfm(&["catalog", "check", "--json"]).json();
    let lines = check["findings"]["first"].as_array().unwrap();
    let lines: Vec<String> = lines
        .iter()
        .filter(|line| line["rule"] == "stands_against_protection")
        .map(|line| line["subject"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(check["stands_against"], lines.len());
    if !lines.is_empty() {
        assert_eq!(check["exit_code"], 1, "{check:#}");
    }
    lines
}

fn alias(sandbox: &Sandbox) -> String {
    let digests = sandbox.json(0, &["doctor", "--digests"]);
    let stores = digests["stores"].as_array().unwrap();
    stores.iter().find(|store| store["domain"] == "search").unwrap()["digest"].to_string()
}

#[test]
fn what_stands_against_protection_is_found_and_owed() {
    for (name, protect) in [
        ("withdrawn", (|sandbox: &Sandbox| withdraw(sandbox, "b")) as fn(&Sandbox)),
        ("held", |sandbox| append(sandbox, "labels", "[[hold]]\nentity = \"b\"\nreview_by = \"2099-01-01\"")),
        ("restricted", |sandbox| label(sandbox, "b", "restricted")),
        ("withdrawn by its folder", |sandbox| {
            append(sandbox, "suppressions", "[[suppression]]\nunder = \"things/b.json\"")
        }),
    ] {
        let (sandbox, ..) = two_publishes();
        assert_eq!(against(&sandbox), Vec::<String>::new());
        assert_eq!(sandbox.json(0, &["status"])["owed"], serde_json::json!([]));
        protect(&sandbox);
        assert_eq!(against(&sandbox), ["things/b.json"], "{name}");
        let owed = sandbox.json(0, &["status"])["owed"].clone();
        assert!(
            owed[0].as_str().unwrap().ends_with("cells=1; take them out: kfm project"),
            "{name}: {owed:#}"
        );
        assert!(owed[1].as_str().unwrap().starts_with("things/b.json readers see it"), "{name}: {owed:#}");
        let reconciled = sandbox.json(0, &["reconcile"]);
        assert_eq!(
            reconciled["findings"]["by_rule"]["stands_against_protection"], 1,
            "{name}: {reconciled:#}"
        );
    }
}

#[test]
fn a_collection_that_is_restricted_takes_its_items_along() {
    let (sandbox, ..) = two_publishes();
    label(&sandbox, "things", "restricted");
    let found = against(&sandbox);
    assert_eq!(found, ["things/a.json", "things/b.json", "things/collection.json"]);
    let owed = || sandbox.json(0, &["status"])["owed"].as_array().unwrap().clone();
    assert!(owed()[0].as_str().unwrap().contains("cells=3; take them out: kfm project"), "{:?}", owed());
    sandbox.json(0, &["project"]);
    assert_eq!(owed().len(), 3, "the documents themselves still stand: {:?}", owed());
}

#[test]
fn a_withdrawn_document_can_be_published_away_and_then_nothing_is_owed() {
    let (sandbox, ..) = two_publishes();
    withdraw(&sandbox, "b");
    // So many that one of them is not a tenth of the catalog.
    for n in 0..20 {
        sandbox.write(&format!("more/{n}.json"), &item(&format!("more{n}"), "more"));
    }
    sandbox.json(0, &["publish", "--from", "more", "--pipeline", "test"]);
    for (path, bytes) in sandbox.bytes() {
        let document = path.strip_prefix("catalog").ok().filter(|path| !path.ends_with("b.json"));
        if let Some(document) = document.filter(|path| path.extension().is_some()) {
            sandbox.write(&format!("without/{}", document.display()), std::str::from_utf8(&bytes).unwrap());
        }
    }
    sandbox.json(0, &["publish", "--from", "without", "--pipeline", "test", "--mirror"]);
    assert_eq!(against(&sandbox), Vec::<String>::new());
    assert_eq!(sandbox.json(0, &["status"])["owed"], serde_json::json!([]));
    assert_eq!(sandbox.read("catalog/things/b.json"), None);
}

#[test]
fn a_neighbours_publish_does_not_show_a_withdrawn_document_anew() {
    // Two platforms that publish the same; in one of them `b` never was.
    let (with, ..) = two_publishes();
    let without = Sandbox::platform();
    for (path, content) in super::support::base(&["a", "b"]) {
        without.write(&format!("one/{path}"), &content);
    }
    without.write("one/things/a.json", &item("a", "second"));
    without.json(0, &["publish", "--from", "one", "--pipeline", "test"]);
    withdraw(&with, "b");
    for sandbox in [&with, &without] {
        sandbox.write("three/things/a.json", &item("a", "third"));
        sandbox.json(0, &["publish", "--from", "three", "--pipeline", "test"]);
    }
    assert_eq!(alias(&with), alias(&without), "the alias lists what may be shown");
    let check = with.json(1, &["catalog", "check"]);
    assert_eq!(check["store_skew"].as_u64(), Some(1), "the node is there until the document goes: {check:#}");
}

#[test]
fn a_document_put_back_by_hand_is_adopted_with_the_word_of_policy() {
    let (sandbox, ..) = two_publishes();
    withdraw(&sandbox, "site-42");
    sandbox.write("catalog/things/c.json", &item("site-42", "by hand"));
    let looked = sandbox.json(0, &["reconcile"]);
    let rules = |answer: &serde_json::Value| answer["findings"]["first"].to_string();
    assert!(rules(&looked).contains("CARE-A3-resurrect"), "{looked:#}");
    let adopted = sandbox.json(0, &["reconcile", "--adopt"]);
    assert!(rules(&adopted).contains("CARE-A3-resurrect"), "{adopted:#}");
    assert!(rules(&adopted).contains("stands_against_protection"), "{adopted:#}");
    let screen = sandbox.kfm(&["reconcile"]).exits(0).stdout.clone();
    assert!(screen.contains("CARE-A3-resurrect"), "{screen}");
    assert_eq!(against(&sandbox), ["things/c.json"]);
}

/// A platform with a second catalog that shows the first.
fn with_a_mirror() -> Sandbox {
    let (sandbox, ..) = two_publishes();
    let settings = sandbox.read("kfm.toml").unwrap();
    let mirror = "\n[stores.mirror]\ndomain = \"stac\"\nkind = \"static\"\nurl = \"file:mirror\"\nrole = \"derived\"\n";
    sandbox.write("kfm.toml", &format!("{settings}{mirror}"));
    sandbox.json(0, &["project"]);
    assert!(sandbox.read("mirror/things/a.json").is_some());
    sandbox
}

#[test]
fn what_stands_against_protection_at_a_path_of_a_second_catalog_that_no_projection_keeps_is_found_and_owed() {
    let sandbox = with_a_mirror();
    let found = ["stac:mirror/other/secret.json"];
    let owed = || sandbox.json(0, &["status"])["owed"].clone();
    let says = |answer: &serde_json::Value| answer["findings"]["first"].to_string();
    let own = item("s", "x").replace("\"title\"", "\"kfm:care_label\":\"restricted\",\"title\"");
    sandbox.write("mirror/other/secret.json", &own);
    assert_eq!(against(&sandbox), found);
    for words in [&["reconcile"][..], &["reconcile", "--adopt", "--ci"], &["project"], &["project", "--ci"]] {
        let answer = sandbox.json(0, words);
        assert!(
            says(&answer).contains(found[0]) && says(&answer).contains("by hand"),
            "{words:?} {answer:#}"
        );
    }
    let adopted = sandbox.json(0, &["adopt"]);
    assert!(says(&adopted).contains(found[0]), "{adopted:#}");
    assert_eq!(against(&sandbox), found);
    let line = owed()[0].as_str().unwrap().to_owned();
    assert!(line.contains(found[0]) && line.contains("CARE-E1-geo"), "{line}");
    // What is advised leads to an end.
    assert!(line.contains("take it out of that store") && line.contains("kfm reconcile --adopt"), "{line}");
    std::fs::remove_file(sandbox.path().join("mirror/other/secret.json")).unwrap();
    sandbox.json(0, &["reconcile", "--adopt"]);
    assert_eq!(against(&sandbox), Vec::<String>::new());
    assert_eq!(owed(), serde_json::json!([]));
}

#[test]
fn a_copy_in_a_second_catalog_of_what_is_withdrawn_is_found_and_a_harmless_document_is_not() {
    let sandbox = with_a_mirror();
    sandbox.write("mirror/other/copy.json", &item("b", "first"));
    sandbox.write("mirror/other/harmless.json", &item("h", "first"));
    sandbox.json(0, &["reconcile", "--adopt"]);
    assert_eq!(against(&sandbox), Vec::<String>::new());
    assert_eq!(sandbox.json(0, &["status"])["owed"], serde_json::json!([]));
    withdraw(&sandbox, "b");
    assert_eq!(against(&sandbox), ["things/b.json", "stac:mirror/other/copy.json"]);
    let owed = sandbox.json(0, &["status"])["owed"].clone();
    assert!(owed.to_string().contains("stac:mirror/other/copy.json readers see it"), "{owed:#}");
}

#[test]
fn taking_back_what_brought_a_document_is_advised_only_where_nothing_later_links_to_it() {
    let sandbox = Sandbox::platform();
    let remedy = |sandbox: &Sandbox| {
        let check = sandbox.json(1, &["catalog", "check"]);
        let lines = check["findings"]["first"].as_array().unwrap().clone();
        let line = lines.into_iter().find(|line| line["rule"] == "stands_against_protection").unwrap();
        line["remedy"].as_str().unwrap().to_owned()
    };
    let brought = sandbox.publish("one", &super::support::first_version());
    withdraw(&sandbox, "b");
    assert!(remedy(&sandbox).contains(&format!("kfm rollback plan --publish-id {brought}")));
    // The collection, which lists it, is a later operation's by now.
    let mut documents = super::support::base(&["a", "b"]);
    let collection =
        documents.pop().unwrap().1.replace("\"things\",\"license\"", "\"all things\",\"license\"");
    sandbox.publish("two", &[("things/collection.json", collection)]);
    assert!(!remedy(&sandbox).contains("rollback plan"), "{}", remedy(&sandbox));
}
