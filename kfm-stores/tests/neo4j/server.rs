//! The server that `testing/servers/up` has started, and what its users see there without the adapter.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use kfm_lineage::Domain;
use kfm_retry::SystemClock;
use kfm_rollback::kind::{Credentials, Kinds, Patience, StoreKind, StoreSettings, Surroundings};
use kfm_rollback::op::Role;
use kfm_rollback::{DomainOp, Result};
use kfm_stores::neo4j::Neo4jKind;
use serde_json::{Value, json};

/// One server; the tests have it one after the other.
#[derive(Debug, Clone)]
pub struct Server {
    pub url: String,
    pub tls_url: String,
    pub user: String,
    pub password: String,
}

static GRAPHS: AtomicU32 = AtomicU32::new(0);

impl Server {
    pub fn new() -> Self {
        let text =
            std::fs::read_to_string(run_dir().join("neo4j.env")).expect("testing/servers/up has started it");
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.expect("the file names it").to_owned()
        };
        Self {
            url: value("NEO4J_URL"),
            tls_url: value("NEO4J_TLS_URL"),
            user: value("NEO4J_USERNAME"),
            password: value("NEO4J_PASSWORD"),
        }
    }

    /// Empties the database, and returns the name of a graph that never was there.
    pub async fn empty_graph(&self) -> String {
        self.cypher("MATCH (n) DETACH DELETE n", json!({})).await;
        format!("{}-{}", std::process::id(), GRAPHS.fetch_add(1, Ordering::Relaxed))
    }

    /// Runs a statement, as a user of the database does.
    pub async fn cypher(&self, statement: &str, parameters: Value) -> Vec<Value> {
        let request = client().post(format!("{}/db/neo4j/query/v2", self.url));
        let request =
            request.basic_auth(&self.user, Some(&self.password)).header("content-type", "application/json");
        let body = json!({ "statement": statement, "parameters": parameters }).to_string();
        let answer = request.body(body).send().await.unwrap().bytes().await.unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert!(answer["errors"].is_null(), "{answer}");
        answer["data"]["values"].as_array().unwrap().clone()
    }

    pub fn open(&self, graph: &str) -> Arc<dyn DomainOp> {
        self.open_with(&[("graph", graph)]).unwrap()
    }

    /// Opens a store as a table of `kfm.toml` with these own keys says.
    pub fn open_with(&self, own: &[(&str, &str)]) -> Result<Arc<dyn DomainOp>> {
        let settings = StoreSettings {
            domain: Domain::Graph,
            kind: "neo4j".to_owned(),
            url: self.url.clone(),
            role: None,
            projected: true,
            patience: Patience::default(),
            own: own.iter().map(|&(name, value)| (name.to_owned(), value.into())).collect(),
        };
        let pairs = [("NEO4J_USERNAME", &self.user), ("NEO4J_PASSWORD", &self.password)];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.clone()));
        Neo4jKind.open(&Surroundings {
            name: "graph",
            settings: &settings,
            role: Role::Derived,
            root: &run_dir(),
            clock: Arc::new(SystemClock),
            shared_by_hosts: true,
            credentials: Credentials::from_pairs(pairs, &Kinds::default().with(Arc::new(Neo4jKind))),
        })
    }

    /// Everything in the database, with what the database itself calls it.
    pub async fn state(&self) -> kfm_rollback::conformance::State {
        let nodes = "MATCH (n) RETURN elementId(n), labels(n), properties(n), \
             COLLECT { MATCH (n)-[r]->(m) RETURN [elementId(r), type(r), properties(r), elementId(m)] }";
        let mut rows = self.cypher(nodes, json!({})).await;
        rows.extend(
            self.cypher("SHOW CONSTRAINTS YIELD name, properties RETURN name, properties", json!({})).await,
        );
        rows.into_iter().map(|row| (row[0].to_string(), row.to_string().into_bytes())).collect()
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
            .arg("neo4j")
            .output();
        let done = done.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

fn run_dir() -> PathBuf {
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
