//! The addresses of the servers that `testing/servers/up` has started, and how a log is opened there.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::path::PathBuf;
use std::sync::Arc;

use kfm_retry::SystemClock;
use kfm_wal::entropy::{Entropy, SystemEntropy};
use kfm_wal::slots::{Mode, SlotOptions, Slots, slots_at};

pub type Pairs = Vec<(String, String)>;

/// The folder that `testing/servers/up` was given.
pub fn run_dir() -> PathBuf {
    PathBuf::from(std::env::var("KFM_SERVERS_RUN").expect("the folder that testing/servers/up was given"))
}

/// The address of a server and the user's environment, as the server's file says.
pub fn surroundings(server: &str) -> (String, Pairs) {
    let text = std::fs::read_to_string(run_dir().join(format!("{server}.env"))).unwrap();
    let mut pairs: Pairs = Vec::new();
    let mut url = String::new();
    for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
        match name {
            "KFM_WAL_URL" => url = value.to_owned(),
            name => pairs.push((name.to_owned(), value.to_owned())),
        }
    }
    (url, pairs)
}

/// A name that is not used anywhere else.
pub fn new_name() -> String {
    SystemEntropy.bytes16().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An address on a server at which there never was a log.
pub fn new_place(server: &str) -> (String, Pairs) {
    let (url, pairs) = surroundings(server);
    let name = new_name();
    let url = if url.starts_with("postgres") { format!("{url}?log={name}") } else { format!("{url}/{name}") };
    (url, pairs)
}

pub fn slots((url, pairs): &(String, Pairs)) -> Arc<dyn Slots> {
    slots_at(url, &run_dir(), pairs, Arc::new(SystemClock)).unwrap()
}

pub fn options(mode: Mode) -> SlotOptions {
    // Another test makes the races before a log is made.
    SlotOptions::new(Arc::new(SystemClock)).with_mode(mode).with_proofs(0)
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// The message of an error and of all its sources.
pub fn said(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut beneath = error.source();
    while let Some(source) = beneath {
        said = format!("{said}: {source}");
        beneath = source.source();
    }
    said
}

/// Executes statements in a database, one by one.
pub async fn execute(url: &str, pairs: &Pairs, statements: &str) {
    let mut config: tokio_postgres::Config = url.parse().unwrap();
    for (name, value) in pairs {
        match name.as_str() {
            "PGUSER" => _ = config.user(value),
            _ => _ = config.password(value),
        }
    }
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    for statement in statements.split(';') {
        client.batch_execute(statement).await.unwrap();
    }
}

/// A database of its own, in which a log can be kept.
pub async fn new_database(server: &str) -> (String, Pairs) {
    let (url, pairs) = surroundings(server);
    let name = new_name();
    execute(&url, &pairs, &format!("CREATE DATABASE own_{name}")).await;
    (format!("{}/own_{name}", url.rsplit_once('/').unwrap().0), pairs)
}
