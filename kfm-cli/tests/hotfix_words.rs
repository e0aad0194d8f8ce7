//! What a hotfix may not do by another spelling: loosen a licence by an expression, refer to raw data by another
//! reference.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use serde_json::json;
use support::Sandbox;

/// A platform with one item, below `folder`, with two assets of which one is raw data.
fn platform(folder: &str) -> Sandbox {
    platform_of("1.0.0", folder)
}

fn platform_of(stac_version: &str, folder: &str) -> Sandbox {
    let sandbox = Sandbox::platform();
    let item = json!({
        "type": "Feature", "stac_version": stac_version, "id": "i", "collection": "c", "geometry": null,
        "properties": {"datetime": "2025-01-01T00:00:00Z", "license": "CC-BY-4.0", "raw_source": "data/raw/a.tif"},
        "links": [], "assets": {"a": {"href": "./a.tif"}, "raw": {"href": "/data/raw/a.tif"}},
    });
    sandbox.publish("in", &[(&format!("{folder}i.json"), item.to_string())]);
    sandbox
}

#[track_caller]
fn hotfix(sandbox: &Sandbox, code: i32, field: &str, from: &str, to: &str) {
    let words = ["hotfix", "stac", "--collection", "c", "--field", field, "--from", from, "--to", to];
    let run = sandbox.kfm(&[&words[..], &["--reason", "r", "--dry-run"]].concat());
    assert_eq!(run.code, code, "{field} to {to}: {run:?}");
}

#[test]
fn a_licence_is_loosened_by_an_expression_as_by_an_id() {
    // A version of STAC whose schema does not say which characters a licence may have.
    let sandbox = platform_of("0.9.0", "");
    for to in
        ["CC0-1.0", "\"(CC0-1.0)\"", "CC0-1.0 AND CC0-1.0", "CC-BY-4.0 OR CC0-1.0", "cc0-1.0 or cc-by-4.0"]
    {
        hotfix(&sandbox, 5, "properties.license", "CC-BY-4.0", to);
    }
    for to in ["CC-BY-SA-4.0", "(CC-BY-4.0)", "CC-BY-4.0 AND CC0-1.0"] {
        hotfix(&sandbox, 0, "properties.license", "CC-BY-4.0", to);
    }
    hotfix(&platform(""), 5, "properties.license", "CC-BY-4.0", "CC0-1.0");
    // Where the schema says it, an expression is not a licence at all.
    hotfix(&platform(""), 3, "properties.license", "CC-BY-4.0", "\"(CC0-1.0)\"");
}

#[test]
fn raw_data_is_not_referred_to_by_another_spelling() {
    let sandbox = platform("");
    for to in [
        "../data/raw/a.tif",
        "../data/r%61w/a.tif",
        "../data/r%2561w/a.tif",
        "../data//raw/a.tif",
        "../data/./raw/a.tif",
        "../data/x/../raw/a.tif",
        "data%2Fraw/a.tif",
        "Data\\Raw\\a.tif",
        "https://h/data/raw/a.tif",
        "s3://b/data/raw/a.tif",
        "/data/raw/a.tif",
    ] {
        hotfix(&sandbox, 3, "assets.a.href", "./a.tif", to);
    }
    hotfix(&sandbox, 3, "properties.raw_source", "data/raw/a.tif", "data/raw/b.tif");
    hotfix(&sandbox, 3, "assets.raw.href", "/data/raw/a.tif", "./a.tif");
    for to in ["rawdata/a.tif", "mydata/raw_notes.txt", "data/rawish/x.tif", "../raw/a.tif"] {
        hotfix(&sandbox, 0, "assets.a.href", "./a.tif", to);
    }
    hotfix(&platform("data/items/"), 3, "assets.a.href", "./a.tif", "../raw/a.tif");
}
