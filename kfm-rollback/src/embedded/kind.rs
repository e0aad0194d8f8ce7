//! The kind `embedded` of `kfm.toml`: a graph, a search engine or a cache in a folder.

use std::sync::Arc;

use kfm_lineage::Domain;

use super::{EmbeddedCache, EmbeddedGraph, EmbeddedSearch};
use crate::error::{Error, Result};
use crate::kind::{Key, StoreKind, Surroundings};
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

    fn open(&self, at: &Surroundings<'_>) -> Result<Arc<dyn DomainOp>> {
        let (name, domain, folder) = (at.name, at.settings.domain, at.folder()?);
        if domain != Domain::Search && at.settings.own.contains_key(MODE.name) {
            let message = format!("only a search store has a mode: store={name} domain={domain}");
            return Err(Error::invalid(message, "remove the key mode from the store's table in kfm.toml"));
        }
        let (clock, disk) = (Arc::clone(&at.clock), Arc::clone(&at.disk));
        Ok(match domain {
            Domain::Graph => Arc::new(EmbeddedGraph::new(name, folder, clock).with_disk(disk)),
            Domain::Search => Arc::new(EmbeddedSearch::new(name, folder, clock).with_disk(disk)),
            Domain::Cache => Arc::new(EmbeddedCache::new(name, folder, clock).with_disk(disk)),
            Domain::Stac => {
                let message = format!("no embedded store holds documents: store={name}");
                return Err(Error::invalid(message, "use kind = \"static\""));
            }
        })
    }
}
