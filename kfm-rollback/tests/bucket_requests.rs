//! What an operation asks of buckets: a request for each document that moves, and not for each that there is.
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "a run shows its figures")]

mod support;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::stream::BoxStream;
use kfm_rollback::blob::ObjectBlobs;
use kfm_rollback::stac::StaticCatalog;
use kfm_rollback::versions::VersionStore;
use kfm_rollback::{ExecuteRequest, PlanTarget, Platform};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use support::World;

/// Documents of the catalog, the root and the collection among them.
const DOCUMENTS: usize = 1_000;

/// A bucket in memory that counts what it is asked.
#[derive(Debug, Clone, Default)]
struct Counting {
    inner: Arc<InMemory>,
    asked: Arc<Mutex<BTreeMap<&'static str, u64>>>,
}

impl Counting {
    fn count(&self, what: &'static str) {
        *self.asked.lock().unwrap().entry(what).or_default() += 1;
    }

    /// Forgets what it was asked, and returns it.
    fn taken(&self) -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn blobs(&self) -> Arc<ObjectBlobs> {
        Arc::new(ObjectBlobs::new(Arc::new(self.clone())))
    }
}

impl fmt::Display for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("counting")
    }
}

#[async_trait]
impl ObjectStore for Counting {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.count("PUT");
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let found = self.inner.get_opts(path, options).await;
        self.count(if found.is_ok() { "GET" } else { "GET 404" });
        found
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.count("DELETE");
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.count("LIST");
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// A platform with a catalog and a version store in buckets.
struct Buckets {
    world: World,
    catalog: Counting,
    versions: Counting,
}

impl Buckets {
    async fn open(&self) -> Platform {
        let catalog = StaticCatalog::new("catalog", self.catalog.blobs());
        let platform = self.world.open().await.with_store(Arc::new(catalog));
        platform.with_versions(VersionStore::new(self.versions.blobs()))
    }

    /// Shows what was asked since the last time, and returns it: of the catalog, and of the version store.
    fn asked(&self, what: &str) -> [BTreeMap<&'static str, u64>; 2] {
        let asked = [self.catalog.taken(), self.versions.taken()];
        println!("{what}: catalog {:?}, versions {:?}", asked[0], asked[1]);
        asked
    }
}

fn lay(folder: &std::path::Path, title: &str, items: impl Iterator<Item = usize>) {
    let write = |path: String, value: serde_json::Value| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, value.to_string()).unwrap();
    };
    let link = |rel: &str, href: String| serde_json::json!({ "rel": rel, "href": href });
    let items: Vec<usize> = items.collect();
    if items.len() > 1 {
        write(
            "catalog.json".into(),
            serde_json::json!({ "type": "Catalog", "stac_version": "1.1.0", "id": "root",
            "description": "all", "links": [link("child", "./things/collection.json".into())] }),
        );
        let links: Vec<_> = items.iter().map(|n| link("item", format!("./{n}.json"))).collect();
        write(
            "things/collection.json".into(),
            serde_json::json!({ "type": "Collection", "stac_version": "1.1.0",
            "id": "things", "description": "things", "license": "CC0-1.0", "links": links,
            "extent": { "spatial": { "bbox": [[-102, 37, -94, 40]] },
                "temporal": { "interval": [["2024-01-01T00:00:00Z", null]] } } }),
        );
    }
    for n in items {
        write(
            format!("things/{n}.json"),
            serde_json::json!({ "type": "Feature", "stac_version": "1.1.0",
            "id": n.to_string(), "collection": "things", "geometry": null, "assets": {},
            "properties": { "datetime": "2024-01-01T00:00:00Z", "title": title },
            "links": [link("collection", "./collection.json".into())] }),
        );
    }
}

#[tokio::test]
async fn a_document_that_moves_is_looked_at_and_put_once_or_twice() {
    let world = World::new().await;
    let buckets = Buckets { world, catalog: Counting::default(), versions: Counting::default() };
    let source = tempfile::tempdir().unwrap();
    lay(source.path(), "good", 0..DOCUMENTS - 2);
    let publish = async || {
        let request = kfm_rollback::PublishFolder::new(source.path().to_owned(), "test".parse().unwrap());
        buckets.open().await.publish_folder(request).await.unwrap()
    };
    publish().await;
    let [catalog, versions] = buckets.asked("first publish");
    let documents = DOCUMENTS as u64;
    assert_eq!(catalog["PUT"], documents, "each document is put once");
    // Each document, and what index, graph and cache show of it, with as many lists of the operation as there are.
    assert!(versions["PUT"] < 3 * documents, "{versions:?}");
    assert!(versions.get("GET 404").copied().unwrap_or_default() < 10, "{versions:?}");

    lay(source.path(), "defect", std::iter::once(7));
    publish().await;
    buckets.asked("publish of one of them");

    let target = PlanTarget::Publish("latest".into());
    buckets.open().await.execute(ExecuteRequest::new(target, "defect")).await.unwrap();
    let [catalog, versions] = buckets.asked("rollback of one of them");
    assert_eq!(catalog["PUT"], 1);
    assert!(catalog["GET"] < 10, "{catalog:?}");
    assert!(versions["PUT"] < 20, "{versions:?}");
}
