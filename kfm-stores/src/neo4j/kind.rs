//! The kind `neo4j` of `kfm.toml`.

use std::sync::Arc;
use std::time::Duration;

use kfm_lineage::Domain;
use kfm_rollback::kind::{Key, Sample, StoreKind, Surroundings};
use kfm_rollback::{DomainOp, Result};

use super::client::Client;
use super::place;
use super::store::Neo4jStore;
use crate::{http, own_keys};

/// Opens graphs in Neo4j.
#[derive(Debug, Clone, Copy)]
pub struct Neo4jKind;

const DATABASE: Key =
    Key { name: "database", about: "The database on the server; default `neo4j`.", values: &[] };

const GRAPH: Key = Key {
    name: "graph",
    about: "The name of the store's graph within the database, which the property `kfm_graph` has; default the store's \
            name. Two platforms never share one.",
    values: &[],
};

const TIMEOUT: Key = Key {
    name: "timeout",
    about: "How long one request may take, such as `90s`; default 60 seconds. Above `db.transaction.timeout` of the server.",
    values: &[],
};

const AUTHORITIES: Key = Key {
    name: "authorities",
    about: "With `https:`, a PEM file of authorities that are trusted beside the system's own.",
    values: &[],
};

const PLAIN_HTTP: Key = Key {
    name: "plain_http",
    about: "`allowed`: a password may go unencrypted to another machine. By default only to this one.",
    values: &["allowed"],
};

/// Known, so that it is refused with the word for where it belongs, and not as a misspelt `patience`.
const PASSWORD: Key = Key {
    name: "password",
    about: "Refused: a password belongs into the environment, as `NEO4J_PASSWORD`.",
    values: &[],
};

/// Longer than the time-out of a graph (R86): one request changes hundreds of nodes.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);

/// The most bytes of a graph's name.
const GRAPH_BYTES_MAX: usize = 200;

impl StoreKind for Neo4jKind {
    fn kind(&self) -> &'static str {
        "neo4j"
    }

    fn domains(&self) -> &'static [Domain] {
        &[Domain::Graph]
    }

    fn keys(&self) -> &'static [Key] {
        &[DATABASE, GRAPH, TIMEOUT, AUTHORITIES, PLAIN_HTTP, PASSWORD]
    }

    fn credentials(&self) -> &'static [&'static str] {
        &["NEO4J_"]
    }

    fn sample(&self, _: Domain, _: Option<&str>) -> Option<Sample> {
        Some(Sample {
            about: "A graph in Neo4j 5.26 or later. The user is neo4j where the environment names none.",
            url: "http://127.0.0.1:7474",
            url_about: "The HTTP or HTTPS port of Neo4j (7474, 7473), not that of Bolt. Aura: https://ID.databases.neo4j.io",
            environment: &["NEO4J_PASSWORD", "NEO4J_USERNAME"],
            examples: &[
                (DATABASE.name, "\"neo4j\""),
                (GRAPH.name, "\"graph\""),
                (TIMEOUT.name, "\"60s\""),
                (AUTHORITIES.name, "\"authorities.pem\""),
                (PLAIN_HTTP.name, "\"allowed\""),
            ],
            can_be_target: false,
        })
    }

    fn open(&self, at: &Surroundings<'_>) -> Result<Arc<dyn DomainOp>> {
        let refused = |key: &str, why: &dyn std::fmt::Display| own_keys::refused(at, key, why);
        let text = |key: Key| own_keys::text(at, key);
        if at.settings.own.contains_key(PASSWORD.name) {
            return Err(refused(PASSWORD.name, &"it belongs into the environment, as NEO4J_PASSWORD"));
        }
        let place = place::parse(&at.settings.url).map_err(|why| refused("url", &why))?;
        if !place.is_encrypted && !place.is_here && text(PLAIN_HTTP)?.is_none() {
            return Err(refused("url", &"http:// would send the password unencrypted, use https://"));
        }
        let database = text(DATABASE)?.unwrap_or("neo4j");
        if database.is_empty() || !database.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c)) {
            return Err(refused(DATABASE.name, &"it is not the name of a database"));
        }
        let graph = text(GRAPH)?.unwrap_or(at.name);
        if graph.is_empty() || graph.len() > GRAPH_BYTES_MAX || graph.chars().any(char::is_control) {
            return Err(refused(GRAPH.name, &"it is empty, above 200 bytes, or has control characters"));
        }
        let timeout = own_keys::time_limit(at, TIMEOUT, "90s", TIMEOUT_DEFAULT)?;
        let authorities = text(AUTHORITIES)?.map(|path| at.root.join(path));
        if authorities.is_some() && !place.is_encrypted {
            return Err(refused(AUTHORITIES.name, &"the url is not https:"));
        }
        let http = http::client(timeout, authorities.as_deref(), &at.credentials)
            .map_err(|(key, why)| refused(key, &why))?;
        let user = at.credentials.get("NEO4J_USERNAME").unwrap_or("neo4j");
        let password = at.credentials.get("NEO4J_PASSWORD");
        let login = password.map(|password| (user.to_owned(), password.to_owned()));
        let client = Client::new(at.name, http, &place, database, login);
        Ok(Arc::new(Neo4jStore::new(graph, client)))
    }
}
