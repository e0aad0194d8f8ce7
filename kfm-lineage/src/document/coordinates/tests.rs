use serde_json::{Value, json};

use super::super::reader::{Reading, Text};
use super::*;

fn look(document: Value) -> Places {
    look_at(&document.to_string())
}

fn look_at(text: &str) -> Places {
    match Text::of(text).read() {
        Reading::Object(tree) => places(tree.root()),
        other => panic!("an object: {other:?}"),
    }
}

#[test]
fn coordinates_are_found_under_every_name_and_in_every_form() {
    for document in [
        json!({"geometry": {"type": "Point", "coordinates": [1, 2]}}),
        json!({"geometry": "POINT (1 2)"}),
        json!({"bbox": ["-98.5"]}),
        json!({"extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}}}),
        json!({"properties": {"proj:centroid": {"lat": 34.5}}}),
        json!({"assets": {"data": {"proj:transform": [30, 0, 224985, 0, -30, 6790215]}}}),
        json!({"properties": {"sites": [{"name": "a", "longitude": -98.5}]}}),
        json!({"Latitude": 38.1234, "Longitude": -97.5678}),
        json!({"LAT": 38}),
        json!({"site_lat": "38.1"}),
        json!({"decimallatitude": 38.1234}),
        json!({"properties": {"deep": [[{"minLon": -97.5}]]}}),
        json!({"location": [-97.5678, 38.1234]}),
        json!({"location": [-97, 38]}),
        json!({"location": "38.1234, -97.5678"}),
        json!({"location": "38 N, 97 W"}),
        json!({"position": {"a": 38.1234, "b": -97.5678}}),
        json!({"long": -97.5678}),
        json!({"wkt": "POINT(-97.5678 38.1234)"}),
        json!({"proj:wkt2": "POINT(-97.5678 38.1234)"}),
        json!({"notes": "burial at 38.1234, -97.5678"}),
        json!({"keywords": ["burial", "38.1234, -97.5678"]}),
        json!({"keywords": ["38.1234", "-97.5678"]}),
        json!({"bbox_wgs84": [-97.6, 38.1, -97.5, 38.2]}),
        json!({"BoundingBox": {"north": 38.2}}),
        json!({"utm_easting": 623456}),
        json!({"geohash": "9ydq2c"}),
        json!({"geohash": "dqcjqc"}),
        json!({"plusCode": "86CHPX7X+2J"}),
        json!({"w3w": "filled.count.soap"}),
        json!({"mgrs": "14SPH1234567890"}),
        json!({"MGRS_ref": "14S PH 12 34"}),
        json!({"utm": [623456, 4221234]}),
        json!({"maidenhead": "EM17fx"}),
        json!({"x": -97.5678, "y": 38.1234}),
        json!({"point_x": 623456.7, "point_y": 4221234.5}),
        json!({"north": 38.2, "South": 38.1, "east": 97.5}),
        json!({"west": -97, "north": 38}),
        json!({"x_min": 623_456, "y_min": 4_221_234}),
        json!({"XCOORD": "-97.5678", "YCOORD": "38.1234"}),
        json!({"anything": [-97.5678, 38.1234]}),
        json!({"anything": [[[-97.5678, 38.1234], [-97.5, 38.2]]]}),
        json!({"anything": [-97.5678, 38.1234, 430.5]}),
        json!({"anything": [-97.5678, null, 38.1234]}),
        json!({"anything": ["-97.5678", "38.1234"]}),
        json!({"wavelengths": [-97.5678, 38.1234]}),
        json!({"38.1234": -97.5678}),
        json!({"assets": {"site_38.1234_-97.5678": {"href": "a.tif"}}}),
        json!({"assets": {"a": {"href": "a.tif", "title": "at 38.1234, -97.5678"}}}),
        json!({"assets": {"a": {"href": "https://x.org/38.1234/-97.5678/a.tif"}}}),
        json!({"assets": {"a": {"href": "a.tif?lat=38.1234&lon=-97.5678"}}}),
        json!({"links": [{"rel": "about", "href": "a", "title": "38°07'24.2\"N 97°34'04.1\"W"}]}),
        json!({"title": "38,1234 -97,5678"}),
        json!({"h3": "8928308280fffff", "lat": 37.1}),
        json!({"township": "12S", "range": "3E", "section": 14}),
        json!({"TWP": "12 S", "RNG": "3 E"}),
        json!({"plss": "14-12S-3E"}),
        json!({"trs": "12S 3E 14"}),
        json!({"legal_description": "NE4 S14 T12S R3E"}),
        json!({"mgrs": "15SUC0516"}),
        json!({"mgrs": "5SUC01"}),
        json!({"mgrs": "15SUC01"}),
        json!({"usng": "15S UC 05 16"}),
        json!({"grid_reference": "TQ 30 80"}),
        json!({"osgb": "TQ300800"}),
        json!({"os_grid": "TQ300800"}),
        json!({"plus_code": "CWC8+QV"}),
        json!({"olc": "849VCWC8+QV"}),
        json!({"utm": "15S 305000 4316000"}),
        json!({"utm": [305000, 4316000]}),
        json!({"easting": 305000}),
        json!({"geohash": "9yutmc"}),
        json!({"geohash": "dqcjqc"}),
        json!({"ghash": "9yutmc"}),
        json!({"geo_hash": "9yutmc"}),
        json!({"grid_square": "EM28jx"}),
        json!({"lat": 38.95}),
        json!({"ns0:lat": "38.95"}),
    ] {
        assert!(look(document.clone()).anywhere, "{document}");
    }
}

#[test]
fn what_is_no_place_is_none() {
    for document in [
        json!({}),
        json!({"geometry": null, "bbox": [], "properties": {"gsd": 30, "proj:epsg": 4326}}),
        json!({"geometry": {"type": "Point", "coordinates": []}, "extent": {"temporal": {"interval": [[null]]}}}),
        json!({"properties": {"version": "1.2.0", "gsd": 30.0, "eo:cloud_cover": 12.345, "created": "2025-01-01T00:00:00.123Z"}}),
        json!({"extent": {"temporal": {"interval": [["2025-01-01T00:00:00Z", "2025-12-31T00:00:00Z"]]}}}),
        json!({"proj:shape": [7811, 7641], "proj:epsg": 32614, "proj:code": "EPSG:32614"}),
        json!({"proj:wkt2": "PROJCS[\"WGS 84 / UTM zone 14N\",PARAMETER[\"latitude_of_origin\",0],PARAMETER[\"central_meridian\",-99]]"}),
        json!({"view:sun_azimuth": 162.44594045, "view:sun_elevation": 26.39344796, "view:off_nadir": 0.5}),
        json!({"eo:bands": [{"name": "red", "center_wavelength": 0.665, "full_width_half_max": 0.038}]}),
        json!({"wavelengths": [0.443, 0.49, 0.665, 1.613, 2.202]}),
        json!({"raster:bands": [{"statistics": {"minimum": 12.345, "maximum": 98.765, "mean": 45.678, "stddev": 3.456}}]}),
        json!({"raster:bands": [{"histogram": {"count": 256, "min": -97.5678, "max": 38.1234, "buckets": [12, 345, 678]}}]}),
        json!({"raster:bands": [{"scale": 0.0001, "offset": -0.1, "nodata": -9999, "spatial_resolution": 30}]}),
        json!({"file:size": 38_123_456, "file:checksum": "1220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}),
        json!({"colour": [0.25, 0.5, 0.75], "color_hint": "#38aa97", "rgb": [12, 34, 56]}),
        json!({"title": "Landsat 8 path 29 row 30", "platform": "landsat-8", "landsat:wrs_path": "029", "landsat:wrs_row": "030"}),
        json!({"title": "Sentinel-2 10m", "s2:mgrs_tile": "14SPH", "grid:code": "MGRS-14SPH", "mgrs:utm_zone": 14, "mgrs:latitude_band": "S"}),
        json!({"location": "Kansas", "place": "Building 12, room 30", "location_id": 38.1234}),
        json!({"long_name": "surface temperature", "longitudinal_study": 2021, "latency_ms": 12.345}),
        json!({"coordinate_system": "EPSG:4326", "geometry_type": "Polygon", "spatial_resolution": 30, "latitude_precision": 0.0001}),
        json!({"x": 512, "y": 512, "tile_x": 10980, "tile_y": 10980, "pixel_size_x": 0.2777, "pixel_size_y": 0.2777}),
        json!({"landsat:geometric_rmse_model_x": 3.456, "landsat:geometric_rmse_model_y": 4.567}),
        json!({"xmin": 0, "ymin": 0, "xmax": 512, "ymax": 512, "north": true}),
        json!({"data_points": [12, 15, 20], "origin": [0, 0]}),
        json!({"sar:center_frequency": 5.405, "sar:looks_range": 4}),
        json!({"providers": [{"name": "USGS", "url": "https://usgs.gov:8080/a.b?c=1.25"}]}),
        json!({"sci:doi": "10.5066/P9OGBGM6", "sci:citation": "Doe, J. (2021), v1.25, pp. 12-34"}),
        json!({"assets": {"footprint": {"href": "footprints_2024.geojson", "title": "Footprints (2024)"}}}),
        json!({"assets": {"lat": {"href": "lat.tif", "file:size": 12}}}),
        json!({"description": "12.5, 14.3 percent", "license": "CC-BY-4.0"}),
        json!({"stac_extensions": ["https://stac-extensions.github.io/projection/v1.1.0/schema.json"]}),
        json!({"township": "Rock Creek", "range": "12 km"}),
        json!({"range": [0, 255], "section": 14}),
        json!({"section": 14, "title": "Range 3"}),
        json!({"min": 1.25, "max": 3.75}),
        json!({"x": 512, "y": 512}),
        json!({"locator": "shelf 12"}),
        json!({"mgrs": "15SUC"}),
        json!({"grid:code": "MGRS-15SUC"}),
        json!({"s2:mgrs_tile": "15SUC"}),
        json!({"gsd": 0.6, "proj:epsg": 26915, "title": "NAIP 2021 m_3709757_ne_14_060"}),
    ] {
        assert_eq!(look(document.clone()), Places::default(), "{document}");
    }
}

#[test]
fn what_is_said_twice_and_numbers_of_any_spelling_count() {
    for text in [
        r#"{"geometry": {"coordinates": [-97.5678, 38.1234]}, "geometry": null}"#,
        r#"{"a": [-9.75678e1, 3.81234e1]}"#,
        r#"{"a": [-97.5678, 38.1234], "a": "b"}"#,
        r#"{"note": "\u0033\u0038.1234, -97.5678"}"#,
        r#"{"gsd": 1e999, "lat": 38.1234}"#,
    ] {
        assert!(look_at(text).anywhere, "{text}");
    }
    assert_eq!(look_at(r#"{"gsd": 1e999, "a": NaN, "b": [1e999, 1e-999]}"#), Places::default());
}

#[test]
fn a_place_in_a_text_is_told_apart_from_one_in_numbers() {
    assert!(look(json!({"properties": {"notes": "38.1234, -97.5678"}})).in_texts);
    assert!(look(json!({"links": [{"title": "38.1234, -97.5678"}]})).in_texts);
    assert!(!look(json!({"geometry": {"type": "Point", "coordinates": [-97.5678, 38.1234]}})).in_texts);
}

#[test]
fn cells_of_the_grid_are_no_places_and_tell_their_resolution() {
    let cells = |document| {
        let places = look(document);
        assert!(!places.anywhere, "{places:?}");
        places.finest_cell
    };
    assert_eq!(cells(json!({"h3": "85283473fffffff"})), Some(5));
    assert_eq!(cells(json!({"location": "872830828ffffff"})), Some(7));
    assert_eq!(cells(json!({"h3:cells": ["85283473fffffff", "8928308280fffff"]})), Some(9));
    assert_eq!(cells(json!({"centroid": "85283473fffffff"})), Some(5));
    assert_eq!(cells(json!({"h3": 599_686_042_433_355_775_u64})), Some(5));
    assert_eq!(cells(json!({"checksum": "85283473ffffff00"})), None);
}

/// Documents of real catalogs, without the members that hold their places; no place must be found in the
/// rest.
#[test]
fn real_documents_without_their_geometry_hold_no_place() {
    const MEMBERS: [&str; 7] =
        ["geometry", "bbox", "proj:transform", "proj:bbox", "proj:geometry", "proj:centroid", "spatial"];
    fn strip(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.retain(|name, _| !MEMBERS.contains(&name.as_str()));
                members.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../testing/data/kfm-stac-history/blobs");
    let (mut read, mut false_alarms) = (0, Vec::new());
    for file in std::fs::read_dir(folder).expect("the history is there") {
        let path = file.expect("a file").path();
        let bytes = std::fs::read(&path).expect("a blob can be read");
        let Ok(mut document) = serde_json::from_slice::<Value>(&bytes) else { continue };
        read += 1;
        assert!(look(document.clone()).anywhere || document.get("extent").is_none(), "{}", path.display());
        strip(&mut document);
        if look(document.clone()) != Places::default() {
            false_alarms.push(format!("{} {}", path.display(), document["id"]));
        }
    }
    assert!(read > 30, "{read}");
    assert_eq!(false_alarms, [""; 0]);
}

#[test]
fn a_place_is_told_by_its_member_and_its_precision_and_never_by_a_value_or_a_name_that_tells_it() {
    let told = |document: Value| -> Vec<(String, Precision)> {
        look(document).found.into_iter().map(|place| (place.at.into(), place.precision)).collect()
    };
    let at = |at: &str, precision| vec![(at.to_owned(), precision)];
    assert_eq!(told(json!({"geometry": null, "title": "a hill"})), []);
    let polygon = json!({"geometry": {"coordinates": [[[-98.5, 38.125], [-98.25, 38.1], [-98.5, 38.125]]]}});
    assert_eq!(told(polygon), at("/geometry/coordinates", Precision::Degrees(3)));
    let sites = json!({"properties": {"sites": [{"lat": 38.1234}, {"lat": 38.12345}]}});
    assert_eq!(told(sites), at("/properties/sites/*/lat", Precision::Degrees(5)));
    let assets =
        json!({"assets": {"chapel of the spring": {"proj:bbox": [623456, 4221234, 623556, 4221334]}}});
    assert_eq!(told(assets), at("/assets/*/proj:bbox", Precision::Other));
    assert_eq!(told(json!({"a/b": {"at 38.1234, -97.5678": 1}})), at("/a~1b/*", Precision::Text));
    assert_eq!(told(json!({"notes": "near 38.1234, -97.5678"})), at("/notes", Precision::Text));
    assert_eq!(told(json!({"h3": "85283473fffffff"})), at("/h3", Precision::Cell(5)));
}

#[test]
fn of_many_places_the_first_are_kept_and_a_cell_makes_room_for_a_place() {
    let mut document = serde_json::Map::new();
    for n in 0..10 {
        document.insert(format!("c{n}"), json!("85283473fffffff"));
    }
    document.insert("fine".into(), json!("8928308280fffff"));
    document.insert("lat".into(), json!(38.1234));
    let found = look(Value::Object(document)).found;
    let told: Vec<_> = found.iter().map(|place| (&*place.at, place.precision)).collect();
    assert_eq!(told.len(), FOUND_MAX);
    assert!(told.contains(&("/fine", Precision::Cell(9))), "{told:?}");
    assert!(told.contains(&("/lat", Precision::Degrees(4))), "{told:?}");
}

#[test]
fn metres_and_binary_geometries_are_places_and_their_likes_are_none() {
    for document in [
        json!({"location": "625123, 4220123"}),
        json!({"loc": [625_123, 4_220_123]}),
        json!({"georef": "GJPJ0615"}),
        json!({"locator": "EM28jx"}),
        json!({"s2_cell": "87bfd4"}),
        json!({"Breite": 38.1234, "Länge": 97.5678}),
        json!({"shape": "0101000000000000000000F03F0000000000000040"}),
        json!({"blob": "0101000020E6100000000000000000F03F0000000000000040"}),
        json!({"wkb": "000000000140000000000000004010000000000000"}),
    ] {
        assert!(look(document.clone()).anywhere, "{document}");
    }
    for document in [
        json!({"location": "66044, 66045"}),
        json!({"loc": 12}),
        json!({"feasting": 12.345}),
        json!({"shape": [10980, 10980]}),
        json!({"Breite": 12}),
        json!({"digest": "01".repeat(32)}),
        json!({"digest": "ff".repeat(32)}),
        json!({"temperature": "38.12 °C to 41.25 °C"}),
    ] {
        assert!(!look(document.clone()).anywhere, "{document}");
    }
}
