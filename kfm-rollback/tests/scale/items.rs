//! Items, and the folders that are published.

use std::path::Path;

const COLLECTION: &str = "https://planetarycomputer.microsoft.com/api/stac/v1/collections/naip";

/// An item's id and its document.
pub type Item = (String, String);

/// Writes a catalog of items into a folder; a defect leads every asset elsewhere.
pub fn lay(folder: &Path, items: &[Item], defect: bool) {
    std::fs::create_dir_all(folder.join("naip")).unwrap();
    let mut listed = String::new();
    for (id, item) in items {
        let item = if defect { item.replace("naipeuwest", "elsewhere") } else { item.clone() };
        std::fs::write(folder.join(format!("naip/{id}.json")), item).unwrap();
        listed.push_str(&format!(r#",{{"rel":"item","href":"./{id}.json"}}"#));
    }
    let collection = format!(
        r#"{{"type":"Collection","stac_version":"1.1.0","id":"naip","description":"NAIP","license":"CC0-1.0","extent":{{"spatial":{{"bbox":[[-102,37,-94,40]]}},"temporal":{{"interval":[["2019-01-01T00:00:00Z",null]]}}}},"links":[{{"rel":"self","href":"{COLLECTION}"}},{{"rel":"root","href":"../catalog.json"}},{{"rel":"parent","href":"../catalog.json"}}{listed}]}}"#
    );
    let catalog = r#"{"type":"Catalog","stac_version":"1.1.0","id":"root","description":"all","links":[{"rel":"root","href":"./catalog.json"},{"rel":"child","href":"./naip/collection.json"}]}"#;
    std::fs::write(folder.join("naip/collection.json"), collection).unwrap();
    std::fs::write(folder.join("catalog.json"), catalog).unwrap();
}

/// Items of the shape of NAIP's.
pub fn made(count: usize) -> Vec<Item> {
    let item = |n: usize| {
        let id = format!("ks_m_{n:07}_sw_13_060_20220827");
        let asset = |key: &str, end: &str| {
            format!(
                r#""{key}":{{"href":"https://naipeuwest.blob.core.windows.net/naip/v002/ks/2022/{id}{end}","title":"{key}","type":"image/tiff; application=geotiff; profile=cloud-optimized","roles":["data"]}}"#
            )
        };
        let item = format!(
            r#"{{"type":"Feature","stac_version":"1.1.0","id":"{id}","collection":"naip","geometry":{{"type":"Point","coordinates":[-98.0,38.5]}},"bbox":[-98.0,38.5,-98.0,38.5],"properties":{{"datetime":"2022-08-27T16:00:00Z","gsd":0.6,"naip:state":"ks","naip:year":"2022"}},"links":[{{"rel":"collection","href":"{COLLECTION}"}},{{"rel":"parent","href":"{COLLECTION}"}},{{"rel":"self","href":"{COLLECTION}/items/{id}"}}],"assets":{{{},{}}}}}"#,
            asset("image", ".tif"),
            asset("thumbnail", ".200.jpg"),
        );
        (id, item)
    };
    (0..count).map(item).collect()
}

/// Reads items, one a line.
pub fn read(file: &str) -> Vec<Item> {
    let text = std::fs::read_to_string(file).unwrap();
    let item = |line: &str| {
        let item: serde_json::Value = serde_json::from_str(line).unwrap();
        (item["id"].as_str().unwrap().to_owned(), line.to_owned())
    };
    text.lines().map(item).collect()
}
