//! Catalogs of any size: a root, collections of 500 items, items of 2 KB.

use std::path::Path;

use serde_json::json;

/// Items of one collection.
const COLLECTION: usize = 500;

/// Bytes of an item, about.
const ITEM_BYTES: usize = 2_000;

/// Writes a catalog of so many items.
pub fn write(folder: &Path, items: usize) {
    let collections = items.div_ceil(COLLECTION);
    let links = |links: Vec<(&str, String)>| -> Vec<serde_json::Value> {
        links.into_iter().map(|(rel, href)| json!({ "rel": rel, "href": href })).collect()
    };
    let children = (0..collections).map(|n| ("child", format!("./c{n}/collection.json"))).collect();
    let root = json!({ "type": "Catalog", "stac_version": "1.1.0", "id": "root", "description": "bench",
        "links": links(children) });
    put(&folder.join("catalog.json"), &root.to_string().into_bytes());
    for collection in 0..collections {
        let of_it = (collection * COLLECTION..items).take(COLLECTION);
        let mut all: Vec<_> = of_it.clone().map(|n| ("item", format!("./i{n}.json"))).collect();
        all.push(("parent", "../catalog.json".into()));
        let document = json!({ "type": "Collection", "stac_version": "1.1.0", "id": format!("c{collection}"),
            "description": "bench", "license": "CC0-1.0", "links": links(all),
            "extent": { "spatial": { "bbox": [[-102, 37, -94, 40]] },
                "temporal": { "interval": [["2020-01-01T00:00:00Z", null]] } } });
        put(&folder.join(format!("c{collection}/collection.json")), &document.to_string().into_bytes());
        for n in of_it {
            put(&folder.join(path(n)), &item(n, 0));
        }
    }
}

/// Writes the first item alone, changed.
pub fn write_one(folder: &Path, round: usize) {
    put(&folder.join(path(0)), &item(0, round + 1));
}

/// Makes an item of a version.
pub fn item(n: usize, version: usize) -> Vec<u8> {
    let collection = format!("c{}", n / COLLECTION);
    let document = |filling: usize| {
        json!({ "type": "Feature", "stac_version": "1.1.0", "id": format!("i{n}"), "collection": collection,
            "geometry": { "type": "Point", "coordinates": [-98.5, 38.5] }, "bbox": [-98.5, 38.5, -98.5, 38.5],
            "properties": { "datetime": "2025-11-14T03:15:42Z", "title": format!("version {version}"),
                "filling": "x".repeat(filling) },
            "assets": { "data": { "href": format!("./i{n}.tif"), "type": "image/tiff" } },
            "links": [{ "rel": "collection", "href": "./collection.json" }, { "rel": "parent", "href": "./collection.json" },
                { "rel": "root", "href": "../catalog.json" }] })
        .to_string()
    };
    document(ITEM_BYTES - document(0).len()).into_bytes()
}

fn path(n: usize) -> String {
    format!("c{}/i{n}.json", n / COLLECTION)
}

fn put(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(path, bytes).expect("written");
}
