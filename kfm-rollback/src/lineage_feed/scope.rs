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
        if named.contains(&version.name()) || is_newest(history, lineage, &version).await? {
            standing.push(version);
        }
    }
    Ok(Scope::of(standing, &own))
}

async fn is_newest(history: &History, lineage: &dyn LineageReader, version: &LineageVersion) -> Result<bool> {
    let versions = lineage.history(&version.entity).await.map_err(unfed)?;
    let newest = versions.iter().rev().find(|version| history.stands(&version.operation));
    Ok(newest.is_some_and(|newest| newest.operation == version.operation))
}
