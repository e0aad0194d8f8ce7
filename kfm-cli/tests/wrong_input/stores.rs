//! The folder of a store is missing: a derived store is made and filled again, the target is restored.

use serde_json::Value;

use crate::support::{Sandbox, two_publishes};

fn remove(sandbox: &Sandbox, store: &str) {
    std::fs::remove_dir_all(sandbox.path().join(store)).unwrap();
}

fn digests(sandbox: &Sandbox) -> Vec<(Value, Value)> {
    let stores = sandbox.json(0, &["doctor", "--digests"])["stores"].clone();
    let of = |store: &Value| (store["name"].clone(), store["digest"].clone());
    stores.as_array().unwrap().iter().map(of).collect()
}

/// What a derived store held is projected from the documents, so nothing is lost with it (`docs/states.md` section 1).
#[test]
fn a_derived_store_that_is_missing_is_made_and_filled_by_a_projection() {
    for store in ["search", "graph", "cache"] {
        let (sandbox, first, _) = two_publishes();
        let before = digests(&sandbox);
        remove(&sandbox, store);
        for (code, words) in [
            (2, &["catalog", "check"][..]),
            (2, &["reconcile"]),
            (2, &["project", "--dry-run"]),
            (2, &["rollback", "dry-run", &first]),
        ] {
            let refused = sandbox.refuses(code, words);
            assert_eq!(refused["error"]["next"][0], "kfm project", "{words:?} {refused:#}");
        }
        let sick = sandbox.json(1, &["doctor"]);
        assert_eq!(sick["error"]["next"][0], "kfm project", "{sick:#}");
        let owed = sandbox.json(0, &["status"])["owed"].clone();
        assert!(owed[0].as_str().unwrap().contains("kfm project"), "{owed:#}");

        sandbox.json(0, &["project"]);
        if store != "cache" {
            // A namespace of a cache opens a new generation; its value is the same.
            assert_eq!(digests(&sandbox), before, "{store}");
        }
        assert_eq!(sandbox.json(0, &["status"])["owed"], serde_json::json!([]));
        assert_eq!(sandbox.json(0, &["catalog", "check"])["store_skew"], 0);
        let again = sandbox.json(0, &["project"]);
        assert_eq!(again["moves"]["total"], 0, "{again:#}");
    }
}

#[test]
fn a_target_that_is_missing_is_restored_and_never_made() {
    let (sandbox, ..) = two_publishes();
    remove(&sandbox, "catalog");
    for words in [&["catalog", "check"][..], &["project"]] {
        let refused = sandbox.refuses(2, words);
        let hint = refused["error"]["hint"].as_str().unwrap();
        assert!(hint.contains("restore it from a backup"), "{words:?} {refused:#}");
    }
    let owed = sandbox.json(0, &["status"])["owed"].clone();
    assert!(owed[0].as_str().unwrap().contains("restore it from a backup"), "{owed:#}");
    assert!(!sandbox.path().join("catalog").exists());
}
