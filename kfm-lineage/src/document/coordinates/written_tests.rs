use super::*;

#[test]
fn places_are_found_as_people_write_them() {
    for text in [
        // Decimal degrees.
        "38.1234, -97.5678",
        "moved from 38.12 -97.57",
        "site_38.1234_-97.5678.json",
        "38.1234°N 97.5678°W",
        "38.1234N 97.5678W",
        "N38.1234 W97.5678",
        "[-97.56,38.12]",
        "at 38.12/97.57.",
        "burial at 38.1234, -97.5678 (confirmed)",
        "38.1234 and -97.5678",
        "38.1234 north latitude, 97.5678 west longitude",
        "38.1234°, -97.5678°",
        "geo:38.1234,-97.5678",
        "https://maps.example.org/@38.1234,-97.5678,15z",
        "https://maps.example.org/#map=15/38.1234/-97.5678",
        "https://x.org/?q=38.1234%2C-97.5678",
        "https://x.org/?q=38.1234%252C-97.5678",
        "https://x.org/?bbox=-97.60,38.10,-97.50,38.20",
        "{\"coordinates\": [-97.5678, 38.1234]}",
        "<gml:pos>38.1234 -97.5678</gml:pos>",
        "3.81234e1, -9.75678e1",
        "12.3456, 98.7654",
        "38.123456, 97.567891 m",
        // Other signs and digits.
        "38.1234, \u{2212}97.5678",
        "38.12\u{200b}34, -97.\u{2060}5678",
        "３８.１２３４, -９７.５６７８",
        "٣٨٫١٢٣٤ -٩٧٫٥٦٧٨",
        "38·1234, -97·5678",
        // Comma as point.
        "38,1234 -97,5678",
        "38,1234; -97,5678",
        "38,1234, -97,5678",
        "38,1234 97,5678",
        "38,12°N 97,56°W",
        "38.1234 ~ -97.5678",
        "38.1234. -97.5678",
        "38.1234\n-97.5678",
        "38.1234N_97.5678W.tif",
        // By name.
        "Lat. 38.1234",
        "lat 38.1234 lon -97.5678",
        "Latitude: 38.1234",
        "lat=38.1234&zoom=3&lon=-97.5678",
        "longitude is -97.5678",
        "+proj=aeqd +lat_0=38.1234 +lon_0=-97.5678",
        "lat 38 07 24",
        // Degrees and minutes.
        "38°07'24.2\"N 97°34'04.1\"W",
        "38°07′24.2″N 97°34′04.1″W",
        "38º07’24”N, 97º34’04”W",
        "38° 7' N",
        "N 38° 07.403' W 097° 34.068'",
        "38°07'24.2'' 97°34'04.1''",
        "38&deg;07'24\" N",
        "38d07m24s N 97d34m04s W",
        "38 deg 7 min 24 sec north",
        "38 07 24 N, 97 34 04 W",
        "N38 07 24 W97 34 04",
        "38-07-24N 097-34-04W",
        "380724N 0973404W",
        "380724N0973404W",
        "38:07:24.2, -97:34:04.1",
        "+380724.2-0973404.1/",
        "+380724-0973404/",
        "+3807.4-09734.1/",
        "38.1234° N",
        // WKT, grids, codes.
        "POINT(-97.5678 38.1234)",
        "point (-98 38)",
        "SRID=4326;POINT Z (-97.5678 38.1234 10)",
        "MULTIPOLYGON(((-97 38, -96 38, -96 39, -97 38)))",
        "POINT(-97.5+38.1)",
        "UTM 14N 623456 4221234",
        "zone 14 easting 623456 northing 4221234",
        "623456E 4221234N",
        "E 623456 N 4221234",
        "MGRS 14SPH1234567890",
        "MGRS: 14S PH 12345 67890",
        "site-14SPH1234567890",
        "geohash: 9ydq2c",
        "86CHPX7X+2J",
    ] {
        assert!(has_place(text), "{text}");
    }
}

#[test]
fn what_only_looks_like_a_place_is_none() {
    for text in [
        "",
        "v10.3.1 after v10.3.0",
        "1.2.0",
        "14.11.2025",
        "38.1234",
        "from 38.1234 to somewhere 97.5678",
        "0.5 and 1.5",
        "LC09_L2SP_029030_20251113",
        "Landsat 8 path 29 row 30",
        "Sentinel-2 10m",
        "Sentinel-2 Level-2A, 10 m, 20 m and 60 m",
        "S2A_MSIL2A_20210405T170851_R112_T14SPH_20210406T012345",
        "T14SPH",
        "MGRS-14SPH",
        "WGS 84 / UTM zone 14N",
        "EPSG:32614, UTM zone 14N, 30 m, 2021-04-05",
        "2025-11-14T03:15:42.123456Z",
        "2025-01-01T00:00:00Z/2025-12-31T23:59:59Z",
        "12:30:15.25 to 12:45:10.75",
        "38.12 °C to 41.25 °C",
        "38.12 °C, then 41.25 °F",
        "+4930-12345",
        "+380724 -0973404",
        "+38072.4-0973404.1/",
        "1234.56, 987.65",
        "12.5, 14.3 percent",
        "Band 5 (0.85-0.88 um)",
        "Band 6 (1.57-1.65 um), band 7 (2.11-2.29 um)",
        "Thermal 10.60-11.19 µm",
        "1,234 of 5,678 documents",
        "12,345 67,890",
        "10,20 30,40",
        "[12,34,56,78]",
        "0.25, 0.75",
        "rgb(0.12, 0.45, 0.78)",
        "10.5066/P9OGBGM6",
        "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
        "image/tiff; application=geotiff; profile=cloud-optimized",
        "sun azimuth 162.44594045",
        "temperature of 38°C",
        "a 45° slope",
        "an angle of 38°07.4'",
        "long 12.55",
        "lat 38 lon -97",
        "point (3)",
        "polygon (with 12 corners)",
        "1220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "file:checksum 1220ab12.cd34",
        "ks_m_3709757_ne_14_060_20211005",
        "geohash precision 7",
        "from 0.25. Then 1.75",
        "rose by 12.25! And 13.75",
        "items 123456 and 234567 of n",
        "127.0.0.1:8080",
        "10.1.2.3, 10.4.5.6",
        "RFC 3339, section 5.6",
        "C++17 and C++20",
        "05JAN2021",
    ] {
        assert!(!has_place(text), "{text}");
    }
}

#[test]
fn two_numbers_under_a_name_of_places_can_be_degrees() {
    for text in ["38 -97", "38N 97W", "38.1 97.5", "-97,38"] {
        assert!(has_two_degrees(text), "{text}");
    }
    for text in ["Kansas", "Building 12, room 30", "12 Main Street", "floor 3"] {
        assert!(!has_two_degrees(text), "{text}");
    }
}

#[test]
fn a_reference_to_a_grid_is_finer_than_its_squares() {
    for text in ["14SPH1234567890", "14S PH 12 34", "PH 1234", "14N 623456 4221234"] {
        assert!(has_grid_reference(text), "{text}");
    }
    for text in ["14SPH", "MGRS-14SPH", "14N", "14"] {
        assert!(!has_grid_reference(text), "{text}");
    }
}

#[test]
fn a_reference_system_is_a_place_only_if_it_is_centred_on_one() {
    let system = |latitude: &str, longitude: &str| {
        format!(
            "PROJCS[\"x\",GEOGCS[\"NAD83\",DATUM[\"d\",SPHEROID[\"GRS 1980\",6378137,298.257222101]]],\
             PARAMETER[\"latitude_of_origin\",{latitude}],PARAMETER[\"central_meridian\",{longitude}]]"
        )
    };
    assert_eq!(is_centred_system(&system("0", "-99")), Some(false));
    assert_eq!(is_centred_system(&system("36.66666666666666", "-98.5")), Some(false));
    assert_eq!(is_centred_system(&system("38.1234", "-97.5678")), Some(true));
    assert_eq!(is_centred_system("POINT(-97.5678 38.1234)"), None);
}
