//! What the graph in memory should know and does not know (R32).

use std::collections::BTreeSet;

use super::{Graph, Stored};
use crate::graph::{Content, EntityKind, LineageClass, LineageFinding};
use crate::id::EntityId;

impl Graph {
    /// Lists the findings in the order of class, entity and operation.
    pub(super) fn findings(&self, present: &BTreeSet<EntityId>) -> Vec<LineageFinding> {
        let mut findings = Vec::new();
        for (number, stored) in (0u32..).zip(&self.versions) {
            let mut note = |class| {
                findings.push(LineageFinding {
                    class,
                    entity: self.entities.name(stored.key.0).clone(),
                    operation: Some(self.operations.name(stored.key.1).clone()),
                });
            };
            if stored.content == Content::Unrecorded {
                note(LineageClass::MissingDigest);
            }
            if !self.continues_its_chain(number, stored) {
                note(LineageClass::BrokenChain);
            }
            if self.with_unknown_source.contains(&number) {
                note(LineageClass::UnknownSource);
            }
            let is_output =
                matches!(stored.kind, EntityKind::Derivative(_)) && stored.content != Content::Retired;
            if is_output && self.sources.of(number).next().is_none() {
                note(LineageClass::OutputWithoutOrigin);
            }
        }
        let of_entity =
            |class, entity: &EntityId| LineageFinding { class, entity: entity.clone(), operation: None };
        for (number, versions) in (0u32..).zip(&self.of_entity) {
            // One used version is enough: an asset is an orphan only if nothing was made from any of its versions.
            let is_unused_source = |&version: &u32| {
                self.versions[version as usize].kind == EntityKind::SourceAsset
                    && self.dependants.of(version).next().is_none()
            };
            if !versions.is_empty() && versions.iter().all(is_unused_source) {
                findings.push(of_entity(LineageClass::Orphan, self.entities.name(number)));
            }
        }
        let is_known = |entity: &EntityId| {
            let number = self.entities.number(entity);
            number.and_then(|number| self.of_entity.get(number as usize)).is_some_and(|all| !all.is_empty())
        };
        let without = present.iter().filter(|entity| !is_known(entity));
        findings.extend(without.map(|entity| of_entity(LineageClass::ItemWithoutLineage, entity)));
        findings.sort();
        findings
    }

    /// Says whether a version's predecessor is older and is what readers saw before.
    ///
    /// A version whose operation moved nothing (adopting, a reconcile) begins a new chain.
    fn continues_its_chain(&self, number: u32, stored: &Stored) -> bool {
        let Some(operation) = stored.predecessor else {
            return stored.before.is_none() || stored.content == Content::from(stored.before);
        };
        let predecessor = self.numbers.get(&(stored.key.0, operation));
        predecessor.is_some_and(|&predecessor| {
            predecessor < number
                && self.versions[predecessor as usize].content == Content::from(stored.before)
        })
    }
}
