//! The kinds `opensearch` and `elasticsearch` of `kfm.toml`: one adapter, and the product's own names for credentials.

use std::sync::Arc;
use std::time::Duration;

use kfm_lineage::Domain;
use kfm_rollback::kind::{Key, Sample, StoreKind, Surroundings};
use kfm_rollback::{DomainOp, Result};
use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use super::build::Builder;
use super::client::{Client, Login};
use super::mapping;
use super::names::Names;
use super::store::AliasStore;
use crate::http::{self, Address};
use crate::own_keys;

/// Opens search indexes in OpenSearch.
#[derive(Debug, Clone, Copy)]
pub struct OpenSearchKind;

/// Opens search indexes in Elasticsearch.
#[derive(Debug, Clone, Copy)]
pub struct ElasticsearchKind;

const MODE: Key = Key {
    name: "mode",
    about: "Of a search server: `alias` (default): an index of each content, to which an alias leads.",
    values: &["alias"],
};

const PREFIX: Key = Key {
    name: "prefix",
    about: "Of a search server: the beginning of the names of its aliases and indexes there; default none. Two platforms \
            on one server need two.",
    values: &[],
};

const MAPPING: Key = Key {
    name: "mapping",
    about: "Of a search server: a JSON file that adds fields to the mapping of its indexes, or takes some away by `null`.",
    values: &[],
};

const SHARDS: Key = Key {
    name: "shards",
    about: "Of a search server: the shards of an index that it makes; default 1.",
    values: &[],
};

const REPLICAS: Key = Key {
    name: "replicas",
    about: "Of a search server: the replicas of an index that it makes; default the server's own.",
    values: &[],
};

const TIMEOUT: Key = Key {
    name: "timeout",
    about: "Of a search server: how long one request may take, such as `90s`; default 60 seconds.",
    values: &[],
};

const AUTHORITIES: Key = Key {
    name: "authorities",
    about: "Of a search server with `https:`: a PEM file of authorities that are trusted beside the system's own.",
    values: &[],
};

const PLAIN_HTTP: Key = Key {
    name: "plain_http",
    about: "Of a search server: `allowed`: a password may go unencrypted to another machine. By default only to this one.",
    values: &["allowed"],
};

const KEYS: &[Key] = &[MODE, PREFIX, MAPPING, SHARDS, REPLICAS, TIMEOUT, AUTHORITIES, PLAIN_HTTP];

/// The time-out of bulk work (R86): one request has thousands of documents.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);

/// The most shards and replicas of an index.
const COPIES_MAX: i64 = 1_024;

/// What the samples of both products have in common.
const SAMPLE: Sample = Sample {
    about: "",
    url: "http://127.0.0.1:9200",
    url_about: "The HTTP or HTTPS port of the server.",
    environment: &[],
    examples: &[
        (MODE.name, "\"alias\""),
        (PREFIX.name, "\"prod-\""),
        (MAPPING.name, "\"mapping.json\""),
        (SHARDS.name, "1"),
        (REPLICAS.name, "1"),
        (TIMEOUT.name, "\"60s\""),
        (AUTHORITIES.name, "\"authorities.pem\""),
        (PLAIN_HTTP.name, "\"allowed\""),
    ],
    can_be_target: false,
};

impl StoreKind for OpenSearchKind {
    fn kind(&self) -> &'static str {
        "opensearch"
    }

    fn domains(&self) -> &'static [Domain] {
        &[Domain::Search]
    }

    fn keys(&self) -> &'static [Key] {
        KEYS
    }

    fn credentials(&self) -> &'static [&'static str] {
        &["OPENSEARCH_"]
    }

    fn sample(&self, _: Domain, _: Option<&str>) -> Option<Sample> {
        Some(Sample {
            about: "Search in OpenSearch: a user with a password, or an API key alone, or none of them.",
            environment: &["OPENSEARCH_PASSWORD", "OPENSEARCH_USERNAME", "OPENSEARCH_API_KEY"],
            ..SAMPLE
        })
    }

    fn open(&self, at: &Surroundings<'_>) -> Result<Arc<dyn DomainOp>> {
        open(at, "OPENSEARCH")
    }
}

impl StoreKind for ElasticsearchKind {
    fn kind(&self) -> &'static str {
        "elasticsearch"
    }

    fn domains(&self) -> &'static [Domain] {
        &[Domain::Search]
    }

    fn keys(&self) -> &'static [Key] {
        KEYS
    }

    fn credentials(&self) -> &'static [&'static str] {
        &["ELASTICSEARCH_"]
    }

    fn sample(&self, _: Domain, _: Option<&str>) -> Option<Sample> {
        Some(Sample {
            about: "Search in Elasticsearch: a user with a password, or an API key alone, or none of them.",
            environment: &["ELASTICSEARCH_PASSWORD", "ELASTICSEARCH_USERNAME", "ELASTICSEARCH_API_KEY"],
            ..SAMPLE
        })
    }

    fn open(&self, at: &Surroundings<'_>) -> Result<Arc<dyn DomainOp>> {
        open(at, "ELASTICSEARCH")
    }
}

/// Opens a store whose credentials have the product's name before them.
fn open(at: &Surroundings<'_>, product: &str) -> Result<Arc<dyn DomainOp>> {
    let refused = |key: &str, why: &dyn std::fmt::Display| own_keys::refused(at, key, why);
    let text = |key: Key| own_keys::text(at, key);
    let address = Address::parse(&at.settings.url).map_err(|why| refused("url", &why))?;
    let login = login(at, product)?;
    let is_secret = !matches!(login, Login::None);
    if is_secret && !address.is_encrypted && !address.is_here && text(PLAIN_HTTP)?.is_none() {
        return Err(refused("url", &"http:// would send the password unencrypted, use https://"));
    }
    let names = Names::new(at.name, text(PREFIX)?.unwrap_or("")).map_err(|why| refused(PREFIX.name, &why))?;
    let timeout = own_keys::time_limit(at, TIMEOUT, "90s", TIMEOUT_DEFAULT)?;
    let authorities = text(AUTHORITIES)?.map(|path| at.root.join(path));
    if authorities.is_some() && !address.is_encrypted {
        return Err(refused(AUTHORITIES.name, &"the url is not https:"));
    }
    let http = http::client(timeout, authorities.as_deref(), &at.credentials)
        .map_err(|(key, why)| refused(key, &why))?;
    let patch = match text(MAPPING)? {
        Some(path) => Some(patch(&at.root.join(path)).map_err(|why| refused(MAPPING.name, &why))?),
        None => None,
    };
    let mut settings = json!({
        "index.number_of_shards": number(at, SHARDS, 1)?.unwrap_or(1),
        // A crash loses nothing that was answered, whatever a template of the server's says.
        "index.translog.durability": "request",
    });
    if let Some(replicas) = number(at, REPLICAS, 0)? {
        settings["index.number_of_replicas"] = replicas.into();
    }
    let builder = Builder {
        client: Client::new(at.name, http, &address.text, login),
        names,
        mapping: mapping::with(patch.as_ref()),
        is_mapping_own: patch.is_some(),
        settings,
        clock: Arc::clone(&at.clock),
    };
    Ok(Arc::new(AliasStore::new(builder)))
}

/// Takes a user with a password, or an API key, from the environment.
fn login(at: &Surroundings<'_>, product: &str) -> Result<Login> {
    let given = |name: &str| at.credentials.get(&format!("{product}_{name}"));
    match (given("API_KEY"), given("USERNAME"), given("PASSWORD")) {
        (Some(key), None, None) => {
            let header = HeaderValue::from_str(&format!("ApiKey {key}"));
            let mut header = header.map_err(|_| {
                own_keys::refused(at, "url", &format!("{product}_API_KEY has characters that no header has"))
            })?;
            header.set_sensitive(true);
            Ok(Login::ApiKey(header))
        }
        (None, Some(user), Some(password)) => {
            Ok(Login::Password { user: user.to_owned(), password: password.to_owned() })
        }
        (None, None, None) => Ok(Login::None),
        _ => {
            let why = format!(
                "the environment has to have {product}_USERNAME with {product}_PASSWORD, or {product}_API_KEY alone"
            );
            Err(own_keys::refused(at, "url", &why))
        }
    }
}

fn patch(path: &std::path::Path) -> std::result::Result<Value, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("the file cannot be read: {error}"))?;
    let patch: Value =
        serde_json::from_slice(&bytes).map_err(|error| format!("the file is no JSON: {error}"))?;
    if patch.is_object() { Ok(patch) } else { Err("the file has no object".to_owned()) }
}

fn number(at: &Surroundings<'_>, key: Key, least: i64) -> Result<Option<i64>> {
    let Some(value) = at.settings.own.get(key.name) else { return Ok(None) };
    let number = value.as_i64().filter(|number| (least..=COPIES_MAX).contains(number));
    let refused =
        || own_keys::refused(at, key.name, &format!("it is not a number from {least} to {COPIES_MAX}"));
    number.map(Some).ok_or_else(refused)
}
