//! What the entries of the registries cover, and which documents stand against today's protection.
//!
//! A label that covers nothing protects no document, and its author is told so. A document that readers see
//! although today's protection would not let it through is listed as a finding, since nothing takes it down by
//! itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kfm_lineage::document::DocumentFacts;
use kfm_lineage::integrity::{CatalogView, Lead};
use kfm_lineage::{CellId, Domain};
use kfm_policy::registry::Subject;
use kfm_policy::{
    Advice, Against, LabelRegistry, RegistryEntry, Remedy, Severity, Treatment, advice, measured,
    stands_against, too_precise,
};

use crate::bulk;
use crate::derive::shows_one;
use crate::error::{Error, Result};
use crate::history::{CellHistory, History, Naming, Operation, Write};
use crate::op::{Depth, DomainOpExt};
use crate::other_catalogs::against_by_log;
use crate::protections::Protections;
use crate::remedy::without_it;
use crate::report::FindingLine;
use crate::session::Session;

/// The rule of a finding about a document that stands against the protection of today.
const STANDS_AGAINST: &str = "stands_against_protection";

/// How far the entries of a registry reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Coverage {
    /// Documents that stand, or stood once.
    pub documents: u64,
    /// How many of them each entry covers, in the registry's order.
    pub by_entry: Vec<u64>,
    /// For each entry, how many of those are covered by an entry that asks for more, too.
    pub outdone: Vec<u64>,
}

/// What a label can be about: a path, and every name that the document there ever had.
struct Named {
    path: String,
    ids: BTreeSet<String>,
    collections: BTreeSet<String>,
    contents: Vec<Arc<DocumentFacts>>,
}

/// Counts how many documents each entry of a registry covers: documents that the log knows, whether they stand or
/// not, and documents that stand in the catalog and are not adopted yet.
///
/// # Errors
/// [`Error::Store`](crate::Error::Store): the catalog cannot be read. [`Error::Versions`](crate::Error::Versions): an
/// entry is about content, and a version is missing.
pub(crate) async fn coverage(session: &Session, registry: &LabelRegistry) -> Result<Coverage> {
    Ok(counted(registry, &everything_named(session, registry.names_content()).await?))
}

/// Counts how many of the documents each entry covers, and how many of those an entry that asks for more covers, too.
fn counted(registry: &LabelRegistry, named: &[Named]) -> Coverage {
    let entries = registry.entries();
    let (mut by_entry, mut outdone) = (vec![0; entries.len()], vec![0; entries.len()]);
    for Named { path, ids, collections, contents } in named {
        let subject = Subject { path, ids, collections, own: &[], content: None };
        let mut covering = registry.applying(&subject);
        for content in contents {
            covering.extend(registry.applying(&Subject { content: Some(content), ..subject }));
        }
        let most = covering.iter().map(|position| entries[*position].asks()).max();
        for position in covering {
            by_entry[position] += 1;
            outdone[position] += u64::from(most > Some(entries[position].asks()));
        }
    }
    Coverage { documents: named.len() as u64, by_entry, outdone }
}

async fn everything_named(session: &Session, with_contents: bool) -> Result<Vec<Named>> {
    let mut named = Vec::new();
    for next in session.history.cells() {
        let (cell, history) = next?;
        let is_document = session.is_document(&cell);
        if cell.domain == Domain::Stac && !is_document {
            // A derived catalog's copy; the document itself is counted.
            continue;
        }
        let contents =
            if with_contents && is_document { contents_of(session, &history).await? } else { Vec::new() };
        let (ids, collections) = (history.ids.clone(), history.collections.clone());
        named.push(Named { path: cell.key.clone(), ids, collections, contents });
    }
    let catalog = session.catalog();
    let mut unknown = Vec::new();
    for path in catalog.keys().await? {
        if session.history.cell(&session.document(&path))?.is_none() {
            unknown.push(path);
        }
    }
    for paths in unknown.chunks(bulk::READ_CELLS) {
        for (path, bytes) in paths.iter().zip(bulk::read(&*catalog, paths).await?) {
            let Some(bytes) = bytes else { continue };
            let (digest, bytes) = session.form(path, bytes)?;
            let document = session.facts.project(digest, &bytes);
            let (ids, collections) = names_in(&document);
            named.push(Named { path: path.clone(), ids, collections, contents: vec![document] });
        }
    }
    Ok(named)
}

/// Returns the ids and the collections that a document states.
fn names_in(document: &DocumentFacts) -> (BTreeSet<String>, BTreeSet<String>) {
    let own = |names: &mut dyn Iterator<Item = &str>| names.map(str::to_owned).collect();
    (
        own(&mut document.ids()),
        own(&mut document.collections().into_iter().chain(document.stated_collections())),
    )
}

/// Returns every content that a document had.
async fn contents_of(session: &Session, history: &CellHistory) -> Result<Vec<Arc<DocumentFacts>>> {
    let digests: BTreeSet<_> = history.writes.iter().filter_map(|write| write.step.after).collect();
    let mut contents = Vec::with_capacity(digests.len());
    for digest in digests {
        contents.push(session.facts.of(&digest).await?);
    }
    Ok(contents)
}

/// Lists the documents of a view that readers see though the protection of today would not let them through.
///
/// # Errors
/// [`Error::Versions`](crate::Error::Versions): a version whose label still protects is missing.
pub(crate) async fn standing_against(
    session: &Session,
    view: &CatalogView,
    paths: impl IntoIterator<Item = &str>,
) -> Result<Vec<FindingLine>> {
    against_among(session, view, paths, Advised::Whole).await
}

/// What a finding advises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Advised {
    /// Everything that leads on. The view has every document, so it tells what links to one.
    Whole,
    /// Not to take back what brought the document: what links to it is not known.
    WithoutUndoing,
}

async fn against_among(
    session: &Session,
    view: &CatalogView,
    paths: impl IntoIterator<Item = &str>,
    advised: Advised,
) -> Result<Vec<FindingLine>> {
    let protections = Protections::new(session, view, view);
    let mut linked = None;
    let mut findings = Vec::new();
    for path in paths {
        let Some(document) = view.get(path) else { continue };
        let protection = protections.of(path).await?;
        if let Some(against) = stands_against(document, &protection) {
            let asked = against.asked;
            let undo = match advised {
                Advised::Whole => {
                    let linked = linked.get_or_insert_with(|| linked_by(view));
                    undoing(session, path, asked, linked).await?
                }
                Advised::WithoutUndoing => Advice::default(),
            };
            findings.push(standing_line(path.to_owned(), document, against, way_out(asked, undo)));
        }
    }
    Ok(findings)
}

/// Lists the documents that link to each document.
fn linked_by(view: &CatalogView) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut linked: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (path, document) in view.iter() {
        for link in document.links.iter().filter(|link| link.rel != "self") {
            match view.lead(path, &link.href) {
                Lead::Document(to) if to != path => {
                    linked.entry(to).or_default().insert(path);
                }
                _ => {}
            }
        }
    }
    linked
}

/// What leads on from a document of the target that stands against protection.
fn way_out(asked: Treatment, undo: Advice) -> Advice {
    match asked {
        Treatment::Quarantined => {
            "a hold refuses every change of it, and lifting a hold is not built yet (docs/states.md, 'Not built yet'); \
             its authority can withdraw the document, by an entry of the suppression list"
                .into()
        }
        Treatment::Withdrawn => without_it().and(undo),
        _ => Advice::from(format!("publish a version of it with {}; or ", asked.lets_through()))
            .and(without_it())
            .and(undo),
    }
}

/// The finding about what stands against today's protection: a document's path in the target, or a cell.
pub(crate) fn standing_line(
    subject: String,
    document: &DocumentFacts,
    against: Against,
    remedy: Advice,
) -> FindingLine {
    let Against { asked, rule } = against;
    let mut message = format!("readers see it, though today's protection asks for {asked} ({rule})");
    let finer = too_precise(document, asked);
    if asked < Treatment::Quarantined && !finer.is_empty() {
        message = format!("{message}: {finer}");
    }
    FindingLine::new(STANDS_AGAINST, Severity::Block, subject, message, remedy)
}

/// Names what takes back the operation that brought a document. It is not named where it would be denied: because the
/// earlier version is no better or is gone, because the operation cannot be taken back, or because what a later operation
/// brought links to the document.
async fn undoing(
    session: &Session,
    path: &str,
    asked: Treatment,
    linked: &BTreeMap<&str, BTreeSet<&str>>,
) -> Result<Advice> {
    let catalog = session.catalog();
    let Some(owner) = taken_back_alone(&session.history, catalog.name(), path, linked)? else {
        return Ok(Advice::default());
    };
    let earlier = match session.facts.of_value(owner.step.before).await {
        Ok(earlier) => earlier,
        Err(Error::Versions(error)) if error.lost().is_some() => return Ok(Advice::default()),
        Err(error) => return Err(error),
    };
    Ok(match is_better(asked, earlier.as_deref()) {
        true => advice![", or take back what brought it, by ", Remedy::undo(&owner.operation)],
        false => Advice::default(),
    })
}

/// Returns the write that brought a document, if the operation that made it can be taken back: it moved references, and no
/// document of another operation links to this one.
fn taken_back_alone(
    history: &History,
    catalog: &str,
    path: &str,
    linked: &BTreeMap<&str, BTreeSet<&str>>,
) -> Result<Option<Write>> {
    let owner = |path: &str| history.owner(&CellId::new(Domain::Stac, catalog, path), None);
    let Some(own) = owner(path)? else { return Ok(None) };
    if !history.operation(&own.operation).is_some_and(Operation::moves_references) {
        return Ok(None);
    }
    for other in linked.get(path).into_iter().flatten() {
        if owner(other)?.is_none_or(|other| other.operation != own.operation) {
            return Ok(None);
        }
    }
    Ok(Some(own))
}

/// Says whether the version before would be let through where protection asks for `asked`. An absent one would, and of what
/// is withdrawn the ratchet leaves none.
fn is_better(asked: Treatment, earlier: Option<&DocumentFacts>) -> bool {
    asked == Treatment::Withdrawn || earlier.is_none_or(|earlier| measured(earlier) >= asked)
}

/// Lists the documents that stand against today's protection, without reading the whole catalog:
/// those that an entry names, and those in a collection whose own document is protected.
///
/// A document that is protected only through a chain of sources is not in this list; a check of the whole catalog finds it.
///
/// # Errors
/// As [`standing_against`].
pub(crate) async fn owed(session: &Session) -> Result<Vec<FindingLine>> {
    // What lists a collection is found by the index, if there is one.
    session.terms().await?;
    let mut view = CatalogView::default();
    for cell in session.history.named(Naming::Group, "")? {
        if let Some(digest) = session.history.value(&cell)?.filter(|_| session.is_document(&cell)) {
            view.insert(cell.key, session.facts.of(&digest).await?);
        }
    }
    let mut candidates = raised(session).await?;
    for id in protected_collections(session, &view).await? {
        let members = session.history.named(Naming::Collection, &id)?.into_iter();
        candidates.extend(members.filter(|cell| session.is_document(cell)).map(|cell| cell.key));
    }
    for path in &candidates {
        if let Some(digest) = session.history.value(&session.document(path))? {
            view.insert(path.clone(), session.facts.of(&digest).await?);
        }
    }
    let mut against =
        against_among(session, &view, candidates.iter().map(String::as_str), Advised::WithoutUndoing).await?;
    against.extend(against_by_log(session, &view).await?);
    Ok(against)
}

/// Counts the derived cells that still show one of the documents that stand against protection: the next projection takes
/// them out. A store that does not answer counts none.
pub(crate) async fn still_shown(session: &Session, against: &[FindingLine]) -> u64 {
    let mut shown = 0;
    for store in session.projected_stores().filter(|store| shows_one(store.domain())) {
        let cell = |line: &FindingLine| CellId::new(store.domain(), store.name(), line.subject.clone());
        let cells: BTreeSet<CellId> = against.iter().map(cell).collect();
        let is_derived = |cell: &CellId| session.history.is_a_pipelines(cell).is_ok_and(|own| !own);
        let keys: Vec<String> = cells.into_iter().filter(is_derived).map(|cell| cell.key).collect();
        let values = bulk::values(&**store, &keys, Depth::Mark).await.unwrap_or_default();
        shown += values.iter().flatten().count() as u64;
    }
    shown
}

/// Lists the documents that an entry which asks for more protection than public names.
async fn raised(session: &Session) -> Result<BTreeSet<String>> {
    let (registry, mut raised) = (&session.registry, BTreeSet::new());
    if !registry.entries().iter().any(RegistryEntry::raises) {
        return Ok(raised);
    }
    for next in session.history.documents(session.catalog().name()) {
        let (cell, history) = next?;
        let content = history.value().filter(|_| registry.names_content());
        let content = session.facts.of_value(content).await?;
        let (ids, collections) = (&history.ids, &history.collections);
        let subject = Subject { path: &cell.key, ids, collections, own: &[], content: content.as_deref() };
        if history.value().is_some() && raises(registry, &subject) {
            raised.insert(cell.key);
        }
    }
    Ok(raised)
}

/// Says whether an entry that asks for more protection than public is about a subject.
fn raises(registry: &LabelRegistry, subject: &Subject<'_>) -> bool {
    let entries = registry.entries();
    registry.applying(subject).into_iter().any(|position| entries[position].raises())
}

/// Lists the ids of the collections whose own document is protected.
async fn protected_collections(session: &Session, collections: &CatalogView) -> Result<BTreeSet<String>> {
    let protections = Protections::new(session, collections, collections);
    let mut ids = BTreeSet::new();
    for (path, document) in collections.iter() {
        if protections.of(path).await?.asked() > Treatment::Public {
            ids.extend(names_in(document).0);
        }
    }
    Ok(ids)
}

#[cfg(test)]
#[path = "coverage_tests.rs"]
mod tests;
