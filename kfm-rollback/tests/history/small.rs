//! Small catalogs of a test's own: items without links, put there by the ingest hook.

use kfm_rollback::op::DomainOpExt;
use kfm_rollback::report::{PublishReport, Status};
use kfm_rollback::{Error, Platform};
use serde_json::{Value, json};

use crate::support::World;

/// An item of collection `c` that says nothing about a place.
pub fn item(id: &str, title: &str) -> Value {
    json!({
        "type": "Feature", "stac_version": "1.0.0", "id": id, "collection": "c", "geometry": null,
        "properties": { "title": title, "datetime": "2025-11-14T00:00:00Z" }, "links": [], "assets": {},
    })
}

/// The same, with the coordinates of a place.
pub fn item_at_a_place(id: &str, title: &str) -> Value {
    let mut item = item(id, title);
    item["geometry"] = json!({ "type": "Point", "coordinates": [-98.1234, 38.9876] });
    item["bbox"] = json!([-98.1234, 38.9876, -98.1234, 38.9876]);
    item
}

/// The path of an item.
pub fn path(id: &str) -> String {
    format!("items/{id}.json")
}

/// Publishes items; `None` retires one.
pub async fn put(world: &World, items: &[(&str, Option<Value>)]) -> String {
    let report = try_put(&world.open().await, items).await.unwrap();
    assert_eq!(report.status, Status::Completed);
    report.publish_id.unwrap().to_string()
}

pub async fn try_put(platform: &Platform, items: &[(&str, Option<Value>)]) -> Result<PublishReport, Error> {
    let mut publish = platform.begin_publish("small".parse().unwrap()).await?;
    for (id, item) in items {
        match item {
            Some(item) => publish.put(&path(id), item.to_string().into_bytes())?,
            None => publish.retire(&path(id))?,
        }
    }
    publish.complete().await
}

/// The titles of the items that readers of the catalog see, by id.
pub fn titles(world: &World) -> Vec<(String, String)> {
    let title = |bytes: Vec<u8>| -> (String, String) {
        let item: Value = serde_json::from_slice(&bytes).unwrap();
        (item["id"].as_str().unwrap().into(), item["properties"]["title"].as_str().unwrap().into())
    };
    world.documents().into_values().map(title).collect()
}

/// The same as `titles`, to compare with.
pub fn said(titles: &[(&str, &str)]) -> Vec<(String, String)> {
    titles.iter().map(|(id, title)| ((*id).to_owned(), (*title).to_owned())).collect()
}

/// The paths and digests that the alias and the namespace of collection `c` list; they must agree.
pub async fn listed(platform: &Platform) -> Vec<(String, String)> {
    let mut listings = Vec::new();
    for store in ["search", "cache"] {
        let bytes = platform.store(store).unwrap().content("kfm-c").await.unwrap();
        listings.push(bytes.map_or_else(Vec::new, |bytes| serde_json::from_slice(&bytes).unwrap()));
    }
    assert_eq!(listings[0], listings[1]);
    listings.remove(0)
}

/// The paths of the nodes that the graph shows, with the digest that each names.
pub async fn nodes(platform: &Platform) -> Vec<(String, String)> {
    let graph = platform.store("graph").unwrap();
    let mut nodes = Vec::new();
    for key in graph.keys().await.unwrap() {
        let node: Value = serde_json::from_slice(&graph.content(&key).await.unwrap().unwrap()).unwrap();
        nodes.push((key, node["properties"]["digest"].as_str().unwrap().to_owned()));
    }
    nodes
}

/// Asserts that alias, namespace and nodes show exactly the items of the catalog.
pub async fn assert_projected(world: &World) {
    let digest = |bytes: Vec<u8>| kfm_lineage::Digest::of_bytes(&bytes).to_string();
    let expected: Vec<(String, String)> =
        world.documents().into_iter().map(|(path, bytes)| (path, digest(bytes))).collect();
    let platform = world.open().await;
    assert_eq!(listed(&platform).await, expected);
    assert_eq!(nodes(&platform).await, expected);
}
