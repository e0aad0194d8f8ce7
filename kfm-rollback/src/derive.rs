//! Derived cells: nodes, aliases, namespaces and the documents of a derived catalog, projected from the documents of
//! the target that a change leaves (`docs/states.md` section 1).
//!
//! The names of derived cells follow from the documents that move, and are part of a plan. Their values are
//! computed under the lock, right before the first intent: from the value that stands in the store to the
//! projection of the planned documents. So a publish of another document of the same collection makes no plan
//! stale, and two operations never conflict over a derived cell.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use kfm_lineage::integrity::CatalogView;
use kfm_lineage::{CanonicalError, CellId, Digest, Domain, Step, Value};
use kfm_policy::stands_against;

use crate::bulk;
use crate::carrier::Carrier;
use crate::entity::cell_entity;
use crate::error::{Error, Result};
use crate::history::History;
use crate::op::Depth;
use crate::projector::{self, Listing};
use crate::protections::Protections;
use crate::session::Session;

/// A derived cell, and what it is projected from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DerivedCell {
    pub cell: CellId,
    /// The collection, or `-`.
    pub unit: String,
    source: Source,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    /// The document at this path.
    Document(String),
    /// The documents of this collection.
    Collection(String),
}

/// Names the derived cells that steps of documents feed, in order.
///
/// A cell that a pipeline keeps itself is left out, whatever its key: nothing is projected onto it.
pub(crate) async fn derived_cells(session: &Session, steps: &[Step]) -> Result<BTreeSet<DerivedCell>> {
    let stores = projected(session);
    let mut cells = BTreeSet::new();
    for step in steps.iter().filter(|step| session.is_document(&step.cell)) {
        let before = session.facts.of_value(step.before).await?;
        let after = session.facts.of_value(step.after).await?;
        cells.extend(cells_of_document(&stores, &step.cell.key, &step.unit));
        for collection in projector::fed_by(before.as_deref(), after.as_deref()) {
            cells.extend(cells_of_collection(&stores, &collection));
        }
    }
    projected_onto(cells, steps, &session.history)
}

/// Returns domain and name of each store that documents are projected into.
fn projected(session: &Session) -> Vec<(Domain, &str)> {
    session.projected_stores().map(|store| (store.domain(), store.name())).collect()
}

/// Names the cells that show one document of the target: its copies and its nodes.
fn cells_of_document<'s>(
    stores: &'s [(Domain, &'s str)],
    path: &'s str,
    unit: &'s str,
) -> impl Iterator<Item = DerivedCell> + 's {
    stores.iter().filter(|(domain, _)| shows_one(*domain)).map(move |(domain, store)| DerivedCell {
        cell: CellId::new(*domain, *store, path),
        unit: unit.to_owned(),
        source: Source::Document(path.to_owned()),
    })
}

/// Names the cells that show the documents of a collection: its aliases and its namespaces.
fn cells_of_collection<'s>(
    stores: &'s [(Domain, &'s str)],
    id: &'s str,
) -> impl Iterator<Item = DerivedCell> + 's {
    stores.iter().filter(|(domain, _)| !shows_one(*domain)).map(move |(domain, store)| DerivedCell {
        cell: CellId::new(*domain, *store, projector::alias_name(id)),
        unit: id.to_owned(),
        source: Source::Collection(id.to_owned()),
    })
}

/// Leaves out the cells that a pipeline keeps itself, by the log or by these steps: nothing is projected onto them.
fn projected_onto(
    mut cells: BTreeSet<DerivedCell>,
    steps: &[Step],
    history: &History,
) -> Result<BTreeSet<DerivedCell>> {
    let own: BTreeSet<&CellId> = steps.iter().filter(|step| !step.derived).map(|step| &step.cell).collect();
    let mut theirs = BTreeSet::new();
    for derived in &cells {
        if own.contains(&derived.cell) || history.is_a_pipelines(&derived.cell)? {
            theirs.insert(derived.cell.clone());
        }
    }
    cells.retain(|derived| !theirs.contains(&derived.cell));
    Ok(cells)
}

/// Names the documents behind derived cells that stand against today's protection.
///
/// Nothing takes such a document down by itself. But an alias that is built anew because a neighbour changed must
/// not show the document once more (R61).
///
/// # Errors
/// [`Error::Versions`]: a version whose label still protects is missing.
pub(crate) async fn hidden(
    session: &Session,
    now: &CatalogView,
    after: &CatalogView,
    cells: &BTreeSet<DerivedCell>,
) -> Result<BTreeSet<String>> {
    let protections = Protections::new(session, now, after);
    let mut hidden = BTreeSet::new();
    for path in behind(cells, &members(after)) {
        let Some(document) = after.get(path) else { continue };
        if stands_against(document, &protections.of(path).await?).is_some() {
            hidden.insert(path.to_owned());
        }
    }
    Ok(hidden)
}

/// Names the documents that derived cells show.
fn behind<'c>(
    cells: &'c BTreeSet<DerivedCell>,
    members: &BTreeMap<&'c str, BTreeMap<&'c str, Digest>>,
) -> BTreeSet<&'c str> {
    let mut behind = BTreeSet::new();
    for derived in cells {
        match &derived.source {
            Source::Document(path) => drop(behind.insert(path.as_str())),
            Source::Collection(id) => {
                behind.extend(members.get(id.as_str()).into_iter().flat_map(|paths| paths.keys()));
            }
        }
    }
    behind
}

/// Names the derived cells of every document that the log ever knew, in order. Cells that a pipeline keeps itself
/// are left out.
///
/// # Errors
/// As [`History::cell`].
pub(crate) fn known_derived_cells(session: &Session) -> Result<BTreeSet<DerivedCell>> {
    let stores = projected(session);
    let mut cells = BTreeSet::new();
    let mut collections: BTreeSet<String> = BTreeSet::new();
    for next in session.history.documents(session.catalog().name()) {
        let (cell, history) = next?;
        let unit = history.writes.last().map_or("-", |write| &write.step.unit);
        cells.extend(cells_of_document(&stores, &cell.key, unit));
        collections.extend(history.collections.iter().cloned());
    }
    for id in &collections {
        cells.extend(cells_of_collection(&stores, id));
    }
    projected_onto(cells, &[], &session.history)
}

impl DerivedCell {
    /// Says whether it shows a collection, or a document that was ever in it: one of `members`.
    pub(crate) fn is_of_collection(
        &self,
        session: &Session,
        collection: &str,
        members: &BTreeSet<CellId>,
    ) -> bool {
        match &self.source {
            Source::Collection(id) => id == collection,
            Source::Document(path) => members.contains(&session.document(path)),
        }
    }
}

/// Says whether each derived cell of a domain shows one document; otherwise it shows those of a collection.
pub(crate) fn shows_one(domain: Domain) -> bool {
    matches!(domain, Domain::Stac | Domain::Graph)
}

/// What a derived cell shows.
pub(crate) enum Shown {
    /// A content that the projector made, under its digest.
    Made(Digest, Bytes),
    /// The root of a collection's listing, under its digest, and the listing.
    Listed(Digest, Bytes, Listing),
    /// A document as it is: the version store has its bytes.
    Document(Digest),
}

impl Shown {
    /// Returns the cell's value.
    pub(crate) fn digest(&self) -> Digest {
        match self {
            Self::Made(digest, _) | Self::Listed(digest, ..) | Self::Document(digest) => *digest,
        }
    }
}

/// What a derived cell shows, before it has the form of its store.
enum Content<'a> {
    /// A document as it is.
    Document(Digest),
    /// The node that the projector makes of a document.
    Node(serde_json::Value),
    /// The listing of these documents, by path; at least one.
    Listed(&'a BTreeMap<&'a str, Digest>),
}

/// The documents that a change leaves, as derived cells show them.
struct Documents<'a, L> {
    after: &'a CatalogView,
    /// Documents that stand against today's protection: a new projection does not show them.
    hidden: BTreeSet<String>,
    /// The documents of each collection that are not hidden.
    members: BTreeMap<&'a str, BTreeMap<&'a str, Digest>>,
    /// Returns the label in force at a path, which a node shows.
    label: L,
}

impl<'a, L: Fn(&str) -> Option<&'static str>> Documents<'a, L> {
    fn new(after: &'a CatalogView, hidden: BTreeSet<String>, label: L) -> Self {
        let mut members = members(after);
        for members in members.values_mut() {
            members.retain(|path, _| !hidden.contains(*path));
        }
        Self { after, hidden, members, label }
    }

    /// Returns what a cell is to show; `None` if it is to be absent.
    fn content(&self, derived: &DerivedCell) -> Option<Content<'_>> {
        match &derived.source {
            Source::Document(path) if self.hidden.contains(path) => None,
            Source::Document(path) if derived.cell.domain == Domain::Stac => {
                self.after.get(path).map(|document| Content::Document(document.digest))
            }
            Source::Document(path) => {
                let document = self.after.get(path)?;
                projector::node(path, document, (self.label)(path)).map(Content::Node)
            }
            Source::Collection(id) => {
                self.members.get(id.as_str()).filter(|members| !members.is_empty()).map(Content::Listed)
            }
        }
    }
}

/// Projects derived cells from the documents that a change leaves, one by one.
pub(crate) struct Projection<'a, L> {
    session: &'a Session,
    documents: Documents<'a, L>,
}

impl<'a, L: Fn(&str) -> Option<&'static str>> Projection<'a, L> {
    /// Projects from these documents without the hidden ones; `label` gives the label in force at a path, which a node
    /// shows.
    pub(crate) fn new(
        session: &'a Session,
        after: &'a CatalogView,
        hidden: BTreeSet<String>,
        label: L,
    ) -> Self {
        Self { session, documents: Documents::new(after, hidden, label) }
    }

    /// Returns what a cell is to show; `None` if it is to be absent.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the content has no canonical form; repair the document.
    pub(crate) fn shown(&self, derived: &DerivedCell) -> Result<Option<Shown>> {
        match self.documents.content(derived) {
            None => Ok(None),
            Some(Content::Document(digest)) => Ok(Some(Shown::Document(digest))),
            Some(Content::Node(node)) => {
                let (digest, bytes) = self.formed(&derived.cell, &node)?;
                Ok(Some(Shown::Made(digest, bytes)))
            }
            Some(Content::Listed(members)) => {
                let listing = Listing::of(members).map_err(|error| no_form(&derived.cell, error))?;
                let Some(listing) = listing else { return Ok(None) };
                let (digest, bytes) = self.formed(&derived.cell, &listing.root)?;
                Ok(Some(Shown::Listed(digest, bytes, listing)))
            }
        }
    }

    /// Returns a content in the form of the cell's store, and its digest.
    fn formed(&self, cell: &CellId, content: &serde_json::Value) -> Result<(Digest, Bytes)> {
        let bytes = kfm_lineage::canonical_json(content).map_err(|error| no_form(cell, error))?;
        Ok(self.session.store(cell)?.form(&cell.key, Bytes::from(bytes))?)
    }

    /// Returns the value of each cell, and stores the contents in the version store: durable on return. Of a listing those
    /// nodes are stored that are not part of the one in its cell.
    ///
    /// # Errors
    /// As [`shown`](Self::shown); [`Error::Versions`]: a content could not be stored. [`Error::Store`]: a cell cannot be
    /// looked at.
    pub(crate) async fn keep(&self, cells: BTreeSet<DerivedCell>) -> Result<Vec<(DerivedCell, Value)>> {
        let mut values = Vec::with_capacity(cells.len());
        let versions = self.session.versions();
        let mut carrier = Carrier::new(&versions);
        for derived in cells {
            self.session.stop_before_begun()?;
            let shown = self.shown(&derived)?;
            let digest = shown.as_ref().map(Shown::digest);
            match shown {
                None | Some(Shown::Document(_)) => {}
                Some(Shown::Made(digest, bytes)) => carrier.add(digest, bytes).await?,
                Some(Shown::Listed(digest, bytes, listing)) => {
                    let known = self.shared(&derived.cell, &listing).await?;
                    for (digest, bytes) in listing.nodes_but(&known) {
                        carrier.add(digest, bytes).await?;
                    }
                    carrier.add(digest, bytes).await?;
                }
            }
            values.push((derived, digest));
        }
        carrier.finish().await?;
        Ok(values)
    }

    /// Names the nodes of a listing that are part of the one in its cell too, and so in the version store; those below
    /// them are not named.
    async fn shared(&self, cell: &CellId, listing: &Listing) -> Result<BTreeSet<Digest>> {
        let (versions, mut shared) = (self.session.versions(), BTreeSet::new());
        let standing =
            bulk::values(&*self.session.store(cell)?, std::slice::from_ref(&cell.key), Depth::Mark).await?;
        let mut open: Vec<Digest> = standing.into_iter().flatten().collect();
        while let Some(digest) = open.pop() {
            if listing.has(&digest) {
                shared.insert(digest);
                continue;
            }
            match versions.get(&digest).await {
                Ok(content) => open.extend(projector::below(&content)),
                // What another hand put there is no listing of ours.
                Err(error) if error.lost().is_some() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(shared)
    }
}

fn no_form(cell: &CellId, error: CanonicalError) -> Error {
    Error::Invalid {
        message: format!("a derived value has no canonical form: cell={cell}"),
        hint: "repair the document that it is projected from".into(),
        source: Some(Box::new(error)),
    }
}

/// Returns the value that each derived cell has to hold, by the documents of a view and today's protection.
///
/// # Errors
/// As [`hidden`] and [`Projection::shown`].
pub(crate) async fn projected_now(
    session: &Session,
    view: &CatalogView,
    cells: &BTreeSet<DerivedCell>,
) -> Result<Vec<(DerivedCell, Value)>> {
    let protections = Protections::new(session, view, view);
    let mut labels = BTreeMap::new();
    for node in cells.iter().filter(|cell| cell.cell.domain == Domain::Graph) {
        if let Ok(label) = protections.of(&node.cell.key).await?.label {
            labels.insert(node.cell.key.as_str(), label.as_str());
        }
    }
    let hidden = hidden(session, view, view, cells).await?;
    let projection = Projection::new(session, view, hidden, |path| labels.get(path).copied());
    let mut projected = Vec::with_capacity(cells.len());
    for derived in cells {
        let value = projection.shown(derived)?.map(|shown| shown.digest());
        projected.push((derived.clone(), value));
    }
    Ok(projected)
}

/// Lists the steps of derived cells, each from the value in its store to its projection.
pub(crate) async fn derived_steps(
    session: &Session,
    projected: &[(DerivedCell, Value)],
) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for store in session.projected_stores() {
        let cells: Vec<_> = projected.iter().filter(|(cell, _)| cell.cell.store == store.name()).collect();
        let keys: Vec<String> = cells.iter().map(|(cell, _)| cell.cell.key.clone()).collect();
        let observed = bulk::values(&**store, &keys, Depth::Mark).await?;
        let steps_of = cells.into_iter().zip(observed);
        steps.extend(steps_of.filter_map(|((derived, after), before)| derived_step(derived, before, *after)));
    }
    Ok(steps)
}

/// Makes the step of a derived cell, from the value in its store to its projection; equal: no step.
fn derived_step(derived: &DerivedCell, before: Value, after: Value) -> Option<Step> {
    (before != after).then(|| Step {
        cell: derived.cell.clone(),
        unit: derived.unit.clone(),
        entity: cell_entity(&derived.cell),
        from_version: None,
        to_version: None,
        before,
        after,
        derived: true,
        stac_id: None,
        collection: None,
        other_names: kfm_lineage::OtherNames::default(),
    })
}

/// The documents of each collection: its items, and the collections that carry its id.
pub(crate) fn members(view: &CatalogView) -> BTreeMap<&str, BTreeMap<&str, Digest>> {
    let mut members: BTreeMap<&str, BTreeMap<&str, Digest>> = BTreeMap::new();
    for (path, document) in view.iter() {
        if let Some(collection) = document.collections() {
            members.entry(collection).or_default().insert(path, document.digest);
        }
    }
    members
}

#[cfg(test)]
#[path = "derive_tests.rs"]
mod tests;
