//! Places that a document gives away, at the command: whatever they are called and however they are written, what
//! is to have no geometry is neither published nor restored with one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::Sandbox;

/// Members, each of which tells a place in its own way.
fn telling() -> Vec<Value> {
    vec![
        json!({"properties": {"Latitude": 38.1234}}),
        json!({"properties": {"site_lat": "38.1"}}),
        json!({"properties": {"decimallongitude": -97.5678}}),
        json!({"location": [-97.5678, 38.1234]}),
        json!({"location": "38.1234, -97.5678"}),
        json!({"properties": {"location": {"a": 38.1234}}}),
        json!({"properties": {"wkt": "POINT(-97.5678 38.1234)"}}),
        json!({"properties": {"proj:wkt2": "POINT(-97.5678 38.1234)"}}),
        json!({"properties": {"notes": "burial at 38.1234, -97.5678"}}),
        json!({"properties": {"notes": "38,1234 -97,5678"}}),
        json!({"properties": {"notes": "38.1234N 97.5678W"}}),
        json!({"properties": {"title": "38°07'24.2\"N 97°34'04.1\"W"}}),
        json!({"properties": {"keywords": ["38.1234", "-97.5678"]}}),
        json!({"properties": {"bbox_wgs84": [-97.6, 38.1, -97.5, 38.2]}}),
        json!({"properties": {"utm_easting": 623_456}}),
        json!({"properties": {"geohash": "9ydq2c"}}),
        json!({"properties": {"MGRS": "14SPH1234567890"}}),
        json!({"properties": {"anything": [-97.5678, 38.1234]}}),
        json!({"properties": {"point_x": 623_456.7, "point_y": 4_221_234.5}}),
        json!({"assets": {"a": {"href": "a.tif", "title": "at 38.1234, -97.5678"}}}),
        json!({"assets": {"a": {"href": "a.tif?q=38.1234%2C-97.5678"}}}),
        json!({"assets": {"38.1234_-97.5678": {"href": "a.tif"}}}),
        json!({"links": [{"rel": "about", "href": "a.html", "title": "at 38.1234, -97.5678"}]}),
    ]
}

/// Members that look alike and tell none.
fn harmless() -> Vec<Value> {
    vec![
        json!({"properties": {"version": "1.2.0", "gsd": 30.0, "eo:cloud_cover": 12.345}}),
        json!({"properties": {"created": "2025-01-01T00:00:00.123Z", "updated": "2025-12-31T23:59:59Z"}}),
        json!({"properties": {"proj:shape": [7811, 7641], "proj:epsg": 32_614, "view:sun_azimuth": 162.44594045}}),
        json!({"properties": {"title": "Landsat 8 path 29 row 30", "mgrs_tile": "14SPH"}}),
        json!({"properties": {"title": "Sentinel-2 10m, 12.5, 14.3 percent"}}),
        json!({"properties": {"eo:bands": [{"name": "red", "center_wavelength": 0.665}], "wavelengths": [0.443, 1.613, 2.202]}}),
        json!({"assets": {"a": {"href": "a_v1.2.tif", "file:size": 38_123_456,
            "raster:bands": [{"statistics": {"minimum": 12.345, "maximum": 98.765}}]}}}),
        json!({"properties": {"location": "Kansas", "coordinate_system": "EPSG:4326", "colour": [0.25, 0.5, 0.75]}}),
    ]
}

/// An item without geometry, with members put into it.
fn item(id: &str, members: &Value) -> String {
    let mut item = json!({
        "type": "Feature", "stac_version": "1.1.0", "id": id, "collection": "c", "geometry": null,
        "properties": {"datetime": "2025-01-01T00:00:00Z", "license": "CC-BY-4.0"}, "links": [], "assets": {},
    });
    for (name, value) in members.as_object().unwrap() {
        match (item[name].as_object_mut(), value.as_object()) {
            (Some(there), Some(more)) => there.extend(more.clone()),
            _ => item[name] = value.clone(),
        }
    }
    item.to_string()
}

/// A platform in which what lies below `s/` is to have no geometry.
fn platform() -> Sandbox {
    let sandbox = Sandbox::platform();
    protect(&sandbox);
    sandbox
}

fn protect(sandbox: &Sandbox) {
    let labels = sandbox.read("policy/labels.toml").unwrap();
    let entry = "\n[[label]]\nunder = \"s/\"\ncare = \"restricted\"\nmasking = \"no_geometry\"\nauthority = \"T\"\n\
                 reason = \"r\"\nreview_by = \"2099-01-01\"\n";
    sandbox.write("policy/labels.toml", &(labels + entry));
}

fn write_all(sandbox: &Sandbox, folder: &str, documents: &[Value]) -> BTreeSet<String> {
    let paths = (0..documents.len()).map(|number| format!("s/{number:02}.json"));
    let paths: BTreeSet<String> = paths.collect();
    for (path, members) in paths.iter().zip(documents) {
        sandbox.write(&format!("{folder}/{path}"), &item(path, members));
    }
    paths
}

/// The paths of the documents for which a rule about places denies.
fn denied(answer: &Value) -> BTreeSet<String> {
    let findings = answer["findings"]["first"].as_array().unwrap();
    let about_places = findings.iter().filter(|finding| {
        finding["denies"] == true && finding["rule"].as_str().unwrap().starts_with("CARE-E1-")
    });
    about_places
        .map(|finding| finding["subject"].as_str().unwrap().trim_start_matches("stac:catalog/").to_owned())
        .collect()
}

#[test]
fn a_publish_that_tells_a_place_is_denied_for_each_document_that_does() {
    let sandbox = platform();
    let paths = write_all(&sandbox, "in", &telling());
    let answer = sandbox.json(3, &["publish", "--from", "in", "--pipeline", "p"]);
    assert_eq!(denied(&answer), paths, "{answer:#}");
    assert_eq!(sandbox.read("catalog/s/00.json"), None);
}

#[test]
fn a_publish_of_what_only_looks_like_places_goes_through() {
    let sandbox = platform();
    write_all(&sandbox, "in", &harmless());
    let answer = sandbox.json(0, &["publish", "--from", "in", "--pipeline", "p"]);
    assert_eq!(answer["added"], harmless().len(), "{answer:#}");
}

#[test]
fn a_rollback_restores_no_place_once_the_label_has_risen() {
    let sandbox = Sandbox::platform();
    let paths = write_all(&sandbox, "one", &telling());
    sandbox.json(0, &["publish", "--from", "one", "--pipeline", "p"]);
    write_all(&sandbox, "two", &vec![json!({}); paths.len()]);
    sandbox.json(0, &["publish", "--from", "two", "--pipeline", "p"]);
    protect(&sandbox);
    let words = ["rollback", "execute", "--publish-id", "latest", "--reason", "x", "--yes"];
    let answer = sandbox.json(3, &words);
    assert_eq!(denied(&answer), paths, "{answer:#}");
    assert_eq!(sandbox.read("catalog/s/00.json"), Some(item("s/00.json", &json!({}))));
}
