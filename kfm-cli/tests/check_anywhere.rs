//! `kfm catalog check DIR|URL`: the documents of any folder or bucket, without a platform (R48).
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::Sandbox;

/// A root, an item that it lists, one that nothing lists, a link that leads nowhere, text that is not JSON.
fn documents() -> BTreeMap<&'static str, Value> {
    let link = |rel: &str, href: &str| json!({ "rel": rel, "href": href });
    let item = |id: &str| {
        json!({ "type": "Feature", "stac_version": "1.1.0", "id": id, "geometry": null, "assets": {},
            "properties": { "datetime": "2025-11-14T00:00:00Z" }, "links": [link("root", "../catalog.json")] })
    };
    let root = json!({ "type": "Catalog", "stac_version": "1.1.0", "id": "root", "description": "a catalog",
        "links": [link("item", "./items/a.json"), link("item", "./items/gone.json")] });
    BTreeMap::from([("catalog.json", root), ("items/a.json", item("a")), ("items/b.json", item("b"))])
}

fn write_catalog(folder: &Path) {
    fs::create_dir_all(folder.join("items")).unwrap();
    for (path, document) in documents() {
        fs::write(folder.join(path), document.to_string()).unwrap();
    }
    fs::write(folder.join("items/half.json"), "{\"type\": ").unwrap();
    fs::write(folder.join("items/b.tif"), "an asset").unwrap();
    fs::write(folder.join(".hidden.json"), "{").unwrap();
}

/// Every file below a folder, with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(self::files(&path)),
            false => drop(files.insert(path.clone(), fs::read(&path).unwrap())),
        }
    }
    files
}

const COUNTS: [&str; 9] = [
    "documents",
    "links",
    "broken_links",
    "orphan_count",
    "unlisted",
    "duplicate_ids",
    "wrong_self_links",
    "not_json",
    "strays",
];

fn counts(check: &Value) -> Vec<u64> {
    COUNTS.iter().map(|name| check[name].as_u64().unwrap()).collect()
}

#[test]
fn a_folder_is_checked_without_a_platform_and_left_as_it_is() {
    let sandbox = Sandbox::empty();
    let folder = sandbox.path().join("any");
    write_catalog(&folder);
    let before = files(sandbox.path());
    let check = sandbox.json(1, &["catalog", "check", "any"]);
    assert_eq!(counts(&check), [4, 4, 1, 2, 2, 0, 0, 1, 0], "{check:#}");
    let broken: Vec<_> = check["findings"]["first"].as_array().unwrap().iter().map(|f| &f["rule"]).collect();
    assert!(broken.contains(&&json!("LNK-2")) && broken.contains(&&json!("ORP-2")), "{broken:?}");
    assert_eq!(files(sandbox.path()), before);

    let absolute = folder.display().to_string();
    for place in ["any/", "./any", &absolute, &format!("file:{absolute}"), &format!("file://{absolute}")] {
        let again = sandbox.json(1, &["catalog", "check", place]);
        assert_eq!(again["findings"], check["findings"], "{place}");
    }
    let screen = sandbox.kfm(&["catalog", "check", "any"]).exits(1).stdout;
    assert!(screen.contains("broken links") && !screen.contains("skew"), "{screen}");
}

#[test]
fn a_whole_catalog_exits_0() {
    let sandbox = Sandbox::empty();
    fs::create_dir(sandbox.path().join("any")).unwrap();
    let root =
        json!({ "type": "Catalog", "stac_version": "1.1.0", "id": "root", "description": "-", "links": [] });
    fs::write(sandbox.path().join("any/catalog.json"), root.to_string()).unwrap();
    assert_eq!(sandbox.json(0, &["catalog", "check", "any"])["documents"], 1);
}

#[test]
fn the_answer_is_that_of_a_platform_with_these_documents() {
    let sandbox = Sandbox::platform();
    write_catalog(&sandbox.path().join("catalog"));
    sandbox.json(0, &["adopt", "--reason", "as it stands"]);
    let platforms = sandbox.json(1, &["catalog", "check"]);
    let anywhere = sandbox.json(1, &["catalog", "check", "catalog"]);
    assert_eq!(counts(&anywhere), counts(&platforms));
    assert_eq!(anywhere["findings"], platforms["findings"]);
}

#[test]
fn what_cannot_be_checked_is_an_error_that_names_it() {
    let sandbox = Sandbox::empty();
    fs::create_dir(sandbox.path().join("empty")).unwrap();
    fs::write(sandbox.path().join("a.json"), "{}").unwrap();
    for (place, code, word) in [
        ("empty", 2, "there is no document"),
        ("gone", 2, "gone"),
        ("a.json", 2, "a.json"),
        ("ftp://example.org/catalog", 2, "ftp://example.org/catalog"),
        ("s3://", 2, "s3://"),
    ] {
        let answer = sandbox.json(code, &["catalog", "check", place]);
        let said = answer["error"].to_string();
        assert!(said.contains(word), "{place}: {said}");
    }
}

/// Puts what lies in a folder under the prefix of a bucket.
#[cfg(any(feature = "s3", feature = "azure"))]
#[allow(clippy::disallowed_methods, reason = "a test is told the credentials for the server")]
async fn upload(folder: &Path, place: &str) {
    use object_store::{ObjectStore, ObjectStoreExt};

    let environment: Vec<(String, String)> = std::env::vars().collect();
    let (store, prefix) = kfm_wal::slots::cloud::object_store(place, &environment).unwrap();
    let store: &dyn ObjectStore = &*store;
    for (path, bytes) in files(folder) {
        let below = path.strip_prefix(folder).unwrap().to_str().unwrap();
        let location = object_store::path::Path::parse(format!("{prefix}/{below}")).unwrap();
        store.put(&location, bytes.into()).await.unwrap();
    }
}

#[test]
#[cfg(any(feature = "s3", feature = "azure"))]
#[ignore = "needs KFM_WAL_URL: an s3: or az: address, with what authenticates there"]
fn a_bucket_is_checked_as_the_folder_is() {
    #[allow(clippy::disallowed_methods, reason = "a test is told where the server is")]
    let url = std::env::var("KFM_WAL_URL").unwrap();
    if !(url.starts_with("s3:") || url.starts_with("az:")) {
        return;
    }
    let sandbox = Sandbox::empty();
    write_catalog(&sandbox.path().join("any"));
    let place = format!("{url}/check-{}", std::process::id());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(upload(&sandbox.path().join("any"), &place));
    let folder = sandbox.json(1, &["catalog", "check", "any"]);
    let bucket = sandbox.json(1, &["catalog", "check", &place]);
    assert_eq!(bucket["findings"], folder["findings"]);
    assert_eq!(counts(&bucket), counts(&folder));
    assert_eq!(sandbox.json(2, &["catalog", "check", &format!("{place}/nothing")])["error"]["kind"], "usage");
}
