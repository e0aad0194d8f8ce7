//! Policy reads every statement of a document, through the command (`docs/states.md` section 5, *Reading*).

use super::support::{Sandbox, first_version, item};
use super::{append, standing::against};

const DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// An item with these members in its place of `assets`.
fn with_assets(id: &str, assets: &str) -> String {
    let document = item(id, "first").replace(r#""assets":{}"#, assets);
    assert!(document.contains(assets), "{document}");
    document
}

fn denied(sandbox: &Sandbox, document: &str) -> String {
    sandbox.write("again/things/a.json", document);
    sandbox.json(3, &["publish", "--from", "again", "--pipeline", "test"]).to_string()
}

#[test]
fn content_that_is_withdrawn_by_its_digest_is_found_however_a_document_refers_to_it() {
    let sandbox = Sandbox::platform();
    let alternate = format!(
        r#""assets":{{"x":{{"href":"x.tif","alternate":{{"s3":{{"href":"s3://b/x.tif","file:checksum":"1220{DIGEST}"}}}}}}}}"#
    );
    let broken = format!(r#""assets":{{"x":{{"href":"x.tif","file:checksum":"1220{DIGEST}",}}}}"#);
    let mut documents = first_version();
    documents[2].1 = with_assets("a", &alternate);
    documents[3].1 = with_assets("b", &broken);
    sandbox.publish("one", &documents);
    let second = sandbox.publish("two", &[("things/a.json", item("a", "second"))]);
    append(&sandbox, "suppressions", &format!("[[suppression]]\ndigest = \"sha256:{DIGEST}\""));

    assert_eq!(against(&sandbox), ["things/b.json"]);
    for assets in [
        alternate,
        r#""assets":{"x":{"href":"x.tif","integrity":"sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="}}"#.to_owned(),
        format!(r#""assets":{{"x":{{"href":"x.tif","file:checksum":"1220{DIGEST}","file:checksum":"1220"}}}}"#),
    ] {
        let told = denied(&sandbox, &with_assets("a", &assets));
        assert!(told.contains("CARE-A3-resurrect"), "{told}");
    }
    sandbox.kfm(&["rollback", "execute", "--publish-id", &second, "--reason", "r", "--yes", "--json"]);
    let standing = sandbox.read("catalog/things/a.json").unwrap_or_default();
    assert!(!standing.contains(DIGEST), "the version before refers to it: {standing}");
    let other = format!(r#""assets":{{"x":{{"href":"x.tif","file:checksum":"1220{}"}}}}"#, "ab".repeat(32));
    sandbox.publish("three", &[("things/a.json", with_assets("a", &other))]);
}

#[test]
fn a_guarded_asset_is_opened_neither_by_a_publish_nor_by_a_rollback() {
    let sandbox = Sandbox::platform();
    let guarded = r#""assets":{"x":{"href":"https://h/x.tif","auth:refs":["oauth"]}}"#;
    let open = r#""assets":{"x":{"href":"https://h/x.tif"}}"#;
    let both = format!("{open},{guarded}");
    let mut documents = first_version();
    documents[2].1 = with_assets("a", open);
    sandbox.publish("one", &documents);
    let second = sandbox.publish("two", &[("things/a.json", with_assets("a", guarded))]);
    for assets in [&both, &format!("{guarded},{open}"), &open.replace("}}", ",}}")] {
        let told = denied(&sandbox, &with_assets("a", assets));
        assert!(told.contains("CARE-A1-asset"), "{told}");
    }
    let back = sandbox.json(3, &["rollback", "execute", "--publish-id", &second, "--reason", "r", "--yes"]);
    assert!(back.to_string().contains("CARE-A1-asset"), "{back:#}");
    sandbox.publish("three", &[("things/a.json", with_assets("a", guarded).replace("first", "third"))]);
}

#[test]
fn what_stands_before_a_document_does_not_take_its_label_away() {
    let sandbox = Sandbox::platform();
    sandbox.publish("one", &first_version());
    let restricted = item("a", "first").replace(r#""title""#, r#""kfm:care_label":"restricted","title""#);
    for before in [",", "null", ")]}',\n", "callback(", "while(1);", "hello ", "ï»¿"] {
        let told = denied(&sandbox, &format!("{before}{restricted}"));
        assert!(told.contains("CARE-E1-geo"), "{before}: {told}");
    }
    let plain = item("a", "first");
    sandbox.write("again/things/a.json", &format!("hello {plain}"));
    sandbox.json(0, &["publish", "--from", "again", "--pipeline", "test"]);
}
