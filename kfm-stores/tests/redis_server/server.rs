//! The Redis servers that `testing/servers/up` has started: stores in them, and a plain client beside.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kfm_retry::SystemClock;
use kfm_rollback::conformance::State;
use kfm_rollback::kind::{Credentials, Kinds, StoreKind as _, StoreSettings, Surroundings};
use kfm_rollback::op::Role;
use kfm_rollback::{DomainOp, Result};
use kfm_stores::redis::RedisKind;
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};

/// The folder that `testing/servers/up` was given.
pub fn run_dir() -> PathBuf {
    PathBuf::from(std::env::var("KFM_SERVERS_RUN").expect("the folder that testing/servers/up was given"))
}

/// One of the servers.
#[derive(Debug, Clone)]
pub struct Server {
    pub name: &'static str,
    pub url: String,
    pub password: String,
}

impl Server {
    pub fn of(name: &'static str) -> Self {
        let text = std::fs::read_to_string(run_dir().join(format!("{name}.env"))).unwrap();
        let value = |wanted: &str| {
            let mut pairs = text.lines().filter_map(|line| line.split_once('='));
            pairs.find(|(name, _)| *name == wanted).unwrap().1.to_owned()
        };
        Self { name, url: value("REDIS_URL"), password: value("REDIS_PASSWORD") }
    }

    pub fn port(&self) -> u16 {
        self.url.rsplit_once(':').unwrap().1.parse().unwrap()
    }

    /// Connects a client that knows nothing of the adapter.
    pub async fn client(&self) -> MultiplexedConnection {
        let url = format!("redis://:{}@127.0.0.1:{}", self.password, self.port());
        redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
    }

    /// Opens a store as a table of `kfm.toml` with `more` keys does.
    pub fn open(&self, more: Value) -> Result<Arc<dyn DomainOp>> {
        self.open_as(&[("REDIS_PASSWORD", &self.password)], more)
    }

    /// Opens a store with other credentials.
    pub fn open_as(&self, pairs: &[(&str, &str)], more: Value) -> Result<Arc<dyn DomainOp>> {
        let mut table = json!({ "domain": "cache", "kind": "redis", "url": self.url, "timeout": "60s" });
        table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let settings: StoreSettings = serde_json::from_value(table).unwrap();
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let credentials = Credentials::from_pairs(pairs, &Kinds::default().with(Arc::new(RedisKind)));
        RedisKind.open(&Surroundings {
            name: "cache",
            settings: &settings,
            role: Role::Derived,
            root: Path::new("/"),
            clock: Arc::new(SystemClock),
            shared_by_hosts: false,
            credentials,
        })
    }

    /// Runs one of the scripts of `testing/servers` for this server.
    pub fn script(&self, words: &[&str]) {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testing/servers");
        let words = words.iter().map(|word| (*word).to_owned());
        let mut words = words.chain([run_dir().display().to_string(), self.name.to_owned()]);
        let script = folder.join(words.next().unwrap());
        assert!(Command::new(script).args(words).status().unwrap().success());
    }

    /// Kills the server, and starts it again on its data.
    pub fn kill_and_start(&self) {
        let before = self.run_id();
        self.script(&["down", "-9"]);
        self.script(&["up"]);
        assert_ne!(self.run_id(), before, "it was not killed");
    }

    /// Names the run of the server's process.
    fn run_id(&self) -> String {
        let url = format!("redis://:{}@127.0.0.1:{}", self.password, self.port());
        let mut client = redis::Client::open(url).unwrap().get_connection().unwrap();
        let info: String = redis::cmd("INFO").arg("server").query(&mut client).unwrap();
        info.lines().find(|line| line.starts_with("run_id:")).unwrap().to_owned()
    }
}

/// A prefix that no other test has.
pub fn new_prefix() -> String {
    static USED: AtomicU64 = AtomicU64::new(0);
    format!("test {}-{}", std::process::id(), USED.fetch_add(1, Ordering::Relaxed))
}

/// A prefix that no other test has, whose keys are on this node of a cluster.
pub async fn prefix_on(node: &Server) -> String {
    let mut client = node.client().await;
    loop {
        let prefix = new_prefix();
        let found: redis::RedisResult<bool> =
            redis::cmd("EXISTS").arg(format!("{{{prefix}}}:fence")).query_async(&mut client).await;
        if found.is_ok() {
            return prefix;
        }
    }
}

/// Everything that a server has below a prefix.
pub async fn state(server: &Server, prefix: &str) -> State {
    let mut client = server.client().await;
    let pattern = format!("{{{prefix}}}*");
    let keys: Vec<String> = redis::cmd("KEYS").arg(pattern).query_async(&mut client).await.unwrap();
    let mut state = State::new();
    for key in keys {
        let kind: String = redis::cmd("TYPE").arg(&key).query_async(&mut client).await.unwrap();
        let bytes = match kind.as_str() {
            // A dump has the fields in an order that a look can change.
            "hash" => {
                let fields: BTreeMap<String, Vec<u8>> =
                    redis::cmd("HGETALL").arg(&key).query_async(&mut client).await.unwrap();
                format!("{fields:?}").into_bytes()
            }
            _ => redis::cmd("DUMP").arg(&key).query_async(&mut client).await.unwrap(),
        };
        state.insert(key, bytes);
    }
    state
}
