//! Documents in other catalogs than the target, at paths that no projection keeps: brought by hand, or by a pipeline.
//!
//! No projection takes such a document away, so one that stands against today's protection is found and said, as one of the
//! target is. It is judged as if it stood at its path in the target.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kfm_lineage::document::DocumentFacts;
use kfm_lineage::integrity::CatalogView;
use kfm_lineage::{CellId, Domain};
use kfm_policy::{Advice, Remedy, advice, stands_against};

use crate::bulk;
use crate::coverage::standing_line;
use crate::derive::known_derived_cells;
use crate::error::Result;
use crate::op::DomainOpExt;
use crate::protections::Protections;
use crate::report::FindingLine;
use crate::session::Session;

type Documents = BTreeMap<CellId, Arc<DocumentFacts>>;

/// Lists those that stand against today's protection, by what the stores hold; `view` is the target.
///
/// # Errors
/// [`Error::Store`](crate::Error::Store): a catalog cannot be read. [`Error::Versions`](crate::Error::Versions): a version
/// whose label still protects is missing.
pub(crate) async fn against_in_stores(session: &Session, view: &CatalogView) -> Result<Vec<FindingLine>> {
    let target = session.catalog();
    let is_other = |name: &str, domain: Domain| domain == Domain::Stac && name != target.name();
    let stores = session.stores().iter().filter(|store| is_other(store.name(), store.domain()));
    let stores: Vec<_> = stores.collect();
    if stores.is_empty() {
        return Ok(Vec::new());
    }
    let projected = projected(session)?;
    let mut documents = Documents::new();
    for store in stores {
        let cell = |key: &String| CellId::new(Domain::Stac, store.name(), key.clone());
        let mut keys = store.keys().await?;
        keys.retain(|key| !projected.contains(&cell(key)));
        for keys in keys.chunks(bulk::READ_CELLS) {
            for (key, bytes) in keys.iter().zip(bulk::read(&**store, keys).await?) {
                let Some(bytes) = bytes else { continue };
                let (digest, bytes) = store.form(key, bytes)?;
                documents.insert(cell(key), Arc::new(DocumentFacts::project_as(digest, &bytes)));
            }
        }
    }
    against(session, view, documents).await
}

/// Lists those that stand against today's protection, by what the log knows: no store is read.
///
/// # Errors
/// As [`against_in_stores`].
pub(crate) async fn against_by_log(session: &Session, view: &CatalogView) -> Result<Vec<FindingLine>> {
    let target = session.catalog();
    let stores = session.history.parts().stores.iter();
    let others = stores.filter(|(domain, name)| *domain == Domain::Stac && name != target.name());
    let mut standing = Vec::new();
    for next in others.flat_map(|(_, name)| session.history.documents(name)) {
        let (cell, history) = next?;
        standing.extend(history.value().map(|digest| (cell, digest)));
    }
    if standing.is_empty() {
        return Ok(Vec::new());
    }
    let projected = projected(session)?;
    let mut documents = Documents::new();
    for (cell, digest) in standing.into_iter().filter(|(cell, _)| !projected.contains(cell)) {
        let document = session.facts.of(&digest).await?;
        documents.insert(cell, document);
    }
    against(session, view, documents).await
}

fn projected(session: &Session) -> Result<BTreeSet<CellId>> {
    Ok(known_derived_cells(session)?.into_iter().map(|derived| derived.cell).collect())
}

async fn against(session: &Session, view: &CatalogView, documents: Documents) -> Result<Vec<FindingLine>> {
    let stores: BTreeSet<&str> = documents.keys().map(|cell| cell.store.as_str()).collect();
    let mut findings = Vec::new();
    for store in stores {
        let of_store = || documents.iter().filter(|(cell, _)| cell.store == store);
        let mut with = view.clone();
        for (cell, document) in of_store() {
            with.insert(cell.key.clone(), Arc::clone(document));
        }
        let protections = Protections::new(session, view, &with);
        for (cell, document) in of_store() {
            let protection = protections.of(&cell.key).await?;
            if let Some(against) = stands_against(document, &protection) {
                let remedy = way_out(session, cell)?;
                findings.push(standing_line(cell.to_string(), document, against, remedy));
            }
        }
    }
    Ok(findings)
}

/// What leads on from such a document: its cell has a value in the log, or another hand wrote it.
fn way_out(session: &Session, cell: &CellId) -> Result<Advice> {
    Ok(match session.history.value(cell)? {
        Some(_) => advice![
            "take it out of that store, and record that by ",
            Remedy::AdoptForeign,
            "; ",
            Remedy::Project,
            " leaves it, since no document of the target is shown there",
        ],
        None => advice![
            "take it out of that store by hand; ",
            Remedy::Project,
            " leaves it, since it did not make it",
        ],
    })
}
