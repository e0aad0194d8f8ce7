//! Lineage in memory, fed from the log.

mod findings;

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use async_trait::async_trait;

use crate::cell::Value;
use crate::graph::{
    Content, EntityKind, EntityVersion, LineageError, LineageFinding, LineageGraph, LineageReader,
    LineageVersion, Source, VersionRef,
};
use crate::id::{EntityId, OperationId};
use crate::sweep::{Adjacency, Towards, closure};

/// The highest number: versions, entities and operations are numbered in `u32`.
const NUMBERS_MAX: u64 = u32::MAX as u64;

/// A lineage graph in memory. It is gone when its process ends, and is fed again from the log.
///
/// An answer takes time linear in the versions and edges after the first one in the question (see `sweep`).
/// Appending takes constant time for each version and source, on average.
#[derive(Debug, Default)]
pub struct MemoryLineage {
    graph: RwLock<Graph>,
}

#[derive(Debug, Default)]
struct Graph {
    entities: Names<EntityId>,
    operations: Names<OperationId>,
    versions: Vec<Stored>,
    numbers: HashMap<Key, u32>,
    /// The versions of each entity, the oldest first.
    of_entity: Vec<Vec<u32>>,
    /// The versions of each operation, in the order of appending.
    of_operation: Vec<Vec<u32>>,
    sources: Adjacency,
    dependants: Adjacency,
    /// The versions that have a source which is not known.
    with_unknown_source: BTreeSet<u32>,
}

/// An entity's and an operation's number.
type Key = (u32, u32);

/// A version, with numbers in place of names.
#[derive(Debug, PartialEq, Eq)]
struct Stored {
    key: Key,
    kind: EntityKind,
    content: Content,
    before: Value,
    predecessor: Option<u32>,
    /// The sources as they were given; whether they are known was decided when they were appended.
    sources: Box<[(u32, Option<u32>)]>,
}

impl MemoryLineage {
    /// Makes an empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    fn read(&self) -> RwLockReadGuard<'_, Graph> {
        self.graph.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl LineageReader for MemoryLineage {
    async fn made_by(&self, operation: &OperationId) -> Result<Vec<LineageVersion>, LineageError> {
        let graph = self.read();
        let number = graph.operations.number(operation);
        let made = number.and_then(|number| graph.of_operation.get(number as usize));
        graph.known(made, operation)
    }

    async fn dependants(&self, of: &[VersionRef]) -> Result<Vec<LineageVersion>, LineageError> {
        let graph = self.read();
        let roots = graph.roots(of)?;
        Ok(graph.answer(&closure(&graph.dependants, graph.versions.len(), &roots, Towards::Higher)))
    }

    async fn ancestors(&self, of: &[VersionRef]) -> Result<Vec<LineageVersion>, LineageError> {
        let graph = self.read();
        let roots = graph.roots(of)?;
        Ok(graph.answer(&closure(&graph.sources, graph.versions.len(), &roots, Towards::Lower)))
    }

    async fn history(&self, entity: &EntityId) -> Result<Vec<LineageVersion>, LineageError> {
        let graph = self.read();
        let number = graph.entities.number(entity);
        graph.known(number.and_then(|number| graph.of_entity.get(number as usize)), entity)
    }

    async fn check(&self, present: &BTreeSet<EntityId>) -> Result<Vec<LineageFinding>, LineageError> {
        Ok(self.read().findings(present))
    }
}

#[async_trait]
impl LineageGraph for MemoryLineage {
    async fn append(&self, versions: &[EntityVersion]) -> Result<(), LineageError> {
        self.graph.write().unwrap_or_else(PoisonError::into_inner).append(versions)
    }
}

impl Graph {
    fn append(&mut self, versions: &[EntityVersion]) -> Result<(), LineageError> {
        let new = self.new_ones(versions)?;
        let names: usize = new.iter().map(|version| 2 + version.sources.len()).sum();
        let names_max = names + self.entities.names.len().max(self.operations.names.len());
        if names_max.max(self.versions.len() + new.len()) as u64 > NUMBERS_MAX {
            return Err(LineageError::Full { versions_max: NUMBERS_MAX });
        }
        let first = self.versions.len();
        for version in new {
            self.insert(version);
        }
        // A source may be in the same call, after the version that is made from it.
        for number in first..self.versions.len() {
            self.connect(u32::try_from(number).expect("append lets no more than NUMBERS_MAX in"));
        }
        Ok(())
    }

    /// Returns the versions that are not in the graph yet, each once.
    fn new_ones<'a>(&self, versions: &'a [EntityVersion]) -> Result<Vec<&'a EntityVersion>, LineageError> {
        let mut new: HashMap<(&EntityId, &OperationId), &EntityVersion> = HashMap::new();
        let mut in_order = Vec::new();
        for version in versions {
            let is_same = match new.get(&(&version.entity, &version.operation)) {
                Some(earlier) => Some(*earlier == version),
                None => self.holds(version),
            };
            match is_same {
                Some(true) => {}
                None => {
                    new.insert((&version.entity, &version.operation), version);
                    in_order.push(version);
                }
                Some(false) => {
                    let version =
                        VersionRef { entity: version.entity.clone(), operation: version.operation.clone() };
                    return Err(LineageError::Conflict { version });
                }
            }
        }
        Ok(in_order)
    }

    /// Says whether the graph has the version with the same content; `None` if it does not have it at all.
    fn holds(&self, version: &EntityVersion) -> Option<bool> {
        let entity = self.entities.number(&version.entity)?;
        let operation = self.operations.number(&version.operation)?;
        let stored = &self.versions[*self.numbers.get(&(entity, operation))? as usize];
        let names_source = |(given, stored): (&Source, &(u32, Option<u32>))| {
            self.entities.name(stored.0) == &given.entity
                && stored.1.map(|number| self.operations.name(number)) == given.operation.as_ref()
        };
        Some(
            stored.kind == version.kind
                && stored.content == version.content
                && stored.before == version.before
                && stored.predecessor.map(|number| self.operations.name(number))
                    == version.predecessor.as_ref()
                && stored.sources.len() == version.sources.len()
                && version.sources.iter().zip(&stored.sources).all(names_source),
        )
    }

    fn insert(&mut self, version: &EntityVersion) {
        let key = (self.entities.intern(&version.entity), self.operations.intern(&version.operation));
        let stored = Stored {
            key,
            kind: version.kind,
            content: version.content,
            before: version.before,
            predecessor: version.predecessor.as_ref().map(|operation| self.operations.intern(operation)),
            sources: version
                .sources
                .iter()
                .map(|source| {
                    let operation = source.operation.as_ref();
                    let operation = operation.map(|operation| self.operations.intern(operation));
                    (self.entities.intern(&source.entity), operation)
                })
                .collect(),
        };
        let number = u32::try_from(self.versions.len()).expect("append lets no more than NUMBERS_MAX in");
        self.versions.push(stored);
        self.numbers.insert(key, number);
        push_at(&mut self.of_entity, key.0, number);
        push_at(&mut self.of_operation, key.1, number);
    }

    /// Adds the edges from a version to its sources, and back.
    fn connect(&mut self, version: u32) {
        let mut ends = BTreeSet::new();
        for &(entity, operation) in &self.versions[version as usize].sources {
            let exact = operation.and_then(|operation| self.numbers.get(&(entity, operation)).copied());
            let source = exact.or_else(|| self.likely_source(version, entity));
            if source.is_none() || (exact.is_none() && operation.is_some()) {
                self.with_unknown_source.insert(version);
            }
            ends.extend(source.filter(|&source| source != version));
        }
        for source in ends {
            self.sources.add(version, source);
            self.dependants.add(source, version);
        }
    }

    /// Returns the version that a version was probably made from, if only the source's entity is known: that
    /// of the same operation, otherwise the newest older one.
    fn likely_source(&self, version: u32, entity: u32) -> Option<u32> {
        let operation = self.versions[version as usize].key.1;
        let of_same = self.numbers.get(&(entity, operation)).copied().filter(|&source| source != version);
        let older = || {
            let versions = self.of_entity.get(entity as usize)?;
            versions[..versions.partition_point(|&other| other < version)].last().copied()
        };
        of_same.or_else(older)
    }

    fn roots(&self, of: &[VersionRef]) -> Result<Vec<u32>, LineageError> {
        let number = |version: &VersionRef| {
            let entity = self.entities.number(&version.entity)?;
            let operation = self.operations.number(&version.operation)?;
            self.numbers.get(&(entity, operation)).copied()
        };
        let known =
            |version| number(version).ok_or_else(|| LineageError::Unknown { id: version.to_string() });
        of.iter().map(known).collect()
    }

    fn known(
        &self,
        versions: Option<&Vec<u32>>,
        id: &impl ToString,
    ) -> Result<Vec<LineageVersion>, LineageError> {
        let versions = versions.filter(|versions| !versions.is_empty());
        versions
            .map(|versions| self.answer(versions))
            .ok_or_else(|| LineageError::Unknown { id: id.to_string() })
    }

    fn answer(&self, versions: &[u32]) -> Vec<LineageVersion> {
        let named = |&number: &u32| {
            let stored = &self.versions[number as usize];
            LineageVersion {
                entity: self.entities.name(stored.key.0).clone(),
                kind: stored.kind,
                operation: self.operations.name(stored.key.1).clone(),
                content: stored.content,
                predecessor: stored.predecessor.map(|number| self.operations.name(number).clone()),
            }
        };
        versions.iter().map(named).collect()
    }
}

fn push_at(lists: &mut Vec<Vec<u32>>, at: u32, number: u32) {
    let at = at as usize;
    if lists.len() <= at {
        lists.resize_with(at + 1, Vec::new);
    }
    lists[at].push(number);
}

/// Names and their numbers, in the order in which they were met.
#[derive(Debug)]
struct Names<T> {
    numbers: HashMap<T, u32>,
    names: Vec<T>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { numbers: HashMap::new(), names: Vec::new() }
    }
}

impl<T: Clone + Eq + Hash> Names<T> {
    fn number(&self, name: &T) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    fn name(&self, number: u32) -> &T {
        &self.names[number as usize]
    }

    fn intern(&mut self, name: &T) -> u32 {
        if let Some(number) = self.number(name) {
            return number;
        }
        let number = u32::try_from(self.names.len()).expect("append lets no more than NUMBERS_MAX in");
        self.names.push(name.clone());
        self.numbers.insert(name.clone(), number);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::lineage_conformance!(MemoryLineage::new());
}
