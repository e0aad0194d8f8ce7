//! Every durable form and every answer has a committed schema that is the types' (R96).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::Sandbox;
use support::schema::faults;

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas")
}

/// Reads every schema below a folder, by its path.
fn schemas_below(folder: &Path) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            found.insert(name, serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap());
        }
    }
    found
}

#[test]
fn the_committed_schemas_are_those_of_the_types() {
    let sandbox = Sandbox::empty();
    sandbox.kfm(&["schemas", "--out", "schemas"]).exits(0);
    let generated = schemas_below(&sandbox.path().join("schemas"));
    let mut committed = schemas_below(&committed());
    // kfm-retry knows no other crate and compares its own.
    committed.retain(|path, _| !path.starts_with("retry/"));
    let differing: Vec<_> = generated
        .keys()
        .chain(committed.keys())
        .filter(|path| generated.get(*path) != committed.get(*path))
        .collect();
    assert!(
        differing.is_empty(),
        "schemas differ from the types: {differing:?}; if the change is meant, run \
         `cargo run -p kfm-cli -- schemas --out schemas`, delete what is no longer there, and commit"
    );
}

#[test]
fn every_committed_schema_is_of_2020_12_and_names_itself() {
    for (path, schema) in schemas_below(&committed()) {
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{path}");
        assert!(schema["$id"].as_str().unwrap().ends_with(&format!("/schemas/{path}")), "{path}");
    }
}

/// Every other test of the command judges the answers that it sees by their schemas; this one shows that a wrong
/// answer is found.
#[test]
fn the_judge_of_answers_finds_what_is_wrong() {
    let schemas = schemas_below(&committed());
    let schema = &schemas["cli/publish.list-v1.json"];
    let good = json!({ "schema": "kfm.publish.list/v1", "ok": true, "exit_code": 0, "publishes": [] });
    assert_eq!(faults(schema, &good), [""; 0]);
    let with = |key: &str, value: Value| {
        let mut changed = good.clone();
        changed[key] = value;
        faults(schema, &changed).len()
    };
    assert_eq!(with("exit_code", json!("0")), 1);
    assert_eq!(with("schema", json!("kfm.status/v1")), 1);
    assert!(with("publishes", json!([{ "publish_id": 1 }])) > 1);
    let refused = json!({ "schema": "kfm.publish.list/v1", "ok": false, "exit_code": 2, "error":
        { "kind": "usage", "message": "m", "causes": [], "hint": "", "next": [] } });
    assert_eq!(faults(schema, &refused), [""; 0]);
    let silent = json!({ "schema": "kfm.publish.list/v1", "ok": true, "exit_code": 0 });
    assert_eq!(faults(schema, &silent).len(), 1);
}
