//! `doctor`: what the stores are, whether they answer, and what they hold.

use kfm_lineage::CellId;

use super::Platform;
use crate::error::Result;
use crate::op::{DomainOp, OpError};
use crate::order::BATCH_STEPS_MAX;
use crate::report::{DoctorReport, StoreHealth};
use crate::scope::scope_digest;

impl Platform {
    /// Reads every store and says what it is; with `digests` also what it holds. Changes nothing.
    ///
    /// # Errors
    /// None: what does not answer is in the report.
    pub async fn doctor(&self, digests: bool) -> Result<DoctorReport> {
        let mut stores = Vec::new();
        for store in self.stores() {
            let settings = self.settings().stores.get(store.name());
            let capabilities = store.capabilities();
            let held = held(store.as_ref(), digests).await;
            let (cells, digest) = held.as_ref().ok().copied().flatten().unzip();
            stores.push(StoreHealth {
                name: store.name().to_owned(),
                domain: store.domain().to_string(),
                kind: settings.map_or_else(|| "custom".to_owned(), |settings| settings.kind.clone()),
                product: capabilities.product.clone(),
                version: capabilities.version.clone(),
                capabilities: Some(capabilities),
                ok: held.is_ok(),
                error: held.err().map(|error| error.to_string()),
                cells,
                digest,
            });
        }
        let mut findings = Vec::new();
        if let Err(error) = self.registry(&[]) {
            findings.push(error.to_string());
        }
        if self.settings().stores.values().all(|store| store.domain == kfm_lineage::Domain::Stac) {
            findings
                .push("no store is projected from the catalog: graph, search and cache are not kept".into());
        }
        Ok(DoctorReport { stores, findings })
    }
}

type Held = Option<(u64, kfm_lineage::Digest)>;

/// Reads a store: its keys, and what it holds if that is asked for.
async fn held(store: &dyn DomainOp, digests: bool) -> std::result::Result<Held, OpError> {
    let keys = store.keys().await?;
    if !digests {
        return Ok(None);
    }
    let mut cells = Vec::with_capacity(keys.len());
    for keys in keys.chunks(BATCH_STEPS_MAX) {
        for (key, value) in keys.iter().zip(store.observe(keys).await?) {
            cells.push((CellId::new(store.domain(), store.name(), key.clone()), value));
        }
    }
    Ok(Some((cells.len() as u64, scope_digest(cells.iter().map(|(cell, value)| (cell, *value))))))
}
