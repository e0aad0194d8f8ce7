use serde_json::json;

use super::*;

fn told(document: &Value) -> Vec<String> {
    faults(document.to_string().as_bytes()).iter().map(ToString::to_string).collect()
}

fn item(geometry: Value, bbox: Value) -> Value {
    json!({
        "type": "Feature", "stac_version": "1.0.0", "id": "a", "geometry": geometry, "bbox": bbox,
        "properties": {"datetime": "2020-01-01T00:00:00Z"}, "links": [], "assets": {"k": {"href": "./a.tif"}},
    })
}

fn point() -> Value {
    json!({"type": "Point", "coordinates": [1.5, 2.5]})
}

fn of_geometry(geometry: Value) -> Vec<String> {
    let mut faults = Faults::default();
    geometry::look(&geometry, "/geometry", &mut faults);
    faults.into_set().iter().map(ToString::to_string).collect()
}

fn of_bbox(bbox: Value) -> Vec<String> {
    let mut faults = Faults::default();
    bbox::look(&bbox, "/bbox", &mut faults);
    faults.into_set().iter().map(ToString::to_string).collect()
}

#[test]
fn a_valid_document_of_either_version_has_no_faults() {
    for version in ["1.0.0", "1.1.0"] {
        let mut item = item(point(), json!([1.5, 2.5, 1.5, 2.5]));
        item["stac_version"] = json!(version);
        assert_eq!(told(&item), [""; 0], "{version}");
        let catalog =
            json!({"type": "Catalog", "stac_version": version, "id": "r", "description": "d", "links": []});
        assert_eq!(told(&catalog), [""; 0], "{version}");
        let collection = json!({
            "type": "Collection", "stac_version": version, "id": "c", "description": "d", "license": "CC-BY-4.0",
            "links": [], "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]},
                "temporal": {"interval": [["2020-01-01T00:00:00Z", null]]}},
        });
        assert_eq!(told(&collection), [""; 0], "{version}");
    }
    let mut unlocated = item(Value::Null, Value::Null);
    unlocated.as_object_mut().unwrap().remove("bbox");
    assert_eq!(told(&unlocated), [""; 0]);
}

#[test]
fn coordinates_are_as_their_type_has_them() {
    let ring = json!([[0, 0], [1, 0], [1, 1], [0.0, 0]]);
    for (kind, coordinates) in [
        ("Point", json!([1, 2, 3])),
        ("MultiPoint", json!([])),
        ("LineString", json!([[179.5, 1], [-179.5, 1]])),
        ("MultiLineString", json!([[[0, 0], [1, 1]]])),
        ("Polygon", json!([ring])),
        ("MultiPolygon", json!([[ring], [ring, ring]])),
    ] {
        assert_eq!(of_geometry(json!({"type": kind, "coordinates": coordinates})), [""; 0], "{kind}");
    }
    let nested = json!({"type": "GeometryCollection", "geometries": [point()]});
    assert_eq!(of_geometry(nested), [""; 0]);
    for geometry in [
        json!({"type": "Point", "coordinates": "x"}),
        json!({"type": "Point", "coordinates": [1]}),
        json!({"type": "Point", "coordinates": [1, 2, 3, 4]}),
        json!({"type": "Point", "coordinates": [1, "2"]}),
        json!({"type": "Point"}),
        json!({"type": "MultiPolygon", "coordinates": [1.5, 2.5]}),
        json!({"type": "LineString", "coordinates": [[0, 0]]}),
        json!({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 0]]]}),
        json!({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}),
        json!({"type": "GeometryCollection", "coordinates": []}),
        json!({"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": []}]}),
    ] {
        let told = of_geometry(geometry.clone());
        assert!(told.iter().any(|fault| fault.contains("coordinates that its type")), "{geometry}: {told:?}");
    }
    assert_eq!(of_geometry(json!("x")), ["/geometry has no type of a geometry"]);
    assert_eq!(
        of_geometry(json!({"type": "Circle", "coordinates": [0, 0]})),
        ["/geometry has no type of a geometry"]
    );
    for place in [json!([181, 0]), json!([0, -90.5]), json!([500_000, 4_000_000])] {
        assert_eq!(
            of_geometry(json!({"type": "Point", "coordinates": place})),
            ["/geometry leaves the range of degrees"]
        );
    }
}

#[test]
fn a_box_has_four_or_six_numbers_and_may_cross_the_antimeridian() {
    for bbox in [
        json!([-180, -90, 180, 90]),
        json!([179.5, 68.4, -179.5, 69.4]),
        json!([1.5, 2.5, 1.5, 2.5]),
        json!([0, 0, -10, 1, 1, 8_000.5]),
    ] {
        assert_eq!(of_bbox(bbox.clone()), [""; 0], "{bbox}");
    }
    for (bbox, fault) in [
        (json!([1.5, 2.5, 1.5]), "4 or 6"),
        (json!([1, 2, 3, 4, 5]), "4 or 6"),
        (json!([]), "4 or 6"),
        (json!("x"), "4 or 6"),
        (json!([1, 2, "3", 4]), "4 or 6"),
        (json!([0, 1, 1, 0]), "south above"),
        (json!([0, 0, 5, 1, 1, 4]), "lowest height"),
        (json!([0, 0, 181, 1]), "range"),
        (json!([0, -91, 1, 1]), "range"),
    ] {
        let told = of_bbox(bbox.clone());
        assert!(told.iter().any(|told| told.contains(fault)), "{bbox}: {told:?}");
    }
}

#[cfg(feature = "stac-schemas")]
#[test]
fn the_schemas_of_stac_are_asked() {
    for version in ["1.0.0", "1.1.0"] {
        for (pointer, value) in [
            ("/assets/k/href", json!(5)),
            ("/properties/gsd", json!("x")),
            ("/properties/license", json!(5)),
            ("/properties/providers", json!([{"name": "a", "roles": ["cook"]}])),
            ("/stac_extensions", json!("x")),
            ("/id", json!("")),
            ("/links", json!([{"href": "./a"}])),
        ] {
            let mut item = item(point(), json!([1.5, 2.5, 1.5, 2.5]));
            item["stac_version"] = json!(version);
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            item.pointer_mut(parent).unwrap()[name] = value;
            let told = told(&item);
            assert!(told.iter().any(|fault| fault.contains("as its schema says")), "{pointer}: {told:?}");
        }
    }
    let mut old = item(point(), json!([1.5, 2.5, 1.5, 2.5]));
    old["stac_version"] = json!("0.9.0");
    old["properties"]["gsd"] = json!("x");
    assert_eq!(told(&old), [""; 0], "there is no schema for it here");
}

/// Another digest means another policy: say so in the changelog.
#[cfg(feature = "stac-schemas")]
#[test]
fn the_schemas_are_those_that_were_published() {
    assert_eq!(
        schemas_digest().unwrap().to_string(),
        "sha256:253fd0c6299b832740d8dca6d2940b163e93c71007e4ddc830f8c27fddbff54f"
    );
}

#[test]
fn a_fault_carries_no_text_of_the_document() {
    let mut item = item(point(), json!([1.5, 2.5, 1.5, 2.5]));
    item["assets"] = json!({"a secret place": {"href": 5, "created": "yesterday, at the site"}});
    let told = told(&item);
    assert!(
        !told.is_empty() && told.iter().all(|fault| !fault.contains("secret") && !fault.contains("site"))
    );
    assert!(told.contains(&"/assets/*/created is not a date-time of RFC 3339".to_owned()), "{told:?}");
}

#[test]
fn what_common_readers_do_not_take_is_one_fault() {
    for text in ["", "{", r#"{"type":"Feature","x":1e400}"#, &"[".repeat(100_000)] {
        let told: Vec<String> = faults(text.as_bytes()).iter().map(ToString::to_string).collect();
        assert_eq!(told, ["the document is not JSON that common readers take"]);
    }
    for text in ["[]", "1", "{}", r#"{"type":"FeatureCollection"}"#] {
        assert!(faults(text.as_bytes()).is_empty(), "{text}");
    }
}
