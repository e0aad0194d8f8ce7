//! Asks a graph what an operation made, and what was made from that and still stands.

use std::collections::BTreeSet;

use kfm_lineage::OperationId;
use kfm_lineage::graph::{LineageReader, LineageVersion, Scope, VersionRef};

use super::graph::unfed;
use crate::error::Result;
use crate::history::History;

/// Resolves the scope of an operation.
pub(crate) async fn scope_for(
    history: &History,
    lineage: &dyn LineageReader,
    operation: &OperationId,
) -> Result<Scope> {
    let made = lineage.made_by(operation).await.map_err(unfed)?;
    let made: Vec<VersionRef> = made.iter().map(LineageVersion::name).collect();
    scope_of(history, lineage, &made).await
}

/// Resolves the scope of versions.
///
/// Nothing depends any more on a version that was superseded or undone: it is left out, but not what was made from
/// it. So every dependent in the scope still owns something, and can be rolled back first.
pub(crate) async fn scope_of(
    history: &History,
    lineage: &dyn LineageReader,
    of: &[VersionRef],
) -> Result<Scope> {
    let own = of.iter().map(|version| version.operation.clone()).collect();
    let named: BTreeSet<&VersionRef> = of.iter().collect();
    let mut standing = Vec::new();
    for version in lineage.dependants(of).await.map_err(unfed)? {
        let of_entity = || lineage.history(&version.entity);
        if named.contains(&version.name()) || is_newest(history, &of_entity().await.map_err(unfed)?, &version)
        {
            standing.push(version);
        }
    }
    Ok(Scope::of(standing, &own))
}

/// Says whether a version is the newest of its entity that stands; `versions` are all of the entity, oldest first.
fn is_newest(history: &History, versions: &[LineageVersion], version: &LineageVersion) -> bool {
    let newest = versions.iter().rev().find(|version| history.stands(&version.operation));
    newest.is_some_and(|newest| newest.operation == version.operation)
}

#[cfg(test)]
mod tests {
    use kfm_lineage::EntityId;
    use kfm_lineage::graph::{Content, EntityKind};

    use super::*;
    use crate::history::given::Given;

    #[test]
    fn nothing_depends_any_more_on_a_version_that_was_superseded_or_undone() {
        for (rule, log, versions, newest) in [
            ("its only version", "A publish a=1", "A", "A"),
            ("the last of two", "A publish a=1; B publish a=2", "A B", "B"),
            (
                "the one before, once the last is undone",
                "A publish a=1; B publish a=2; R rollback B a=1",
                "A B",
                "A",
            ),
            (
                "a version of an operation that went back is none",
                "A publish a=1; B publish a=2 (aborted)",
                "A B",
                "A",
            ),
            ("a version of an open operation is none yet", "A publish a=1; B publish a=2 (open)", "A B", "A"),
            ("all are undone", "A publish a=1; R rollback A a=-", "A", ""),
            ("undone and made again", "A publish a=1; R rollback A a=-; V revert A a=1", "A", "A"),
        ] {
            let given = Given::log(log);
            let names: Vec<&str> = versions.split(' ').collect();
            let versions: Vec<LineageVersion> = names.iter().map(|name| version(&given, name)).collect();
            let found: Vec<&str> = names
                .iter()
                .zip(&versions)
                .filter(|(_, version)| is_newest(&given.history, &versions, version))
                .map(|(name, _)| *name)
                .collect();
            assert_eq!(found.join(" "), newest, "{rule}");
        }
    }

    fn version(given: &Given, name: &str) -> LineageVersion {
        LineageVersion {
            entity: EntityId::parse("a").unwrap(),
            kind: EntityKind::StacItem,
            operation: given.id(name),
            content: Content::Digest(kfm_lineage::Digest::of_bytes(name.as_bytes())),
            predecessor: None,
        }
    }
}
