//! The server that `testing/servers/up` has started, and what its users see there without the adapter.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use kfm_lineage::Domain;
use kfm_retry::SystemClock;
use kfm_rollback::conformance::State;
use kfm_rollback::kind::{Credentials, Kinds, Patience, StoreKind, StoreSettings, Surroundings};
use kfm_rollback::op::Role;
use kfm_rollback::{DomainOp, Result};
use kfm_stores::opensearch::{ElasticsearchKind, OpenSearchKind};
use reqwest::Method;
use serde_json::Value;

/// One server; the tests have it one after the other.
#[derive(Debug, Clone)]
pub struct Server {
    pub name: String,
    pub url: String,
    pub prefix: String,
    pub pairs: Vec<(String, String)>,
    pub own: Vec<(String, Value)>,
}

static PREFIXES: AtomicU32 = AtomicU32::new(0);

impl Server {
    /// Takes the server that `KFM_SEARCH_SERVER` names, without anything that an earlier test left.
    pub async fn new() -> Self {
        #[allow(clippy::disallowed_methods, reason = "a test is told which server it has")]
        let name = std::env::var("KFM_SEARCH_SERVER").unwrap_or_else(|_| "opensearch".to_owned());
        let file = std::fs::read_to_string(run_dir().join(format!("{name}.env")))
            .expect("testing/servers/up has started it");
        let line = file.lines().find_map(|line| line.split_once("_URL="));
        let url = line.expect("the file names the address").1.to_owned();
        let prefix = format!("t{}-{}.", std::process::id(), PREFIXES.fetch_add(1, Ordering::Relaxed));
        let server = Self { name, url, prefix, pairs: Vec::new(), own: Vec::new() };
        server.empty().await;
        server
    }

    async fn empty(&self) {
        let all =
            self.ask(Method::GET, "_cat/indices/t*?format=json&expand_wildcards=all&h=index", None).await;
        let names: Vec<&str> =
            all.as_array().unwrap().iter().map(|row| row["index"].as_str().unwrap()).collect();
        for names in names.chunks(20) {
            self.ask(Method::DELETE, &names.join(","), None).await;
        }
    }

    /// Asks, as a user of the server does.
    pub async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let request = client().request(method, format!("{}/{path}", self.url));
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        };
        let answer = request.send().await.unwrap().bytes().await.unwrap();
        serde_json::from_slice(&answer).unwrap()
    }

    pub async fn get(&self, path: &str) -> Value {
        self.ask(Method::GET, path, None).await
    }

    pub fn open(&self) -> Arc<dyn DomainOp> {
        self.try_open().unwrap()
    }

    /// Opens the store as a table of `kfm.toml` says.
    pub fn try_open(&self) -> Result<Arc<dyn DomainOp>> {
        let kind: Arc<dyn StoreKind> = match self.name.starts_with("elasticsearch") {
            true => Arc::new(ElasticsearchKind),
            false => Arc::new(OpenSearchKind),
        };
        let mut own: Vec<_> = self.own.clone();
        own.push(("prefix".to_owned(), self.prefix.as_str().into()));
        own.push(("replicas".to_owned(), 0.into()));
        let settings = StoreSettings {
            domain: Domain::Search,
            kind: kind.kind().to_owned(),
            url: self.url.clone(),
            role: None,
            projected: true,
            patience: Patience::default(),
            own: own.into_iter().collect(),
        };
        kind.open(&Surroundings {
            name: "search",
            settings: &settings,
            role: Role::Derived,
            root: &run_dir(),
            clock: Arc::new(SystemClock),
            shared_by_hosts: true,
            credentials: Credentials::from_pairs(
                self.pairs.clone(),
                &Kinds::default().with(Arc::clone(&kind)),
            ),
        })
    }

    /// The index to which an alias leads; a key without odd characters is its own name.
    pub async fn index_of(&self, key: &str) -> Option<String> {
        let answer = self.get(&format!("_alias/{}{key}", self.prefix)).await;
        answer.as_object()?.keys().find(|name| name.starts_with(&self.prefix)).cloned()
    }

    /// Everything on the server that is the store's.
    pub async fn state(&self) -> State {
        let pattern = format!("{}*", self.prefix);
        self.ask(Method::POST, &format!("{pattern}/_refresh?expand_wildcards=all"), None).await;
        let indexes = self.get(&format!("{pattern}?expand_wildcards=all")).await;
        let all = "size=1000&version=true&seq_no_primary_term=true&expand_wildcards=all";
        let found = self.get(&format!("{pattern}/_search?{all}")).await;
        let mut state = State::new();
        for (name, index) in indexes.as_object().unwrap() {
            state.insert(name.clone(), index.to_string().into_bytes());
        }
        for hit in found["hits"]["hits"].as_array().unwrap() {
            let mut hit = hit.clone();
            hit["_score"] = Value::Null;
            state.insert(format!("{} {}", hit["_index"], hit["_id"]), hit.to_string().into_bytes());
        }
        state
    }

    /// Kills the server and starts it again, as a power cut does.
    pub fn lose_power(&self) {
        self.testing(&["down", "-9"]);
        self.testing(&["up"]);
    }

    fn testing(&self, words: &[&str]) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../testing/servers/");
        let done = Command::new(format!("{script}{}", words[0]))
            .args(&words[1..])
            .arg(run_dir())
            .arg(&self.name)
            .output();
        let done = done.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

pub fn run_dir() -> PathBuf {
    #[allow(clippy::disallowed_methods, reason = "a test is told where the servers are")]
    PathBuf::from(std::env::var("KFM_SERVERS_RUN").expect("the folder that testing/servers/up was given"))
}

fn client() -> reqwest::Client {
    // The crate's own client is made first and chooses nothing for the process; this one speaks no TLS.
    reqwest::Client::builder().no_proxy().tls_backend_preconfigured(no_tls()).build().unwrap()
}

fn no_tls() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    builder.unwrap().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()
}
