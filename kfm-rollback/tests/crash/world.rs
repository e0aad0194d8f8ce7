//! A platform that can be copied, with a fuse below it, and what its readers see.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use kfm_retry::clock::Sleep;
use kfm_retry::{Clock, SystemClock};
use kfm_rollback::embedded::{EmbeddedCache, EmbeddedGraph, EmbeddedSearch};
use kfm_rollback::op::{DomainOp, DomainOpExt};
use kfm_rollback::stac::StaticCatalog;
use kfm_rollback::versions::VersionStore;
use kfm_rollback::{LabelAssign, OpenOptions, Platform};
use kfm_telemetry::TelemetryWriter;

use crate::fuse::{Fuse, FusedBlobs, FusedDisk, FusedRecords, FusedStore};

/// What readers see: by store and key, the content. Nothing else may ever be there.
pub type Seen = BTreeMap<(String, String), Vec<u8>>;

/// Makes a folder, in memory where the machine has a file system there: nothing here depends on a disk.
pub fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::tempdir_in(place).unwrap()
}

/// Copies a folder.
pub fn copy(from: &Path) -> tempfile::TempDir {
    fn copy_into(from: &Path, to: &Path) {
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let to = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                std::fs::create_dir(&to).unwrap();
                copy_into(&entry.path(), &to);
            } else {
                std::fs::copy(entry.path(), to).unwrap();
            }
        }
    }
    let to = folder();
    copy_into(from, to.path());
    to
}

/// Real time for what must not hang, none for what is waited between attempts, and a second for each opening.
#[derive(Debug)]
struct HastyClock(SystemTime);

/// Waits longer than this are time-outs.
const PAUSE_MAX: Duration = Duration::from_secs(60);

impl Clock for HastyClock {
    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }

    fn wall(&self) -> SystemTime {
        self.0
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        if duration > PAUSE_MAX { SystemClock.sleep(duration) } else { Box::pin(std::future::ready(())) }
    }
}

/// Opens the platform in a folder, as another process would, with a fuse below it.
pub async fn open(root: &Path, fuse: &Fuse) -> Platform {
    static OPENINGS: AtomicU64 = AtomicU64::new(1_763_089_200);
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(OPENINGS.fetch_add(1, Ordering::SeqCst));
    let clock: Arc<dyn Clock> = Arc::new(HastyClock(wall));
    let options = OpenOptions::new("operator")
        .with_clock(Arc::clone(&clock))
        .with_disk(Arc::new(FusedDisk(fuse.clone())));
    let platform = Platform::open(root, options).await.unwrap();
    let blobs = |folder, place| Arc::new(FusedBlobs::new(root.join(folder), place, fuse.clone()));
    let records = TelemetryWriter::new(platform.telemetry_dir(), clock);
    let fused = |inner: Arc<dyn DomainOp>| Arc::new(FusedStore { inner, fuse: fuse.clone() });
    platform
        .with_store(fused(Arc::new(EmbeddedGraph::new("graph", root.join("graph")))))
        .with_store(fused(Arc::new(EmbeddedSearch::new("search", root.join("search")))))
        .with_store(fused(Arc::new(EmbeddedCache::new("cache", root.join("cache")))))
        .with_versions(VersionStore::new(blobs(".kfm/versions", "versions")))
        .with_store(Arc::new(StaticCatalog::new("catalog", blobs("catalog", "catalog"))))
        .with_records(Arc::new(FusedRecords { inner: records, fuse: fuse.clone() }))
}

/// Makes a platform in which everything is labelled public.
pub async fn new_platform() -> tempfile::TempDir {
    let root = folder();
    Platform::init(root.path()).await.unwrap();
    let assign = LabelAssign {
        entity: None,
        under: Some(String::new()),
        care: "public".into(),
        authority: "FAIR+CARE Council".into(),
        reason: "federal open data".into(),
        review_by: "2030-06-30".into(),
        heritage: false,
        even_if_nothing: false,
    };
    open(root.path(), &Fuse::endless()).await.label_assign(assign).await.unwrap();
    root
}

/// Reads what readers see in every store.
pub async fn seen(platform: &Platform) -> Seen {
    let mut seen = Seen::new();
    for store in platform.stores() {
        for key in store.keys().await.unwrap() {
            let content = store.content(&key).await.unwrap().unwrap();
            seen.insert((store.name().to_owned(), key), content.to_vec());
        }
    }
    seen
}

/// Lists the files below a folder whose name begins with a dot.
pub fn dot_files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if entry.file_name().as_encoded_bytes().starts_with(b".") {
                found.push(entry.path());
            }
        }
    }
    found
}

/// Follows links from the catalog's root and names the first that leads nowhere.
pub fn broken_link(seen: &Seen) -> Option<String> {
    let mut paths = vec!["catalog.json".to_owned()];
    while let Some(path) = paths.pop() {
        let Some(document) = seen.get(&("catalog".to_owned(), path.clone())) else { return Some(path) };
        let document: serde_json::Value = serde_json::from_slice(document).unwrap();
        let folder = path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        for link in document["links"].as_array().unwrap() {
            if link["rel"] == "child" || link["rel"] == "item" {
                let href = link["href"].as_str().unwrap();
                paths.push(format!("{folder}{}", href.strip_prefix("./").unwrap()));
            }
        }
    }
    None
}

/// Writes a catalog, a collection and its items, each with a title, below a folder.
pub fn write_documents(root: &Path, items: &[(&str, &str)]) {
    let write = |path: &str, document: serde_json::Value| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, document.to_string()).unwrap();
    };
    write(
        "catalog.json",
        serde_json::json!({
            "type": "Catalog", "stac_version": "1.1.0", "id": "root", "description": "all",
            "links": [{"rel": "child", "href": "./things/collection.json"}],
        }),
    );
    let mut links = vec![serde_json::json!({"rel": "parent", "href": "../catalog.json"})];
    links.extend(
        items.iter().map(|(id, _)| serde_json::json!({"rel": "item", "href": format!("./{id}.json")})),
    );
    write(
        "things/collection.json",
        serde_json::json!({
            "type": "Collection", "stac_version": "1.1.0", "id": "things", "description": "things",
            "license": "CC0-1.0", "links": links,
            "extent": {
                "spatial": {"bbox": [[-102, 37, -94, 40]]},
                "temporal": {"interval": [["2024-01-01T00:00:00Z", null]]},
            },
        }),
    );
    for (id, title) in items {
        write(
            &format!("things/{id}.json"),
            serde_json::json!({
                "type": "Feature", "stac_version": "1.1.0", "id": id, "collection": "things",
                "geometry": {"type": "Point", "coordinates": [-98.0, 38.5]},
                "bbox": [-98.0, 38.5, -98.0, 38.5],
                "properties": {"datetime": "2024-01-01T00:00:00Z", "title": title, "license": "CC0-1.0"},
                "links": [
                    {"rel": "parent", "href": "./collection.json"},
                    {"rel": "collection", "href": "./collection.json"},
                ],
                "assets": {},
            }),
        );
    }
}
