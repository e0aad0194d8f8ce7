//! The lineage of a log. It grows by one operation at a time, in the order in which the operations were begun.

use std::collections::{BTreeMap, BTreeSet};

use kfm_lineage::document::DocumentFacts;
use kfm_lineage::graph::{
    Content, DerivativeKind, EntityKind, EntityVersion, LineageError, LineageGraph, Source,
};
use kfm_lineage::integrity::CatalogView;
use kfm_lineage::{CellId, Domain, EntityId, Lsn, MemoryLineage, OperationId, OperationKind};
use kfm_policy::Remedy;
use kfm_wal::record::Derivative;

use crate::entity::cell_entity;
use crate::error::{Error, Result};
use crate::facts::Facts;
use crate::history::{History, Naming, Operation, read_steps, read_treated};
use crate::versions::VersionStore;

/// Turns an error of lineage into one that says what to do next.
pub(super) fn unfed(error: LineageError) -> Error {
    let (hint, next) = match &error {
        LineageError::Store { .. } => ("try again; the lineage's store did not answer", Vec::new()),
        _ => ("verify the log; restore it from a backup if it is damaged", vec![Remedy::VerifyLog]),
    };
    let message = format!("lineage cannot be resolved from the log, {}", crate::error::text_of(&error));
    Error::Incomplete { message, hint: hint.into(), next }
}

/// The folded log, and where to read what its records name. The log may be ahead of a graph: records after an
/// operation change nothing that the graph takes from that operation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Log<'a> {
    pub history: &'a History,
    pub versions: &'a VersionStore,
    pub facts: &'a Facts,
    /// The name of the store of documents.
    pub catalog: &'a str,
}

impl Log<'_> {
    fn is_document(&self, cell: &CellId) -> bool {
        cell.domain == Domain::Stac && cell.store == self.catalog
    }

    fn document(&self, path: &str) -> CellId {
        CellId::new(Domain::Stac, self.catalog, path)
    }
}

/// A graph that has taken in some of the operations of a log.
#[derive(Debug)]
pub(super) struct Graph {
    pub lineage: MemoryLineage,
    /// Versions that were made before this position are left out.
    first: Lsn,
    /// The position at which the newest added operation begins.
    newest: Lsn,
    /// What readers see after the newest added operation.
    view: CatalogView,
    /// The cells by their entities; `None` until a pipeline names a cell by its entity for the first time.
    cells: Option<BTreeMap<EntityId, CellId>>,
    derivatives: BTreeMap<EntityId, Vec<OperationId>>,
    undone: BTreeSet<OperationId>,
}

impl Graph {
    /// Makes the graph of all operations that have ended, without versions that were made before `first`.
    /// `view` is the catalog before that, or the part of it that the documents which operations moved since may have been
    /// made from.
    pub(super) async fn since(log: &Log<'_>, first: Lsn, view: CatalogView) -> Result<Self> {
        let mut graph = Self {
            lineage: MemoryLineage::new(),
            first,
            newest: Lsn::ZERO,
            view,
            cells: None,
            derivatives: BTreeMap::new(),
            undone: BTreeSet::new(),
        };
        for operation in log.history.operations() {
            graph.add(log, operation).await?;
        }
        Ok(graph)
    }

    /// Says whether an operation can be added: only if no operation that was begun later is in the graph.
    pub(super) fn is_behind(&self, operation: &Operation) -> bool {
        self.newest < operation.opened
    }

    /// Adds an operation. An operation that has not ended, or left nothing behind, changes nothing.
    ///
    /// After an error the graph is half changed: throw it away.
    pub(super) async fn add(&mut self, log: &Log<'_>, operation: &Operation) -> Result<()> {
        let touched =
            if operation.opened < self.first { Vec::new() } else { touched(log, operation).await? };
        self.show(log, operation, &touched).await?;
        if operation.is_completed() {
            if operation.opened >= self.first && operation.is_content() {
                let versions = self.versions_of(log, operation, &touched).await?;
                self.lineage.append(&versions).await.map_err(unfed)?;
            }
            self.turn(operation);
        }
        if operation.closed.is_some() {
            self.newest = operation.opened;
        }
        Ok(())
    }

    /// Takes in what readers saw once an operation had ended.
    async fn show(&mut self, log: &Log<'_>, operation: &Operation, touched: &[CellId]) -> Result<()> {
        for cell in touched {
            if let Some(cells) = &mut self.cells {
                cells.insert(cell_entity(cell), cell.clone());
            }
            let history = log.history.cell(cell)?.filter(|_| log.is_document(cell));
            let Some(value) = history.map(|history| history.value_at(operation.opened)) else { continue };
            match log.facts.of_value(value).await? {
                Some(facts) => self.view.insert(cell.key.clone(), facts),
                None => self.view.remove(&cell.key),
            };
        }
        Ok(())
    }

    /// Notes that an operation undid another one, or made it stand again.
    fn turn(&mut self, operation: &Operation) {
        match operation.kind {
            OperationKind::Rollback if operation.steps.count > 0 => {
                self.undone.insert(operation.target.clone());
            }
            OperationKind::Revert => {
                self.undone.remove(&operation.target);
            }
            _ => {}
        }
    }

    /// Returns the versions that an operation made, with their sources.
    async fn versions_of(
        &mut self,
        log: &Log<'_>,
        operation: &Operation,
        touched: &[CellId],
    ) -> Result<Vec<EntityVersion>> {
        let mut versions = Vec::new();
        for cell in touched {
            let history = log.history.cell(cell)?;
            let Some(write) = history.as_ref().and_then(|history| history.write_at(operation.opened)) else {
                continue;
            };
            let facts = match log.is_document(cell) {
                true => log.facts.of_value(write.step.after.or(write.step.before)).await?,
                false => None,
            };
            let mut version = EntityVersion::of_step(
                &write.step,
                kind_of(log, cell, facts.as_deref()),
                operation.id.clone(),
            );
            version.predecessor = self.owner_before(log, cell, operation.opened)?;
            if operation.kind == OperationKind::Hotfix {
                version.sources.extend(self.source(log, cell, operation.opened)?);
            }
            if write.step.after.is_some() && log.is_document(cell) {
                let sources = self.view.sources(&cell.key);
                for path in sources {
                    version.sources.extend(self.source_in(log, &log.document(path), operation)?);
                }
            }
            versions.push(version);
        }
        for derivative in derivatives_of(log, operation).await? {
            let version = self.derivative(log, &derivative, operation).await?;
            self.derivatives.entry(version.entity.clone()).or_default().push(operation.id.clone());
            versions.push(version);
        }
        Ok(versions)
    }

    async fn derivative(
        &mut self,
        log: &Log<'_>,
        derivative: &Derivative,
        operation: &Operation,
    ) -> Result<EntityVersion> {
        let malformed = |what: String| Error::Incomplete {
            message: format!("the record of a derivative is not valid, {what}: operation={}", operation.id),
            hint: "verify the log; restore it from a backup if it is damaged".into(),
            next: vec![Remedy::VerifyLog],
        };
        let kind: DerivativeKind = derivative.kind.parse().map_err(|error| malformed(format!("{error}")))?;
        let entity = EntityId::parse(&derivative.id).map_err(|error| malformed(error.to_string()))?;
        let predecessor = self.maker_of(&entity).cloned();
        let mut sources = Vec::new();
        for text in &derivative.depends_on {
            sources.extend(self.sources_named(log, text, operation).await?);
        }
        Ok(EntityVersion {
            kind: EntityKind::Derivative(kind),
            operation: operation.id.clone(),
            content: derivative.checksum.map_or(Content::Unrecorded, Content::Digest),
            before: None,
            predecessor,
            sources,
            entity,
        })
    }

    /// Finds what a pipeline named: an entity, a path of the catalog, or every document that carries this STAC id.
    async fn sources_named(
        &mut self,
        log: &Log<'_>,
        text: &str,
        operation: &Operation,
    ) -> Result<Vec<Source>> {
        let entity = EntityId::parse(text).ok();
        if let Some(entity) = &entity
            && let Some(cell) = self.cell_of(log, entity, operation)?
        {
            return Ok(self.source_in(log, &cell, operation)?.into_iter().collect());
        }
        if let Some(entity) = entity.as_ref().filter(|entity| self.derivatives.contains_key(*entity)) {
            let operation = self.maker_of(entity).cloned();
            return Ok(vec![Source { entity: entity.clone(), operation }]);
        }
        let path = log.document(text);
        if log.history.cell(&path)?.is_some_and(|history| history.is_known_at(operation.opened)) {
            return Ok(self.source_in(log, &path, operation)?.into_iter().collect());
        }
        let mut cells: Vec<CellId> = Vec::new();
        for cell in log.history.named(Naming::Id, text)?.into_iter().filter(|cell| log.is_document(cell)) {
            let history = log.history.cell(&cell)?;
            let value = history.and_then(|history| history.value_at(operation.opened));
            let document = log.facts.of_value(value).await?;
            if document.is_some_and(|document| document.id.as_deref() == Some(text)) {
                cells.push(cell);
            }
        }
        if !cells.is_empty() {
            let sources = cells.iter().map(|cell| self.source_in(log, cell, operation));
            return Ok(sources.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect());
        }
        Ok(entity.map(|entity| Source { entity, operation: None }).into_iter().collect())
    }

    /// Finds the cell of an entity among the cells that the log knew once an operation had ended.
    fn cell_of(&mut self, log: &Log<'_>, entity: &EntityId, operation: &Operation) -> Result<Option<CellId>> {
        if self.cells.is_none() {
            let mut known = BTreeMap::new();
            for next in log.history.cells() {
                let (cell, history) = next?;
                if history.is_known_at(operation.opened) {
                    known.insert(cell_entity(&cell), cell);
                }
            }
            self.cells = Some(known);
        }
        Ok(self.cells.as_ref().and_then(|cells| cells.get(entity)).cloned())
    }

    /// Names the version of a cell that stood once an operation had made its own versions.
    fn source_in(&self, log: &Log<'_>, cell: &CellId, operation: &Operation) -> Result<Option<Source>> {
        self.source(log, cell, operation.opened.next())
    }

    /// Names the version of a cell that stood before `lsn`; `None` if that version was made before `first`.
    fn source(&self, log: &Log<'_>, cell: &CellId, lsn: Lsn) -> Result<Option<Source>> {
        let owner = self.owner_before(log, cell, lsn)?;
        let is_in = |owner: &OperationId| {
            log.history.operation(owner).is_some_and(|operation| operation.opened >= self.first)
        };
        let owner = owner.filter(is_in);
        Ok(owner.map(|owner| Source { entity: cell_entity(cell), operation: Some(owner) }))
    }

    /// Returns the operation that owned a cell before `lsn`, counting only what stood at that time.
    fn owner_before(&self, log: &Log<'_>, cell: &CellId, lsn: Lsn) -> Result<Option<OperationId>> {
        let Some(history) = log.history.cell(cell)? else { return Ok(None) };
        let mut writes = history.writes.iter().rev().filter(|write| write.lsn < lsn);
        let owner = writes.find(|write| !self.undone.contains(&write.operation));
        Ok(owner.map(|write| write.operation.clone()))
    }

    /// Returns the newest standing operation that made a derivative.
    fn maker_of(&self, entity: &EntityId) -> Option<&OperationId> {
        self.derivatives.get(entity)?.iter().rev().find(|maker| !self.undone.contains(*maker))
    }
}

/// Lists the cells of which readers saw another value once an operation had ended, without derived cells.
pub(super) async fn touched(log: &Log<'_>, operation: &Operation) -> Result<Vec<CellId>> {
    let Some(closed) = &operation.closed else { return Ok(Vec::new()) };
    if !operation.is_completed() {
        let treated = read_treated(log.versions, &closed.close).await?;
        return Ok(treated.into_iter().map(|treated| treated.cell).collect());
    }
    let steps = read_steps(log.versions, &operation.steps).await?;
    Ok(steps.into_iter().filter(|step| !step.derived).map(|step| step.cell).collect())
}

async fn derivatives_of(log: &Log<'_>, operation: &Operation) -> Result<Vec<Derivative>> {
    match operation.derivatives.filter(|segment| segment.count > 0) {
        Some(segment) => Ok(log.versions.read_segment(&segment).await?),
        None => Ok(Vec::new()),
    }
}

fn kind_of(log: &Log<'_>, cell: &CellId, facts: Option<&DocumentFacts>) -> EntityKind {
    match (log.is_document(cell), facts) {
        (true, Some(facts)) => facts.kind.into(),
        (true, None) => EntityKind::StacItem,
        (false, _) => EntityKind::ReadModel,
    }
}
