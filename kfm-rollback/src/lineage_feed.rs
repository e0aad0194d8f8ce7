//! Feeds lineage from the log: which version was made from which (R31, R33).
//!
//! A version was made from the versions that its `derived_from` links led to when it was published, a
//! derivative from what its pipeline recorded, and a hotfix from the version that it patched (`states.md`
//! section 2). Membership in a collection, version history and derived cells are no dependence and are not fed.

use std::collections::{BTreeMap, BTreeSet};

use kfm_lineage::document::DocumentFacts;
use kfm_lineage::graph::{
    Content, DerivativeKind, EntityKind, EntityVersion, LineageError, LineageGraph, Source,
};
use kfm_lineage::integrity::CatalogView;
use kfm_lineage::{CellId, Domain, EntityId, Lsn, MemoryLineage, OperationId, Value};
use kfm_wal::record::Derivative;

use crate::assess::catalog_at;
use crate::entity::cell_entity;
use crate::error::{Error, Result};
use crate::history::{Kind, Operation, Write};
use crate::session::Session;

/// Feeds a graph with every version that was made from the record at `first` on.
///
/// What is older cannot have been made from any of these, so it is left out, and a plan for a recent publish
/// need not read the facts of a whole history.
///
/// # Errors
/// [`Error::Versions`]: a version or list that the log names is missing; restore it. [`Error::Incomplete`]:
/// a derivative's record is none.
pub(crate) async fn lineage_since(session: &Session, first: Lsn) -> Result<MemoryLineage> {
    let lineage = MemoryLineage::new();
    let mut feed = Feed::new(session, first).await?;
    for operation in session.history.operations().filter(|operation| operation.is_completed()) {
        if operation.opened >= first && operation.is_content() {
            feed.advance(operation.opened).await?;
            let versions = feed.versions_of(operation).await?;
            lineage.append(&versions).await.map_err(unfed)?;
        }
        feed.turn(operation);
    }
    Ok(lineage)
}

/// Turns an error of lineage into one that says what to do.
pub(crate) fn unfed(error: LineageError) -> Error {
    Error::Incomplete {
        message: format!("lineage cannot be resolved from the log, {error}"),
        hint: "verify the log; restore it from a backup if it is damaged".into(),
        next: vec!["kfm wal verify".into()],
    }
}

/// The log as it was at one position, on its way through the operations.
struct Feed<'a> {
    session: &'a Session,
    first: Lsn,
    /// What readers saw.
    view: CatalogView,
    /// The documents that changed later, by the operation that changed them.
    changes: BTreeMap<Lsn, Vec<(&'a CellId, Value)>>,
    /// What content operations wrote to each cell, by the operation.
    writes: BTreeMap<Lsn, Vec<(&'a CellId, &'a Write)>>,
    cells: BTreeMap<EntityId, &'a CellId>,
    derivatives: BTreeMap<EntityId, Vec<OperationId>>,
    undone: BTreeSet<OperationId>,
}

impl<'a> Feed<'a> {
    async fn new(session: &'a Session, first: Lsn) -> Result<Self> {
        let mut changes: BTreeMap<Lsn, Vec<(&CellId, Value)>> = BTreeMap::new();
        let mut writes: BTreeMap<Lsn, Vec<(&CellId, &Write)>> = BTreeMap::new();
        let catalog = session.catalog();
        for (cell, history) in session.history.cells() {
            for write in history.writes.iter().filter(|write| write.lsn >= first) {
                writes.entry(write.lsn).or_default().push((cell, write));
            }
            if cell.domain == Domain::Stac && cell.store == catalog.name() {
                for (lsn, value) in history.seen_since(first) {
                    changes.entry(lsn).or_default().push((cell, value));
                }
            }
        }
        Ok(Self {
            session,
            first,
            view: catalog_at(session, Lsn(first.0.saturating_sub(1))).await?,
            changes,
            writes,
            cells: session.history.cells().map(|(cell, _)| (cell_entity(cell), cell)).collect(),
            derivatives: BTreeMap::new(),
            undone: BTreeSet::new(),
        })
    }

    /// Goes on to what readers saw once the operation opened at `lsn` had ended.
    async fn advance(&mut self, lsn: Lsn) -> Result<()> {
        while let Some(entry) = self.changes.first_entry().filter(|entry| *entry.key() <= lsn) {
            for (cell, value) in entry.remove() {
                match self.session.facts.of_value(value).await? {
                    Some(facts) => self.view.insert(cell.key.clone(), facts),
                    None => self.view.remove(&cell.key),
                };
            }
        }
        Ok(())
    }

    /// Notes whether an operation changes what stands.
    fn turn(&mut self, operation: &Operation) {
        match operation.kind {
            Kind::Rollback if operation.moves.count > 0 => {
                self.undone.insert(operation.target.clone());
            }
            Kind::Revert => {
                self.undone.remove(&operation.target);
            }
            _ => {}
        }
    }

    /// Returns the versions that an operation made, with their sources.
    async fn versions_of(&mut self, operation: &Operation) -> Result<Vec<EntityVersion>> {
        let mut versions = Vec::new();
        for (cell, write) in self.writes.remove(&operation.opened).unwrap_or_default() {
            let facts = match cell.domain {
                Domain::Stac => {
                    let named = write.step.after.or(write.step.before);
                    self.session.facts.of_value(named).await?
                }
                _ => None,
            };
            let mut version =
                EntityVersion::of_move(&write.step, kind_of(cell, facts.as_deref()), operation.id.clone());
            version.predecessor = self.owner_before(cell, operation.opened).cloned();
            if operation.kind == Kind::Hotfix {
                version.sources.extend(self.source(cell, operation.opened));
            }
            if write.step.after.is_some() && cell.domain == Domain::Stac {
                let sources = self.view.sources(&cell.key);
                let cells = sources.into_iter().map(|path| self.session.document(path));
                version.sources.extend(cells.filter_map(|cell| self.source_in(&cell, operation)));
            }
            versions.push(version);
        }
        for derivative in derivatives_of(self.session, operation).await? {
            let version = self.derivative(&derivative, operation)?;
            self.derivatives.entry(version.entity.clone()).or_default().push(operation.id.clone());
            versions.push(version);
        }
        Ok(versions)
    }

    fn derivative(&self, derivative: &Derivative, operation: &Operation) -> Result<EntityVersion> {
        let malformed = |what: String| Error::Incomplete {
            message: format!("a derivative's record is none, {what}: operation={}", operation.id),
            hint: "verify the log; restore it from a backup if it is damaged".into(),
            next: vec!["kfm wal verify".into()],
        };
        let kind: DerivativeKind = derivative.kind.parse().map_err(|error| malformed(format!("{error}")))?;
        let entity = EntityId::parse(&derivative.id).map_err(|error| malformed(error.to_string()))?;
        let predecessor = self.maker_of(&entity).cloned();
        let named = derivative.depends_on.iter().flat_map(|text| self.sources_named(text, operation));
        Ok(EntityVersion {
            kind: EntityKind::Derivative(kind),
            operation: operation.id.clone(),
            content: derivative.checksum.map_or(Content::Unrecorded, Content::Digest),
            before: None,
            predecessor,
            sources: named.collect(),
            entity,
        })
    }

    /// Finds what a pipeline named: an entity, a path of the catalog, or every document that carries a STAC id.
    fn sources_named(&self, text: &str, operation: &Operation) -> Vec<Source> {
        let entity = EntityId::parse(text).ok();
        if let Some(cell) = entity.as_ref().and_then(|entity| self.cells.get(entity)) {
            return self.source_in(cell, operation).into_iter().collect();
        }
        if let Some(entity) = entity.as_ref().filter(|entity| self.derivatives.contains_key(*entity)) {
            let operation = self.maker_of(entity).cloned();
            return vec![Source { entity: entity.clone(), operation }];
        }
        let path = self.session.document(text);
        if self.session.history.cell(&path).is_some() {
            return self.source_in(&path, operation).into_iter().collect();
        }
        let carriers = self.view.iter().filter(|(_, document)| document.id.as_deref() == Some(text));
        let cells: Vec<CellId> = carriers.map(|(path, _)| self.session.document(path)).collect();
        if !cells.is_empty() {
            return cells.iter().filter_map(|cell| self.source_in(cell, operation)).collect();
        }
        entity.map(|entity| Source { entity, operation: None }).into_iter().collect()
    }

    /// Names the version of a cell that stood once an operation had made its own.
    fn source_in(&self, cell: &CellId, operation: &Operation) -> Option<Source> {
        self.source(cell, operation.opened.next())
    }

    /// Names the version of a cell that stood before `lsn`; none if it is too old to matter.
    fn source(&self, cell: &CellId, lsn: Lsn) -> Option<Source> {
        let owner = self.owner_before(cell, lsn)?;
        let opened = self.session.history.operation(owner)?.opened;
        (opened >= self.first).then(|| Source { entity: cell_entity(cell), operation: Some(owner.clone()) })
    }

    /// Returns the operation that owned a cell before `lsn`, by what stood at that time.
    fn owner_before(&self, cell: &CellId, lsn: Lsn) -> Option<&'a OperationId> {
        let history = self.session.history.cell(cell)?;
        let mut writes = history.writes.iter().rev().filter(|write| write.lsn < lsn);
        writes.find(|write| !self.undone.contains(&write.operation)).map(|write| &write.operation)
    }

    /// Returns the operation that made the derivative as it stood at that time.
    fn maker_of(&self, entity: &EntityId) -> Option<&OperationId> {
        self.derivatives.get(entity)?.iter().rev().find(|maker| !self.undone.contains(*maker))
    }
}

async fn derivatives_of(session: &Session, operation: &Operation) -> Result<Vec<Derivative>> {
    match operation.derivatives.filter(|segment| segment.count > 0) {
        Some(segment) => Ok(session.versions().read_segment(&segment).await?),
        None => Ok(Vec::new()),
    }
}

fn kind_of(cell: &CellId, facts: Option<&DocumentFacts>) -> EntityKind {
    match (cell.domain, facts) {
        (Domain::Stac, Some(facts)) => facts.kind.into(),
        (Domain::Stac, None) => EntityKind::StacItem,
        _ => EntityKind::ReadModel,
    }
}
