//! The documents that a pipeline would bring: real Landsat items, in a good version and a bad one.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

const CATALOG: &str = include_str!("../../../data/landsat/catalog.json");
const COLLECTION: &str = include_str!("../../../data/landsat/collection.json");
const ITEMS: &str = include_str!("../../../data/landsat/items.ndjson");

/// Items that carry the defect in the second version.
pub(crate) const DEFECTIVE: usize = 40;

/// Writes both versions below `incoming`.
pub(crate) fn write(dir: &Path) -> io::Result<()> {
    let good: Vec<&str> = ITEMS.lines().collect();
    let bad = with_defect(&good);
    write_version(&dir.join("incoming/first"), good.iter().copied())?;
    write_version(&dir.join("incoming/second"), bad.iter().map(String::as_str))
}

fn write_version<'a>(dir: &Path, items: impl Iterator<Item = &'a str>) -> io::Result<()> {
    let collection = dir.join("landsat-c2-l2");
    std::fs::create_dir_all(collection.join("items"))?;
    std::fs::write(dir.join("catalog.json"), CATALOG)?;
    std::fs::write(collection.join("collection.json"), COLLECTION)?;
    items.into_iter().try_for_each(|item| {
        let name = format!("{}.json", parse(item)["id"].as_str().unwrap_or_default());
        std::fs::write(collection.join(PathBuf::from("items").join(name)), item)
    })
}

/// Gives each of the first [`DEFECTIVE`] items the asset links of the next one.
///
/// Only the links change, as bytes: the documents stay valid, complete and reachable. That is why no rule can see
/// that the links lead to the wrong scene.
fn with_defect(items: &[&str]) -> Vec<String> {
    let parsed: Vec<Value> = items.iter().map(|item| parse(item)).collect();
    let mut bad: Vec<String> = items.iter().map(|&item| item.to_owned()).collect();
    for (at, item) in bad.iter_mut().take(DEFECTIVE).enumerate() {
        let other = &parsed[(at + 1) % DEFECTIVE]["assets"];
        let Some(assets) = parsed[at]["assets"].as_object() else { continue };
        for (key, asset) in assets {
            if !other[key]["href"].is_null() {
                *item = item.replace(&link(&asset["href"]), &link(&other[key]["href"]));
            }
        }
    }
    bad
}

fn link(href: &Value) -> String {
    format!("\"href\":{href}")
}

fn parse(item: &str) -> Value {
    serde_json::from_str(item).expect("the items in the command are JSON, as a test shows")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_data_is_a_hundred_items_that_the_collection_lists() {
        let ids: BTreeSet<String> = ITEMS
            .lines()
            .map(|item| format!("./items/{}.json", parse(item)["id"].as_str().unwrap()))
            .collect();
        let collection = parse(COLLECTION);
        let listed: BTreeSet<String> = collection["links"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|link| link["rel"] == "item")
            .map(|link| link["href"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(ids.len(), 100);
        assert_eq!(ids, listed);
    }

    #[test]
    fn the_items_lead_to_the_collection_by_its_own_link() {
        let collection = parse(COLLECTION);
        let own = collection["links"].as_array().unwrap().iter().find(|link| link["rel"] == "self").unwrap();
        for item in ITEMS.lines().map(parse) {
            let links = item["links"].as_array().unwrap();
            assert!(links.iter().any(|link| link["rel"] == "collection" && link["href"] == own["href"]));
        }
    }

    #[test]
    fn the_defect_changes_the_asset_links_of_forty_items_and_nothing_else() {
        let good: Vec<&str> = ITEMS.lines().collect();
        let bad = with_defect(&good);
        let changed: Vec<usize> = (0..good.len()).filter(|&at| good[at] != bad[at]).collect();
        assert_eq!(changed, (0..DEFECTIVE).collect::<Vec<_>>());
        for at in changed {
            let (mut before, mut after) = (parse(good[at]), parse(&bad[at]));
            let other = parse(good[(at + 1) % DEFECTIVE]);
            for (key, asset) in after["assets"].as_object_mut().unwrap() {
                if !other["assets"][key].is_null() {
                    assert_eq!(asset["href"], other["assets"][key]["href"], "{at} {key}");
                    assert_ne!(asset["href"], before["assets"][key]["href"], "{at} {key}");
                }
                asset["href"] = before["assets"][key]["href"].take();
                before["assets"][key]["href"] = asset["href"].clone();
            }
            assert_eq!(before, after);
        }
    }
}
