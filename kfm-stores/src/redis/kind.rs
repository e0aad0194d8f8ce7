//! The kind `redis` of `kfm.toml`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kfm_lineage::Domain;
use kfm_rollback::kind::{Key, Sample, StoreKind, Surroundings};
use kfm_rollback::{DomainOp, Result};

use super::class;
use super::link::Link;
use super::names::Names;
use super::place::Place;
use super::store::RedisStore;
use crate::{own_keys, tls};

/// Opens caches in Redis.
#[derive(Debug, Clone, Copy)]
pub struct RedisKind;

const PREFIX: Key = Key {
    name: "prefix",
    about: "Of a Redis: the beginning of the names of its keys there, within braces; default `kfm:` and the store's name.",
    values: &[],
};

const DURABILITY: Key = Key {
    name: "durability",
    about: "Of a Redis: `fsync`: an answer is on the disk, for which Redis needs appendfsync always. `none` (default): a restart may \
            lose what was answered.",
    values: &["fsync", "none"],
};

const TIMEOUT: Key = Key {
    name: "timeout",
    about: "Of a Redis: how long it may take to connect, and to answer one request, such as `10s`; default 3 seconds.",
    values: &[],
};

const AUTHORITIES: Key = Key {
    name: "authorities",
    about: "Of a Redis with `rediss:`: a PEM file of authorities that are trusted beside the system's own.",
    values: &[],
};

const CLASSES: Key = Key {
    name: "classes",
    about: "Of a Redis: a list of what is rebuilt or purged when a namespace changes; each change in its stream names them.",
    values: &[],
};

/// The time-out of a cache (R86).
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(3);

impl StoreKind for RedisKind {
    fn kind(&self) -> &'static str {
        "redis"
    }

    fn domains(&self) -> &'static [Domain] {
        &[Domain::Cache]
    }

    fn keys(&self) -> &'static [Key] {
        &[PREFIX, DURABILITY, TIMEOUT, AUTHORITIES, CLASSES]
    }

    fn credentials(&self) -> &'static [&'static str] {
        &["REDIS_"]
    }

    fn sample(&self, _: Domain, _: Option<&str>) -> Option<Sample> {
        Some(Sample {
            about: "A cache in Redis, which services read.",
            url: "redis://127.0.0.1:6379/0",
            url_about: "`redis://HOST[:PORT][/DATABASE]`, or `rediss:` for TLS.",
            environment: &["REDIS_PASSWORD", "REDIS_USERNAME"],
            examples: &[
                (PREFIX.name, "\"kfm:cache\""),
                (DURABILITY.name, "\"fsync\""),
                (TIMEOUT.name, "\"3s\""),
                (AUTHORITIES.name, "\"authorities.pem\""),
                (CLASSES.name, "[\"TILES\", \"CDN\"]"),
            ],
            can_be_target: false,
        })
    }

    fn open(&self, at: &Surroundings<'_>) -> Result<Arc<dyn DomainOp>> {
        let refused = |key: &str, why: &dyn std::fmt::Display| own_keys::refused(at, key, why);
        let place = Place::parse(&at.settings.url).map_err(|why| refused("url", &why))?;
        let prefix = own_keys::text(at, PREFIX)?.map_or_else(|| format!("kfm:{}", at.name), str::to_owned);
        let names = Names::new(&prefix).map_err(|why| refused(PREFIX.name, &why))?;
        let limit = own_keys::time_limit(at, TIMEOUT, "10s", TIMEOUT_DEFAULT)?;
        let authorities = own_keys::text(at, AUTHORITIES)?.map(|path| at.root.join(path));
        let tls = match (place.is_encrypted, authorities) {
            (true, more) => {
                let more: Option<&Path> = more.as_deref();
                Some(tls::client_config(more).map_err(|why| refused(AUTHORITIES.name, &why))?)
            }
            (false, Some(_)) => return Err(refused(AUTHORITIES.name, &"the url is not rediss:")),
            (false, None) => None,
        };
        let is_durable = own_keys::text(at, DURABILITY)? == Some("fsync");
        let classes = at.settings.own.get(CLASSES.name).map(class::parse).transpose();
        let classes = classes.map_err(|why| refused(CLASSES.name, &why))?.unwrap_or_default();
        let user = at.credentials.get("REDIS_USERNAME");
        let link = Link::new(place, (user, at.credentials.get("REDIS_PASSWORD")), tls, limit);
        Ok(Arc::new(RedisStore::new(at.name, names, link, is_durable, classes)))
    }
}
