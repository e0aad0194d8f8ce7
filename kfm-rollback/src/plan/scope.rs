//! What an operation concerns, resolved through lineage, and the later work that was derived from it (R31).

use std::collections::BTreeSet;

use kfm_lineage::graph::{LineageGraph, LineageVersion, Scope, VersionRef};
use kfm_lineage::{Lsn, MemoryLineage, OperationId};

use crate::error::Result;
use crate::history::History;
use crate::lineage_feed::{lineage_since, unfed};
use crate::session::Session;

/// Resolves what a publish or hotfix made, and what was made from that and still stands.
///
/// # Errors
/// [`Error::Incomplete`](crate::Error::Incomplete): lineage does not know it, or cannot be fed.
pub(crate) async fn scope_of_operation(session: &Session, target: &OperationId) -> Result<Scope> {
    let first = session.history.operation(target).map_or(Lsn::ZERO, |operation| operation.opened);
    let lineage = lineage_since(session, first).await?;
    let made = lineage.made_by(target).await.map_err(unfed)?;
    let made: Vec<VersionRef> = made.iter().map(LineageVersion::name).collect();
    scope_of(&session.history, &lineage, &made).await
}

/// Resolves what is made from the versions that stand in these cells: the scope of a repair.
///
/// # Errors
/// As [`scope_of_operation`].
pub(crate) async fn scope_of_cells<'a>(
    session: &Session,
    cells: impl IntoIterator<Item = &'a kfm_lineage::CellId>,
) -> Result<Scope> {
    let owners = cells.into_iter().filter_map(|cell| session.history.owner(cell, None));
    let (mut first, mut standing) = (Lsn(u64::MAX), Vec::new());
    for owner in owners {
        first = first.min(owner.lsn);
        standing.push(VersionRef { entity: owner.step.entity.clone(), operation: owner.operation.clone() });
    }
    let lineage = lineage_since(session, first).await?;
    scope_of(&session.history, &lineage, &standing).await
}

/// A version that was superseded or undone depends on nothing any more: it is left out, but not what was made
/// from it. So every dependent can be rolled back first, which what owns nothing could not.
async fn scope_of(history: &History, lineage: &MemoryLineage, of: &[VersionRef]) -> Result<Scope> {
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

async fn is_newest(history: &History, lineage: &MemoryLineage, version: &LineageVersion) -> Result<bool> {
    let versions = lineage.history(&version.entity).await.map_err(unfed)?;
    let newest = versions.iter().rev().find(|version| history.stands(&version.operation));
    Ok(newest.is_some_and(|newest| newest.operation == version.operation))
}
