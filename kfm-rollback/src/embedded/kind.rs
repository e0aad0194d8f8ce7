//! The kind `embedded` of `kfm.toml`: a graph, a search engine or a cache in a folder.

use std::sync::Arc;

use kfm_lineage::Domain;

use super::{Embedded, EmbeddedCache, EmbeddedGraph, EmbeddedSearch, Semantics};
use crate::error::{Error, Result};
use crate::kind::{Key, Sample, StoreKind, Surroundings};
use crate::op::DomainOp;

/// Opens embedded stores.
#[derive(Debug, Clone, Copy)]
pub struct EmbeddedKind;

const MODE: Key = Key {
    name: "mode",
    about: "Of a search store: `alias`, the only mode that is known.",
    values: &["alias"],
};

impl StoreKind for EmbeddedKind {
    fn kind(&self) -> &'static str {
        "embedded"
    }

    fn domains(&self) -> &'static [Domain] {
        &[Domain::Graph, Domain::Search, Domain::Cache]
    }

    fn keys(&self) -> &'static [Key] {
        &[MODE]
    }

    fn credentials(&self) -> &'static [&'static str] {
        &[]
    }

    fn sample(&self, domain: Domain, _: Option<&str>) -> Option<Sample> {
        Some(Sample {
            about: "A store in a folder of this platform, without a server.",
            url: "file:{name}",
            url_about: "The folder.",
            environment: &[],
            examples: if domain == Domain::Search { &[(MODE.name, "\"alias\"")] } else { &[] },
            can_be_target: false,
        })
    }

    fn open(&self, at: &Surroundings<'_>) -> Result<Arc<dyn DomainOp>> {
        let (name, domain, folder) = (at.name, at.settings.domain, at.folder()?);
        if domain != Domain::Search && at.settings.own.contains_key(MODE.name) {
            let message = format!("only a search store has a mode: store={name} domain={domain}");
            return Err(Error::invalid(message, "remove the key mode from the store's table in kfm.toml"));
        }
        Ok(match domain {
            Domain::Graph => set_up(EmbeddedGraph::new(name, folder), at),
            Domain::Search => set_up(EmbeddedSearch::new(name, folder), at),
            Domain::Cache => set_up(EmbeddedCache::new(name, folder), at),
            Domain::Stac => {
                let message = format!("no embedded store holds documents: store={name}");
                return Err(Error::invalid(message, "use kind = \"static\""));
            }
        })
    }
}

fn set_up<D: Semantics>(store: Embedded<D>, at: &Surroundings<'_>) -> Arc<dyn DomainOp> {
    Arc::new(if at.shared_by_hosts { store.shared_by_hosts() } else { store })
}
