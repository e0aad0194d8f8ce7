//! What an operation concerns, resolved through lineage, and the later work that was derived from it (R31).

use kfm_lineage::graph::{Scope, VersionRef};
use kfm_lineage::{Lsn, OperationId};

use crate::error::Result;
use crate::lineage_feed::{lineage_since, scope_for, scope_of};
use crate::session::Session;

/// Resolves what a publish or hotfix made, and what was made from that and still stands.
///
/// # Errors
/// [`Error::Incomplete`](crate::Error::Incomplete): lineage does not know the operation, or cannot be fed from the
/// log.
pub(crate) async fn scope_of_operation(session: &Session, target: &OperationId) -> Result<Scope> {
    let first = session.history.operation(target).map_or(Lsn::ZERO, |operation| operation.opened);
    scope_for(&session.history, &lineage_since(session, first).await?, target).await
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
