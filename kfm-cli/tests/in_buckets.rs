//! A platform whose catalog, version store and log are in a bucket; and two hosts that share all of it.
#![cfg(any(feature = "s3", feature = "azure"))]
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::TryStreamExt;
use kfm_wal::entropy::{Entropy, SystemEntropy};
use object_store::path::Path;
use object_store::{Attribute, Attributes, ObjectStore, ObjectStoreExt};
use serde_json::json;
use support::{Sandbox, base, item};

/// A bucket as any other client sees it: nothing of the toolkit judges what is in it.
struct Bucket {
    url: String,
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    runtime: tokio::runtime::Runtime,
}

type Objects = BTreeMap<String, Vec<u8>>;

impl Bucket {
    /// A place at which there never was anything; `None` where the server has no buckets.
    fn new() -> Option<Self> {
        #[allow(clippy::disallowed_methods, reason = "a test is told where the server is")]
        let environment: Vec<(String, String)> = std::env::vars().collect();
        let (_, url) = environment.iter().find(|(name, _)| name == "KFM_WAL_URL").expect("KFM_WAL_URL");
        if !(url.starts_with("s3:") || url.starts_with("az:")) {
            return None;
        }
        let name: String = SystemEntropy.bytes16().iter().map(|byte| format!("{byte:02x}")).collect();
        let url = format!("{url}/{name}");
        let (store, prefix) = kfm_wal::slots::cloud::object_store(&url, &environment).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Some(Self { url, store, prefix, runtime })
    }

    fn path(&self, name: &str) -> Path {
        Path::parse(format!("{}/{name}", self.prefix)).unwrap()
    }

    /// Every object below a folder of the place, without those whose names begin with a dot.
    fn objects(&self, folder: &str) -> Objects {
        let below = self.path(folder);
        self.runtime.block_on(async {
            let mut objects = Objects::new();
            let listed: Vec<_> = self.store.list(Some(&below)).try_collect().await.unwrap();
            for object in listed {
                let name = object.location.as_ref()[below.as_ref().len() + 1..].to_owned();
                if !name.split('/').any(|part| part.starts_with('.')) {
                    let bytes = self.store.get(&object.location).await.unwrap().bytes().await.unwrap();
                    objects.insert(name, bytes.to_vec());
                }
            }
            objects
        })
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.path(name);
        self.runtime.block_on(self.store.put(&path, text.to_owned().into())).unwrap();
    }

    fn headers(&self, name: &str) -> Attributes {
        let path = self.path(name);
        self.runtime.block_on(async { self.store.get(&path).await.unwrap().attributes })
    }

    /// Makes a platform that has its catalog and its versions here, and its log where it is told.
    fn platform(&self, log: Option<&str>) -> Sandbox {
        let sandbox = Sandbox::empty();
        sandbox.kfm(&["init"]).exits(0);
        let log = log.map(|log| format!("\n[wal]\nurl = \"{}/{log}\"\nlease_ms = 3000\n", self.url));
        let derived = r#"
[stores.graph]
domain = "graph"
kind = "embedded"
url = "file:graph"
"#;
        let settings = format!(
            "version = 1\n[stores.catalog]\ndomain = \"stac\"\nkind = \"static\"\nurl = \"{url}/stac\"\n\
             cache_control = \"public, max-age=60\"\nat_once = 8\n{derived}\n[versions]\nurl = \"{url}/versions\"\n{log}",
            url = self.url,
            // A store of one host is none of the other's.
            derived = if log.is_none() { derived } else { "" },
            log = log.clone().unwrap_or_default(),
        );
        std::fs::write(sandbox.path().join("kfm.toml"), settings).unwrap();
        sandbox
    }
}

fn things(title: &str) -> Vec<(&'static str, String)> {
    let mut documents = base(&["a", "b"]);
    documents.extend([("things/a.json", item("a", title)), ("things/b.json", item("b", "b"))]);
    documents
}

fn text(documents: &[(&'static str, String)]) -> Objects {
    documents.iter().map(|(path, text)| ((*path).to_owned(), text.clone().into_bytes())).collect()
}

#[test]
#[ignore = "needs KFM_WAL_URL: .ci/servers"]
fn a_defect_in_a_bucket_is_published_found_and_rolled_back() {
    let Some(bucket) = Bucket::new() else { return };
    let sandbox = bucket.platform(None);
    sandbox.label();
    assert_eq!(sandbox.json(0, &["doctor"])["stores"][0]["ok"], true);
    sandbox.publish("first", &things("good"));
    let good = bucket.objects("stac");
    assert_eq!(good, text(&things("good")));
    let headers = bucket.headers("stac/things/a.json");
    assert_eq!(headers.get(&Attribute::ContentType).map(AsRef::as_ref), Some("application/geo+json"));
    assert_eq!(headers.get(&Attribute::CacheControl).map(AsRef::as_ref), Some("public, max-age=60"));
    let headers = bucket.headers("stac/catalog.json");
    assert_eq!(headers.get(&Attribute::ContentType).map(AsRef::as_ref), Some("application/json"));

    // The second version changes one document, adds one and has another no longer.
    let mut second = base(&["a", "c"]);
    second.extend([("things/a.json", item("a", "defect")), ("things/c.json", item("c", "c"))]);
    for (path, content) in &second {
        sandbox.write(&format!("second/{path}"), content);
    }
    let mirror = ["publish", "--from", "second", "--pipeline", "test", "--mirror"];
    let id = sandbox.json(0, &mirror)["publish_id"].as_str().unwrap().to_owned();
    assert_eq!(bucket.objects("stac"), text(&second));

    let execute = ["rollback", "execute", "--publish-id", &id, "--reason", "defect", "--yes"];
    let done = sandbox.json(0, &execute);
    assert_eq!((&done["status"], bucket.objects("stac")), (&json!("completed"), good.clone()));
    let rollback = done["rollback_id"].as_str().unwrap().to_owned();
    assert_eq!(sandbox.json(0, &["verify", "--rollback-id", &rollback])["ok"], true);
    let doctor = sandbox.json(0, &["doctor", "--digests"]);
    let catalog = &doctor["stores"][0];
    assert_eq!(
        (&catalog["name"], &catalog["ok"], &catalog["cells"]),
        (&json!("catalog"), &json!(true), &json!(4))
    );
    assert_eq!(
        (&catalog["capabilities"]["put"], &catalog["capabilities"]["retire"]),
        (&json!("value"), &json!("value"))
    );
    assert_eq!(sandbox.json(0, &["catalog", "check"])["broken_links"], 0);

    let revert = ["rollback", "revert", "--rollback-id", &rollback, "--reason", "it was right"];
    sandbox.json(0, &revert);
    assert_eq!(bucket.objects("stac"), text(&second));
    // No version is in the platform's own folder.
    assert!(!sandbox.path().join(".kfm/versions/sha256").exists());
}

#[test]
#[ignore = "needs KFM_WAL_URL: .ci/servers"]
fn documents_that_lie_in_a_bucket_are_adopted_and_what_another_hand_writes_is_seen() {
    let Some(bucket) = Bucket::new() else { return };
    for (path, text) in things("as it stands") {
        bucket.put(&format!("stac/{path}"), &text);
    }
    bucket.put("stac/things/preview.png", "an asset");
    let sandbox = bucket.platform(None);
    sandbox.label();
    sandbox.json(0, &["adopt", "--reason", "as it stands"]);
    sandbox.json(0, &["project"]);
    let id = sandbox.publish("next", &things("next"));
    bucket.put("stac/things/a.json", &item("a", "by another hand"));
    let execute = ["rollback", "execute", "--publish-id", &id, "--reason", "defect", "--yes"];
    let refused = sandbox.kfm(&[&execute[..], &["--json"]].concat());
    assert_ne!(refused.code, 0, "{}", refused.stdout);
    let by_hand = bucket.objects("stac")["things/a.json"].clone();
    assert_eq!(by_hand, item("a", "by another hand").into_bytes());
    assert_eq!(bucket.objects("stac")["things/preview.png"], b"an asset");
    bucket.put("stac/things/a.json", &item("a", "next"));
    assert_eq!(sandbox.json(0, &execute)["status"], "completed");
    let mut expected = text(&things("as it stands"));
    expected.insert("things/preview.png".to_owned(), b"an asset".to_vec());
    assert_eq!(bucket.objects("stac"), expected);
}

#[test]
#[ignore = "needs KFM_WAL_URL: .ci/servers"]
fn two_hosts_share_all_but_their_locks() {
    let Some(bucket) = Bucket::new() else { return };
    let (a, b) = (bucket.platform(Some("log")), bucket.platform(Some("log")));
    a.label();
    std::fs::copy(a.path().join("policy/labels.toml"), b.path().join("policy/labels.toml")).unwrap();
    a.publish("first", &things("good"));
    let good = bucket.objects("stac");
    let id = a.publish("second", &things("defect"));
    let planned = a.json(0, &["rollback", "plan", "--publish-id", &id]);
    let plan = planned["plan_id"].as_str().unwrap();
    let done = b.json(0, &["rollback", "execute", "--plan", plan, "--reason", "defect", "--yes"]);
    assert_eq!((&done["status"], bucket.objects("stac")), (&json!("completed"), good));
    let rollback = done["rollback_id"].as_str().unwrap();
    for host in [&a, &b] {
        assert_eq!(host.json(0, &["verify", "--rollback-id", rollback])["ok"], true);
        host.json(0, &["wal", "verify"]);
    }
    assert_eq!(a.json(0, &["rollback", "show", rollback])["manifest"]["plan_digest"], plan);
}

#[test]
fn what_cannot_be_is_refused_before_any_request() {
    let sandbox = Sandbox::platform();
    let file = sandbox.path().join("kfm.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    let catalog = |by: &str| settings.replacen("url = \"file:catalog\"", by, 1);
    for (text, word) in [
        (catalog("url = \"s3://bucket/x?y\""), "address cannot be used"),
        (catalog("url = \"ftp://host/x\""), "address cannot be used"),
        (catalog("url = \"file:catalog\"\ncache_control = \"no-store\""), "only a catalog in a bucket"),
        (catalog("url = \"s3://bucket/x\"\nat_once = 0"), "stores.catalog.at_once"),
        (catalog("url = \"s3://bucket/x\"\ncache_control = \"a\\nb\""), "stores.catalog.cache_control"),
        (catalog("url = \"s3://bucket/x\"\nconditions = \"none\""), "conditions"),
        (
            catalog("url = \"s3://bucket/x\"").replace("file:.kfm/versions", "s3://bucket/x/v"),
            "a prefix of its own",
        ),
        (settings.replace("file:.kfm/versions", "ftp://host/x"), "version store's address"),
    ] {
        std::fs::write(&file, text).unwrap();
        let answer = sandbox.json(2, &["status"]);
        assert!(answer["error"].to_string().contains(word), "{word}: {answer:#}");
    }
}
