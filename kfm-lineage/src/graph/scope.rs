//! The scope of an operation: what it made, and what was made from that (R31).

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{EntityKind, LineageError, LineageReader, LineageVersion, VersionRef};
use crate::id::{EntityId, OperationId, PublishId};

/// The entities that an operation made, or that were made from those, each once, in the order of their ids.
///
/// Source assets are not part of it: data does not move.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Scope {
    /// STAC items, and documents of no known type.
    pub stac_items: BTreeSet<EntityId>,
    /// STAC collections and catalogs.
    pub collections: BTreeSet<EntityId>,
    /// Derivatives of the documents.
    pub derivatives: BTreeSet<EntityId>,
    /// Read models of the documents.
    pub read_models: BTreeSet<EntityId>,
    /// The later operations that made something from this, in the order of the log; some may be undone by
    /// now.
    pub dependents: Vec<Dependent>,
}

/// An operation that made something from the versions of another operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Dependent {
    /// The later operation that made the dependent versions.
    pub operation: OperationId,
    /// The entities whose dependent versions it made.
    pub entities: BTreeSet<EntityId>,
}

impl Scope {
    /// Sorts versions by the kind of their entity; the versions of operations that are not in `own` are
    /// dependents.
    pub fn of(versions: Vec<LineageVersion>, own: &BTreeSet<OperationId>) -> Self {
        let mut scope = Self::default();
        let mut place: BTreeMap<OperationId, usize> = BTreeMap::new();
        for version in versions {
            if !own.contains(&version.operation) {
                let at = *place.entry(version.operation.clone()).or_insert_with(|| {
                    let operation = version.operation.clone();
                    scope.dependents.push(Dependent { operation, entities: BTreeSet::new() });
                    scope.dependents.len() - 1
                });
                scope.dependents[at].entities.insert(version.entity.clone());
            }
            let entities = match version.kind {
                EntityKind::SourceAsset => continue,
                EntityKind::StacItem => &mut scope.stac_items,
                EntityKind::StacCollection => &mut scope.collections,
                EntityKind::Derivative(_) => &mut scope.derivatives,
                EntityKind::ReadModel => &mut scope.read_models,
            };
            entities.insert(version.entity);
        }
        scope
    }
}

/// Questions that are composed of the questions of [`LineageReader`].
#[async_trait]
pub trait LineageReaderExt: LineageReader {
    /// Resolves the scope of a publish.
    ///
    /// # Errors
    /// [`LineageError::Unknown`]: lineage has no version of that publish; correct the id. A scope is never
    /// guessed from paths.
    async fn scope_for_publish(&self, publish: &PublishId) -> Result<Scope, LineageError> {
        self.scope_for(&OperationId::from(publish.clone())).await
    }

    /// Resolves the scope of any operation that made versions: a publish or a hotfix.
    ///
    /// # Errors
    /// As [`LineageReaderExt::scope_for_publish`].
    async fn scope_for(&self, operation: &OperationId) -> Result<Scope, LineageError> {
        let made: Vec<VersionRef> = self.made_by(operation).await?.iter().map(LineageVersion::name).collect();
        Ok(Scope::of(self.dependants(&made).await?, &BTreeSet::from([operation.clone()])))
    }

    /// Resolves the scope of a repair of these versions, as for an operation that had made them.
    ///
    /// # Errors
    /// [`LineageError::Unknown`]: one of the versions was never appended; correct the id.
    async fn scope_for_versions(&self, versions: &[VersionRef]) -> Result<Scope, LineageError> {
        let own = versions.iter().map(|version| version.operation.clone()).collect();
        Ok(Scope::of(self.dependants(versions).await?, &own))
    }
}

impl<T: LineageReader + ?Sized> LineageReaderExt for T {}
