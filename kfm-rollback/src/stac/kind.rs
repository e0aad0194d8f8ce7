//! The kind `static` of `kfm.toml`: a folder of documents, served as it is.

use std::sync::Arc;

use kfm_lineage::Domain;

use super::StaticCatalog;
use crate::error::Result;
use crate::kind::{Key, StoreKind, Surroundings};
use crate::op::DomainOp;

/// Opens static catalogs in folders.
#[derive(Debug, Clone, Copy)]
pub struct StaticKind;

impl StoreKind for StaticKind {
    fn kind(&self) -> &'static str {
        "static"
    }

    fn domains(&self) -> &'static [Domain] {
        &[Domain::Stac]
    }

    fn keys(&self) -> &'static [Key] {
        &[]
    }

    fn credentials(&self) -> &'static [&'static str] {
        &[]
    }

    fn open(&self, at: &Surroundings<'_>) -> Result<Arc<dyn DomainOp>> {
        Ok(Arc::new(StaticCatalog::local(at.name, at.folder()?).with_role(at.role)))
    }
}
