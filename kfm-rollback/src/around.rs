//! The part of the target that tells what a change does to the whole, read from what is kept beside the log: so an operation
//! costs what it changes, not what there is (ADR 0033).
//!
//! Without an index that can be used, and for a change of much of the catalog, the part is the whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kfm_lineage::document::Relation;
use kfm_lineage::integrity::{CatalogView, Census, CountedCatalog, Neighbourhood, Term};
use kfm_lineage::{Domain, Lsn, Step, Value};

use crate::error::Result;
use crate::history::{Naming, read_steps, read_treated};
use crate::projector;
use crate::session::Session;
use crate::terms::{KeptTerms, NewTerms};

/// A change of fewer documents is always looked at by a part.
const PART_MAX: usize = 256;

/// A change of more than one document in so many is looked at by the whole.
const PART_OF: u64 = 8;

/// The most moments that a part is read at.
const MOMENTS_MAX: usize = 32;

/// The target at one moment: as it stood after a record of the log, with some documents otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    at: At,
    over: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Copy)]
enum At {
    /// After the record at this position.
    Record(Lsn),
    /// As it was folded for the snapshot at this position: operations that were open then had moved nothing.
    Snapshot(Lsn),
}

impl Moment {
    /// The target as it is.
    pub(crate) fn now() -> Self {
        Self::at(Lsn(u64::MAX))
    }

    /// The target as it stood after the record at `lsn`.
    pub(crate) fn at(lsn: Lsn) -> Self {
        Self { at: At::Record(lsn), over: BTreeMap::new() }
    }

    fn of_snapshot(lsn: Lsn) -> Self {
        Self { at: At::Snapshot(lsn), over: BTreeMap::new() }
    }

    fn lsn(&self) -> Lsn {
        match self.at {
            At::Record(lsn) | At::Snapshot(lsn) => lsn,
        }
    }

    /// The same with the steps of documents made.
    #[must_use]
    pub(crate) fn with(mut self, session: &Session, steps: &[Step]) -> Self {
        let own = steps.iter().filter(|step| session.is_document(&step.cell));
        self.over.extend(own.map(|step| (step.cell.key.clone(), step.after)));
        self
    }

    fn value(&self, session: &Session, path: &str) -> Result<Value> {
        if let Some(value) = self.over.get(path) {
            return Ok(*value);
        }
        let cell = session.document(path);
        match self.at {
            At::Record(lsn) => Ok(session.history.cell(&cell)?.and_then(|history| history.value_at(lsn))),
            At::Snapshot(_) => session.history.value_kept(&cell),
        }
    }

    /// Returns the whole target at this moment.
    async fn whole(&self, session: &Session) -> Result<CatalogView> {
        let mut view = catalog_at(session, self.lsn()).await?;
        session.facts.read_ahead(self.over.values().copied().flatten()).await?;
        for (path, value) in &self.over {
            match session.facts.of_value(*value).await? {
                Some(document) => view.insert(path.clone(), document),
                None => view.remove(path),
            };
        }
        Ok(view)
    }
}

/// The catalog as it is, with every document's facts.
pub(crate) async fn catalog_now(session: &Session) -> Result<CatalogView> {
    catalog_at(session, Lsn(u64::MAX)).await
}

/// The catalog as it stood after the record at `lsn`.
pub(crate) async fn catalog_at(session: &Session, lsn: Lsn) -> Result<CatalogView> {
    let catalog = session.catalog();
    session.moments.at(&session.history, &session.facts, catalog.name(), lsn).await
}

/// Takes the census of the target at several moments. Their sets may be those of a part that tells what differs between
/// any two of them; the counts are those of the whole.
///
/// # Errors
/// [`Error::Versions`](crate::Error::Versions): a version is missing; restore it.
pub(crate) async fn censuses(session: &Session, moments: &[Moment]) -> Result<Vec<Census>> {
    if let Some(censuses) = censuses_of_part(session, moments).await? {
        return Ok(censuses);
    }
    let mut censuses = Vec::with_capacity(moments.len());
    for moment in moments {
        censuses.push(session.moments.census(&moment.whole(session).await?));
    }
    Ok(censuses)
}

async fn censuses_of_part(session: &Session, moments: &[Moment]) -> Result<Option<Vec<Census>>> {
    let Some(terms) = session.terms().await? else { return Ok(None) };
    let moments: Vec<Moment> =
        [Moment::of_snapshot(terms.at)].into_iter().chain(moments.iter().cloned()).collect();
    let Some(changed) = changed_among(session, &moments).await? else { return Ok(None) };
    let around = Neighbourhood::new(moments.len(), changed.iter().cloned());
    let views = surround(session, &terms, around, &moments, &changed).await?.views();
    let mut counted = CountedCatalog::new(&views[0]);
    let then = counted.census().counts();
    let mut censuses = Vec::with_capacity(views.len() - 1);
    for view in &views[1..] {
        counted.change_to(view);
        censuses.push(counted.census().clone().as_part_of(&terms.counts, &then));
    }
    Ok(Some(censuses))
}

/// Returns the target as it is: what steps move, all that gives this its protection, and the collections that the steps
/// feed, whole.
///
/// # Errors
/// As [`censuses`].
pub(crate) async fn catalog_around(session: &Session, steps: &[Step]) -> Result<CatalogView> {
    let moments = [Moment::now(), Moment::now().with(session, steps)];
    let Some(terms) = session.terms().await?.filter(|_| is_part(session, steps.len())) else {
        return catalog_now(session).await;
    };
    let Some(changed) = changed_among(session, &[Moment::of_snapshot(terms.at), moments[1].clone()]).await?
    else {
        return catalog_now(session).await;
    };
    let (mut paths, mut fed) = (BTreeSet::new(), BTreeSet::new());
    for step in steps.iter().filter(|step| step.cell.domain == Domain::Stac) {
        paths.insert(step.cell.key.clone());
        let before = session.facts.of_value(step.before).await?;
        // A version that is gone is found where it is asked for.
        let after = session.facts.of_value(step.after).await.ok().flatten();
        fed.extend(projector::fed_by(before.as_deref(), after.as_deref()));
    }
    // Each once: many steps feed one collection, and its members may be most of the catalog.
    for collection in fed {
        let members = session.history.named(Naming::Collection, &collection)?.into_iter();
        paths.extend(members.filter(|cell| session.is_document(cell)).map(|cell| cell.key));
    }
    let mut around = Neighbourhood::new(moments.len(), []);
    around.protect(paths);
    let mut views = surround(session, &terms, around, &moments, &changed).await?.views();
    Ok(views.swap_remove(0))
}

/// Returns the target after the record at `lsn`, with what these documents may have been made from after each of the
/// records at `later`; `None` if that is to be looked for in the whole.
///
/// # Errors
/// As [`censuses`].
pub(crate) async fn catalog_behind(
    session: &Session,
    lsn: Lsn,
    later: &[Lsn],
    paths: BTreeSet<String>,
) -> Result<Option<CatalogView>> {
    let is_part = later.len() <= MOMENTS_MAX && is_part(session, paths.len());
    let Some(terms) = session.terms().await?.filter(|_| is_part) else { return Ok(None) };
    let moments: Vec<Moment> = [lsn].iter().chain(later).map(|lsn| Moment::at(*lsn)).collect();
    let first = Moment::at(terms.at.min(lsn));
    let Some(changed) = changed_among(session, &[first]).await? else { return Ok(None) };
    let mut around = Neighbourhood::new(moments.len(), []);
    around.protect(paths);
    let mut views = surround(session, &terms, around, &moments, &changed).await?.views();
    Ok(Some(views.swap_remove(0)))
}

/// Makes the index of the target as it is: that of the snapshot before, with what changed since, or one of the whole.
///
/// # Errors
/// As [`censuses`].
pub(crate) async fn new_terms(session: &Session) -> Result<NewTerms> {
    if let Some(before) = session.terms().await? {
        let moments = [Moment::of_snapshot(before.at), Moment::now()];
        let changed = changed_among(session, &moments).await?;
        let censuses = censuses_of_part(session, &moments[1..]).await?;
        if let (Some(changed), Some([census])) = (changed, censuses.as_deref()) {
            let mut terms = NewTerms::after(Some(before), census.counts());
            for (path, versions) in versions_of(session, &changed, &moments).await? {
                terms.change(&path, versions[0].as_deref(), versions[1].as_deref());
            }
            return Ok(terms);
        }
    }
    let view = catalog_now(session).await?;
    let mut terms = NewTerms::after(None, session.moments.census(&view).counts());
    for (path, document) in view.iter() {
        terms.change(path, None, Some(document));
    }
    Ok(terms)
}

fn is_part(session: &Session, changed: usize) -> bool {
    changed <= PART_MAX || changed as u64 * PART_OF <= session.history.counts().documents
}

/// Lists the documents that may differ between the moments; `None` if they are so many that the whole costs less.
async fn changed_among(session: &Session, moments: &[Moment]) -> Result<Option<BTreeSet<String>>> {
    let mut changed: BTreeSet<String> =
        moments.iter().flat_map(|moment| moment.over.keys().cloned()).collect();
    let own = |cell: &&kfm_lineage::CellId| session.is_document(cell);
    changed.extend(session.history.cells_since_kept().filter(own).map(|cell| cell.key.clone()));
    let first = moments.iter().map(Moment::lsn).min().unwrap_or(Lsn::ZERO);
    let kept_at = session.history.kept_at().unwrap_or(Lsn::ZERO);
    for operation in session.history.operations().rev() {
        // What was opened after the snapshot is known already, and an operation that was opened later is listed later.
        if operation.opened <= first {
            break;
        }
        let Some(closed) = operation.closed.as_ref().filter(|closed| closed.lsn <= kept_at) else { continue };
        if !is_part(session, usize::try_from(operation.steps.count).unwrap_or(usize::MAX)) {
            return Ok(None);
        }
        for step in read_steps(&session.versions(), &operation.steps).await? {
            if session.is_document(&step.cell) {
                changed.insert(step.cell.key);
            }
        }
        for treated in read_treated(&session.versions(), &closed.close).await? {
            if session.is_document(&treated.cell) {
                changed.insert(treated.cell.key);
            }
        }
        if !is_part(session, changed.len()) {
            return Ok(None);
        }
    }
    Ok(is_part(session, changed.len()).then_some(changed))
}

/// Answers what a neighbourhood asks, from the index, the log and the facts. `changed` may differ from what the index
/// knows.
async fn surround(
    session: &Session,
    terms: &KeptTerms,
    mut around: Neighbourhood,
    moments: &[Moment],
    changed: &BTreeSet<String>,
) -> Result<Neighbourhood> {
    let mut since: BTreeMap<Term, BTreeSet<String>> = BTreeMap::new();
    for (path, versions) in versions_of(session, changed, moments).await? {
        for document in versions.iter().flatten() {
            for term in Term::of(&path, document) {
                since.entry(term).or_default().insert(path.clone());
            }
        }
    }
    while let Some(wanted) = around.wanted() {
        for (path, versions) in versions_of(session, &wanted.paths, moments).await? {
            around.give(&path, versions);
        }
        for term in wanted.terms {
            let mut holders = terms.holders(&term)?;
            holders.extend(since.get(&term).into_iter().flatten().cloned());
            around.give_holders(term, holders);
        }
        for path in wanted.names_of {
            let named = named_by(session, &around, &path)?;
            around.protect(named);
        }
    }
    Ok(around)
}

type Versions = Vec<Option<Arc<kfm_lineage::document::DocumentFacts>>>;

/// Reads documents as they are at each moment.
async fn versions_of(
    session: &Session,
    paths: impl IntoIterator<Item = &String>,
    moments: &[Moment],
) -> Result<Vec<(String, Versions)>> {
    let mut values = Vec::new();
    for path in paths {
        let of_path = moments.iter().map(|moment| moment.value(session, path)).collect::<Result<Vec<_>>>()?;
        values.push((path.clone(), of_path));
    }
    let digests = values.iter().flat_map(|(_, values)| values).copied().flatten();
    session.facts.read_ahead(digests.collect::<BTreeSet<_>>()).await?;
    let mut versions = Vec::with_capacity(values.len());
    for (path, values) in values {
        let mut of_path = Vec::with_capacity(values.len());
        for value in values {
            of_path.push(session.facts.of_value(value).await?);
        }
        versions.push((path, of_path));
    }
    Ok(versions)
}

/// Lists the documents that the names in a document may stand for: its collections, the sources that it names by their
/// ids, and where documents of these ids stood.
fn named_by(session: &Session, around: &Neighbourhood, path: &str) -> Result<BTreeSet<String>> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    if let Some(history) = session.history.cell(&session.document(path))? {
        names.extend(history.collections.iter().cloned());
    }
    for document in around.standing(path) {
        names.extend(document.stated_collections().map(str::to_owned));
        names.extend(document.collections().map(str::to_owned));
        let sources = document.related().filter(|(relation, _)| *relation == Relation::DerivedFrom);
        names.extend(sources.map(|(_, target)| target.to_owned()));
    }
    let alike: Vec<String> =
        names.iter().flat_map(|name| session.registry.names_like(name)).map(str::to_owned).collect();
    names.extend(alike);
    let mut paths = BTreeSet::new();
    for name in names {
        let named = session.history.named(Naming::Id, &name)?.into_iter();
        paths.extend(named.filter(|cell| session.is_document(cell)).map(|cell| cell.key));
    }
    Ok(paths)
}
