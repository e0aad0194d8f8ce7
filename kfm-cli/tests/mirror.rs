//! `kfm publish --mirror`: what would retire much of the catalog asks first.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use support::{Sandbox, base, item};

/// A platform with so many items of `things`, published from `in`.
fn published(items: usize) -> Sandbox {
    let sandbox = Sandbox::platform();
    let ids: Vec<String> = (0..items).map(|n| format!("i{n}")).collect();
    let names: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut documents = base(&names);
    let paths: Vec<String> = ids.iter().map(|id| format!("things/{id}.json")).collect();
    documents.extend(paths.iter().map(|_| ("", String::new())));
    for ((path, content), (id, name)) in documents[2..].iter_mut().zip(ids.iter().zip(&paths)) {
        *content = item(id, "first");
        *path = name.clone().leak();
    }
    sandbox.publish("in", &documents);
    sandbox
}

fn retire(sandbox: &Sandbox, paths: &[&str]) {
    for path in paths {
        std::fs::remove_file(sandbox.path().join("in").join(path)).unwrap();
    }
}

const MIRROR: [&str; 6] = ["publish", "--from", "in", "--pipeline", "test", "--mirror"];

#[test]
fn a_folder_that_lost_most_of_its_documents_needs_a_yes() {
    let sandbox = published(3);
    retire(&sandbox, &["things/i0.json", "things/i1.json"]);
    let refused = sandbox.refuses(2, &MIRROR);
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("2 of 5 documents"), "{message}");
    assert!(refused["error"]["hint"].as_str().unwrap().contains("--yes"));
    let before = sandbox.files();
    let rehearsed = sandbox.kfm(&[&MIRROR[..], &["--dry-run"]].concat()).exits(0);
    assert!(rehearsed.stdout.contains("Retires 2 of 5 documents"), "{}", rehearsed.stdout);
    let rehearsed = sandbox.json(0, &[&MIRROR[..], &["--dry-run"]].concat());
    assert_eq!((&rehearsed["sweep"]["retires"], &rehearsed["sweep"]["documents"]), (&2.into(), &5.into()));
    assert_eq!(sandbox.files(), before);
    assert_eq!(sandbox.json(0, &[&MIRROR[..], &["--yes"]].concat())["retired"], 2);
}

#[test]
fn an_empty_folder_needs_a_yes_and_names_the_collections() {
    let sandbox = published(2);
    std::fs::create_dir(sandbox.path().join("empty")).unwrap();
    sandbox.write("other/readme.txt", "no documents here");
    for from in ["empty", "other"] {
        let mirror = ["publish", "--from", from, "--pipeline", "test", "--mirror"];
        let message = sandbox.refuses(2, &mirror)["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("4 of 4") && message.contains("things"), "{message}");
    }
}

#[test]
fn what_retires_little_or_nothing_asks_nothing() {
    let sandbox = published(2);
    retire(&sandbox, &["things/i0.json"]);
    assert_eq!(sandbox.json(0, &MIRROR)["retired"], 1, "one of four is a tenth rounded up");
    assert_eq!(sandbox.json(0, &MIRROR)["publish_id"], serde_json::Value::Null);
    sandbox.write("in/things/i0.json", &item("i0", "again"));
    assert_eq!(sandbox.json(0, &MIRROR)["added"], 1);
    retire(&sandbox, &["things/i0.json", "things/i1.json"]);
    let without = ["publish", "--from", "in", "--pipeline", "test"];
    assert_eq!(sandbox.json(0, &without)["retired"], 0, "only a mirror retires");
}

#[test]
fn all_of_a_collection_needs_a_yes_however_small_it_is() {
    let sandbox = published(30);
    let other = base(&[])[1].1.replace("things", "maps");
    sandbox.write("in/maps/collection.json", &other);
    sandbox.json(0, &MIRROR);
    retire(&sandbox, &["maps/collection.json"]);
    let message = sandbox.refuses(2, &MIRROR)["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("1 of 33") && message.contains("maps"), "{message}");
    sandbox.write("in/elsewhere/collection.json", &other);
    assert_eq!(sandbox.json(0, &MIRROR)["retired"], 1, "it only moved");
}
