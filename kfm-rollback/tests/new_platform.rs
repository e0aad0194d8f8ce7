//! What a new platform's `kfm.toml` says, by the stores that were asked for.
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::sync::Arc;

use kfm_lineage::Domain;
use kfm_rollback::kind::{Key, Sample, StoreKind, Surroundings};
use kfm_rollback::memory::MemoryOp;
use kfm_rollback::platform::NewStore;
use kfm_rollback::{DomainOp, Error, OpenOptions, Platform, Result, Settings};

/// A kind without a sample.
#[derive(Debug)]
struct Own(&'static str, &'static [Domain]);

impl StoreKind for Own {
    fn kind(&self) -> &'static str {
        self.0
    }
    fn domains(&self) -> &'static [Domain] {
        self.1
    }
    fn keys(&self) -> &'static [Key] {
        &[]
    }
    fn credentials(&self) -> &'static [&'static str] {
        &[]
    }
    fn open(&self, at: &Surroundings<'_>) -> Result<Arc<dyn DomainOp>> {
        Ok(Arc::new(MemoryOp::new(at.name, at.settings.domain)))
    }
}

/// A kind whose stores follow a catalog.
#[derive(Debug)]
struct Api;

impl StoreKind for Api {
    fn kind(&self) -> &'static str {
        "api"
    }
    fn domains(&self) -> &'static [Domain] {
        &[Domain::Stac]
    }
    fn keys(&self) -> &'static [Key] {
        &[Key { name: "token", about: "What no file has.", values: &[] }]
    }
    fn credentials(&self) -> &'static [&'static str] {
        &["API_"]
    }
    fn sample(&self, _: Domain, _: Option<&str>) -> Option<Sample> {
        let (environment, examples) = (&["API_TOKEN", "API_USER"][..], &[("token", "3")][..]);
        let (about, url) = ("An API.", "http://127.0.0.1:80/{name}");
        Some(Sample { about, url, url_about: "Its root.", environment, examples, can_be_target: false })
    }
    fn open(&self, at: &Surroundings<'_>) -> Result<Arc<dyn DomainOp>> {
        Ok(Arc::new(MemoryOp::new(at.name, at.settings.domain)))
    }
}

fn options() -> OpenOptions {
    let tiles = Own("tiles", &[Domain::Cache]);
    OpenOptions::new("test").with_kind(Arc::new(tiles)).with_kind(Arc::new(Api))
}

/// Reads `NAME:KIND=URL`, each but the kind `-` if it is not given.
fn asked(text: &str) -> NewStore {
    let (rest, url) = text.split_once('=').unwrap();
    let (name, kind) = rest.split_once(':').unwrap();
    let given = |text: &str| (text != "-").then(|| text.to_owned());
    NewStore { kind: kind.to_owned(), name: given(name), url: given(url) }
}

/// Makes a platform with these stores, and returns its file, and what the file says.
async fn made(stores: &[&str]) -> Result<(String, Settings)> {
    let stores: Vec<NewStore> = stores.iter().map(|text| asked(text)).collect();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("new");
    let rehearsed = Platform::init_with(&root, &stores, OpenOptions { rehearses: true, ..options() }).await;
    assert!(!root.exists(), "a rehearsal wrote something");
    let report = Platform::init_with(&root, &stores, options()).await;
    if report.is_err() {
        assert!(!root.exists(), "a refusal wrote something");
    }
    assert_eq!(
        rehearsed.map_err(|error| error.to_string()),
        report.as_ref().map(Clone::clone).map_err(Error::to_string)
    );
    report?;
    let text = std::fs::read_to_string(root.join("kfm.toml")).unwrap();
    let settings = Settings::parse(&text, Path::new("kfm.toml"), &options().kinds)?;
    Ok((text, settings))
}

#[tokio::test]
async fn without_stores_the_settings_are_the_embedded_ones() {
    assert_eq!(made(&[]).await.unwrap().0, Settings::EMBEDDED);
}

#[tokio::test]
async fn a_domain_has_the_stores_that_are_asked_for_or_its_embedded_one() {
    for (stores, expected) in [
        (&["-:static=-"][..], "cache embedded, catalog* static, graph embedded, search embedded"),
        (&["-:tiles=x:y"], "cache tiles, catalog* static, graph embedded, search embedded"),
        (
            &["-:tiles=x:y", "-:tiles=x:z"],
            "cache tiles, catalog* static, graph embedded, search embedded, tiles tiles",
        ),
        (
            &["graph:embedded=-", "cdn:tiles=x:y"],
            "catalog* static, cdn tiles, graph embedded, search embedded",
        ),
        (&["-:api=-"], "api api, cache embedded, catalog* static, graph embedded, search embedded"),
        (
            &["-:api=-", "-:static=file:other"],
            "api api, cache embedded, catalog* static, graph embedded, search embedded",
        ),
        (
            &["a:static=-", "b:static=-"],
            "a* static, b static, cache embedded, graph embedded, search embedded",
        ),
    ] {
        let (text, settings) = made(stores).await.unwrap();
        let found = settings.stores.iter().map(|(name, store)| {
            let target = if settings.target() == name { "*" } else { "" };
            format!("{name}{target} {}", store.kind)
        });
        assert_eq!(found.collect::<Vec<_>>().join(", "), expected, "{text}");
        assert!(text.ends_with("data_provenance_ledger.json\"\n"), "{text}");
    }
}

#[tokio::test]
async fn a_table_explains_its_keys_and_names_the_environment() {
    let (text, _) = made(&["the-api:api=-"]).await.unwrap();
    let table = "\n# An API.\n# From the environment, never from this file: API_TOKEN, API_USER; for this store alone\n\
                 # KFM_THE_API_API_TOKEN and its kin.\n[stores.the-api]\ndomain = \"stac\"\nkind = \"api\"\n# Its root.\n\
                 url = \"http://127.0.0.1:80/the-api\"\nrole = \"derived\"\n# What no file has.\n# token = 3\n";
    assert!(text.contains(table), "{text}");
}

#[tokio::test]
async fn what_cannot_be_named_or_found_is_refused() {
    for (stores, expected) in [
        (&["-:nothing=-"][..], "unknown kind of store: kind=nothing known=static, embedded, tiles, api"),
        (&["-:tiles=-"], "a store of this kind needs a url: kind=tiles name=cache"),
        (
            &["-:embedded=-"],
            "stores of this kind can have several purposes: kind=embedded names=graph, search, cache",
        ),
        (&["x:tiles=x:y", "x:tiles=x:y"], "two stores would have one name: name=x"),
        (&["-:tiles=x:a", "-:tiles=x:b", "-:tiles=x:c"], "two stores would have one name: name=tiles"),
        (&["graph:tiles=x:y"], "two stores would have one name: name=graph"),
        (&["a.b:tiles=x:y"], "a store's name has letters, digits, _ and -: store=a.b"),
    ] {
        assert_eq!(made(stores).await.map(|(text, _)| text).unwrap_err().to_string(), expected);
    }
}
