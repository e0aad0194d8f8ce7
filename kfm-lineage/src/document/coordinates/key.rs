//! What the name of a member says about a place.

use crate::text::is_hidden;

/// What the name of a member promises about its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Meaning {
    /// Nothing about places.
    Plain,
    /// It describes coordinates and does not hold any: `coordinate_system`.
    About,
    /// It measures something in numbers that look like degrees: wavelengths.
    Quantity,
    /// It holds a place, or another thing with the same name: `location`, `origin`, `long`.
    Place,
    /// It holds a reference to a grid; a square of 100 km or a zone alone is not a place.
    Grid,
    /// It holds a place in a code of letters, so that even a text without a digit is a place.
    Code,
    /// It holds coordinates: any digit below it is one.
    Coordinates,
}

impl Meaning {
    /// Returns the meaning of a member whose own name means `own` and that is inside one with this meaning.
    pub(super) fn with(self, own: Self) -> Self {
        if own == Self::About { own } else { self.max(own) }
    }
}

/// Words that mean coordinates at any place in a name.
const COORDINATES: [&str; 32] = [
    "bbox",
    "bboxes",
    "centroid",
    "centroids",
    "coord",
    "coordinate",
    "coordinates",
    "coords",
    "easting",
    "eastings",
    "ewkb",
    "ewkt",
    "footprint",
    "footprints",
    "geom",
    "geometries",
    "geometry",
    "geoms",
    "geopoint",
    "georss",
    "geoshape",
    "geotransform",
    "gridsquare",
    "latlng",
    "latlon",
    "latlong",
    "lnglat",
    "lonlat",
    "longlat",
    "maidenhead",
    "northing",
    "northings",
];

/// Ends and beginnings of words in names that are written without a separator: `decimallatitude`,
/// `latitudine`, `bboxwgs`.
const COORDINATE_ENDS: [&str; 8] =
    ["latitude", "longitude", "easting", "northing", "bbox", "geometry", "coordinates", "latlon"];
const COORDINATE_BEGINNINGS: [&str; 6] = ["latitud", "longitud", "bbox", "wkt", "wkb", "coordinates"];

/// Words that mean a latitude or a longitude, alone or with one of [`AFFIXES`].
const AXES: [&str; 7] = ["lat", "lats", "lon", "lons", "lng", "lngs", "long"];
const AFFIXES: [&str; 28] = [
    "site", "min", "max", "center", "centre", "start", "end", "gps", "geo", "dec", "dd", "deg", "degree",
    "degrees", "decimal", "wgs", "nad", "ref", "orig", "origin", "point", "loc", "pos", "from", "to", "min",
    "mean", "m",
];

const PLACES: [&str; 35] = [
    "boundary",
    "bounds",
    "breite",
    "center",
    "centre",
    "corner",
    "corners",
    "envelope",
    "extent",
    "geo",
    "geojson",
    "gps",
    "laenge",
    "ll",
    "loc",
    "locality",
    "location",
    "locations",
    "long",
    "lr",
    "länge",
    "origin",
    "place",
    "places",
    "point",
    "points",
    "polygon",
    "position",
    "positions",
    "site",
    "spatial",
    "transform",
    "ul",
    "ur",
    "where",
];

const CODES: [&str; 9] =
    ["geohash", "geohashes", "ghash", "mapcode", "olc", "pluscode", "pluscodes", "quadkey", "what3words"];
const GRIDS: [&str; 10] =
    ["georef", "gridref", "locator", "mgrs", "osgb", "usng", "utm", "ngr", "plss", "trs"];

/// Words that have a meaning if they follow each other.
const TOGETHER: [(&[&str], Meaning); 15] = [
    (&["bounding", "box"], Meaning::Coordinates),
    (&["geo", "transform"], Meaning::Coordinates),
    // The transform of the projection extension holds the origin of the raster.
    (&["proj", "transform"], Meaning::Coordinates),
    (&["geo", "point"], Meaning::Coordinates),
    (&["plus", "code"], Meaning::Code),
    (&["location", "code"], Meaning::Code),
    (&["geo", "hash"], Meaning::Code),
    (&["what", "words"], Meaning::Code),
    (&["w", "w"], Meaning::Code),
    (&["s", "cell"], Meaning::Code),
    (&["s", "token"], Meaning::Code),
    (&["grid", "square"], Meaning::Grid),
    (&["os", "grid"], Meaning::Grid),
    (&["grid", "ref"], Meaning::Grid),
    (&["grid", "reference"], Meaning::Grid),
];

/// Words of names that describe coordinates and do not hold any: `coordinate_system`, `geometry_type`.
const ABOUT: [&str; 41] = [
    "accuracy",
    "axis",
    "bias",
    "count",
    "crs",
    "date",
    "datetime",
    "datum",
    "epsg",
    "error",
    "format",
    "frequency",
    "id",
    "ids",
    "interval",
    "pixel",
    "precision",
    "quality",
    "res",
    "resolution",
    "rmse",
    "scale",
    "schema",
    "shape",
    "shift",
    "size",
    "spacing",
    "srid",
    "srs",
    "std",
    "step",
    "system",
    "temporal",
    "tile",
    "time",
    "type",
    "uncertainty",
    "unit",
    "units",
    "version",
    "zone",
];

/// Reads the meaning of a name from its parts, in any case.
///
/// Most names in a document say nothing about places; for those a look at the letters is enough.
pub(super) fn meaning(name: &str) -> Meaning {
    let parts = parts(name);
    if parts.iter().any(|part| matches!(part.as_str(), "wavelength" | "wavelengths" | "fwhm")) {
        return Meaning::Quantity;
    }
    let about = parts.iter().any(|part| ABOUT.contains(&part.as_str()));
    let together = TOGETHER.iter().find(|(words, _)| parts.windows(words.len()).any(|part| part == *words));
    let any = |is: fn(&str) -> bool| parts.iter().any(|part| is(part));
    let found = if let Some((_, meaning)) = together {
        *meaning
    } else if any(|part| CODES.contains(&part)) {
        Meaning::Code
    } else if any(|part| GRIDS.contains(&part)) && !any(is_coordinate) {
        return Meaning::Grid;
    } else if any(is_coordinate) {
        Meaning::Coordinates
    } else if any(|part| PLACES.contains(&part)) {
        Meaning::Place
    } else {
        Meaning::Plain
    };
    match found {
        Meaning::Coordinates | Meaning::Code if about => Meaning::Place,
        Meaning::Place | Meaning::Plain if about => Meaning::About,
        found => found,
    }
}

/// Returns the name with the part `x` replaced by `y`, or `y` by `x`, if it has exactly one of them: the name
/// of its sibling.
pub(super) fn x_with_its_y(name: &str) -> Option<Vec<String>> {
    let mut parts = parts(name);
    if parts.iter().any(|part| ABOUT.contains(&part.as_str()) || matches!(part.as_str(), "offset" | "window"))
    {
        return None;
    }
    let is_x = |part: &&mut String| matches!(part.as_str(), "x" | "xcoord" | "coordx");
    let mut found = parts.iter_mut().filter(is_x);
    let part = found.next()?;
    if found.next().is_some() {
        return None;
    }
    *part = part.replace('x', "y");
    Some(parts)
}

/// Says whether a name is that of one side of a box.
pub(super) fn is_side_of_a_box(name: &str) -> bool {
    const SIDES: [&str; 12] =
        ["north", "south", "east", "west", "xmin", "xmax", "ymin", "ymax", "minx", "maxx", "miny", "maxy"];
    let name: String = name.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
    SIDES.contains(&name.as_str())
}

/// Splits a name at signs, blanks and changes of case, and leaves out digits.
pub(super) fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut before = None;
    let mut rest = name.chars().filter(|c| !is_hidden(*c)).peekable();
    while let Some(c) = rest.next() {
        let begins = match before {
            Some(last) if char::is_lowercase(last) => c.is_uppercase(),
            Some(last) if char::is_uppercase(last) => {
                c.is_uppercase() && rest.peek().is_some_and(|next| next.is_lowercase())
            }
            _ => false,
        };
        if begins || !c.is_alphabetic() {
            parts.push(String::new());
        }
        if c.is_alphabetic()
            && let Some(part) = parts.last_mut()
        {
            part.extend(c.to_lowercase());
        }
        before = Some(c);
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Says whether a word is the name of a latitude or a longitude, alone or with a word before or behind it.
pub(super) fn is_axis(word: &str) -> bool {
    let is = |part: &String| {
        let part = part.as_str();
        part != "long" && (is_named_axis(part) || part.ends_with("latitude") || part.ends_with("longitude"))
    };
    parts(word).iter().any(is)
}

fn is_named_axis(part: &str) -> bool {
    AXES.iter().any(|axis| {
        let rest = part.strip_prefix(axis).or_else(|| part.strip_suffix(axis));
        rest.is_some_and(|rest| rest.is_empty() || AFFIXES.contains(&rest))
    })
}

fn is_coordinate(part: &str) -> bool {
    let is_study = part.ends_with("udinal") || part.ends_with("udinally");
    let is_meal = matches!(part, "feasting" | "breakfasting" | "yeasting");
    COORDINATES.contains(&part)
        || (part != "long" && is_named_axis(part))
        || (COORDINATE_ENDS.iter().any(|end| part.ends_with(end)) && !is_meal)
        || (COORDINATE_BEGINNINGS.iter().any(|beginning| part.starts_with(beginning)) && !is_study)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_split_at_signs_and_changes_of_case() {
        for (name, expected) in [
            ("decimalLatitude", &["decimal", "latitude"][..]),
            ("GPSLatitude", &["gps", "latitude"]),
            ("proj:wkt2", &["proj", "wkt"]),
            ("bbox_wgs84", &["bbox", "wgs"]),
            ("SITE-LAT", &["site", "lat"]),
            ("site lat.", &["site", "lat"]),
            ("la\u{200b}t", &["lat"]),
        ] {
            assert_eq!(parts(name), expected, "{name}");
        }
    }

    #[test]
    fn names_of_coordinates_are_known_in_every_spelling() {
        for name in [
            "Latitude",
            "LONGITUDE",
            "site_lat",
            "lat1",
            "siteLon",
            "minlat",
            "decimallatitude",
            "lng",
            "latitudine",
            "bbox_wgs84",
            "BoundingBox",
            "bounding_box",
            "utm_easting",
            "Northing",
            "proj:wkt2",
            "WKT",
            "geom",
            "proj:geometry",
            "proj:centroid",
            "proj:transform",
            "GeoTransform",
            "geo_point",
            "footprint",
            "coords",
            "Coordinate",
            "latlon",
            "gpsLatitude",
            "geo:lat",
            "georss:point",
            "Maidenhead",
        ] {
            assert_eq!(meaning(name), Meaning::Coordinates, "{name}");
        }
        for name in [
            "geohash",
            "geohash_6",
            "plus_code",
            "PlusCode",
            "w3w",
            "what3words",
            "openLocationCode",
            "s2_cell",
        ] {
            assert_eq!(meaning(name), Meaning::Code, "{name}");
        }
        for name in ["mgrs", "s2:mgrs_tile", "utm_zone", "grid_ref", "GridReference", "georef", "locator"] {
            assert_eq!(meaning(name), Meaning::Grid, "{name}");
        }
        for name in
            ["loc", "Breite", "Länge", "location", "Position", "long", "spatial", "geo", "geometry_type"]
        {
            assert_eq!(meaning(name), Meaning::Place, "{name}");
        }
    }

    #[test]
    fn names_that_only_sound_like_it_are_plain() {
        for name in [
            "flat",
            "platform",
            "template",
            "collation",
            "longitudinal_study",
            "latency",
            "balloon",
            "salon",
            "gsd",
            "eo:cloud_cover",
            "view:sun_azimuth",
            "relation",
            "late",
            "summary",
            "title",
            "columns",
            "belongs",
            "feasting",
        ] {
            assert_eq!(meaning(name), Meaning::Plain, "{name}");
        }
        for name in [
            "location_id",
            "proj:shape",
            "proj:epsg",
            "spatial_resolution",
            "geometric_rmse",
            "sar:center_frequency",
        ] {
            assert_eq!(meaning(name), Meaning::About, "{name}");
        }
        assert_eq!(meaning("center_wavelength"), Meaning::Quantity);
    }

    #[test]
    fn an_x_has_its_y() {
        assert_eq!(x_with_its_y("point_x"), Some(vec!["point".to_owned(), "y".to_owned()]));
        assert_eq!(x_with_its_y("XCOORD"), Some(vec!["ycoord".to_owned()]));
        assert_eq!(x_with_its_y("pixel_size_x"), None);
        assert_eq!(x_with_its_y("max"), None);
    }
}
