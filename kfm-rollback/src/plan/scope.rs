//! What an operation concerns, resolved through lineage, and the later work that was derived from it (R31).

use kfm_lineage::graph::{Scope, VersionRef};
use kfm_lineage::{CellId, Lsn, OperationId};

use crate::error::Result;
use crate::history::History;
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
    cells: impl IntoIterator<Item = &'a CellId>,
) -> Result<Scope> {
    let (first, standing) = standing_in(&session.history, cells)?;
    let lineage = lineage_since(session, first).await?;
    scope_of(&session.history, &lineage, &standing).await
}

/// Returns the versions that stand in these cells, and the position of the oldest of them.
fn standing_in<'a>(
    history: &History,
    cells: impl IntoIterator<Item = &'a CellId>,
) -> Result<(Lsn, Vec<VersionRef>)> {
    let (mut first, mut standing) = (Lsn(u64::MAX), Vec::new());
    for cell in cells {
        if let Some(owner) = history.owner(cell, None)? {
            first = first.min(owner.lsn);
            standing.push(VersionRef { entity: owner.step.entity.clone(), operation: owner.operation });
        }
    }
    Ok((first, standing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::given::{Given, cell};

    #[test]
    fn the_scope_of_a_repair_begins_at_the_versions_that_stand_in_its_cells() {
        // Records of an operation: 1 and 2, 3 and 4, and so on.
        for (rule, log, cells, first, standing) in [
            ("the version that stands", "A publish a=1", "a", 1, "a of A"),
            ("not the one that it replaced", "A publish a=1; B publish a=2", "a", 3, "a of B"),
            ("nor one that is undone", "A publish a=1; B publish a=2; R rollback B a=1", "a", 1, "a of A"),
            ("a cell that the log does not know has none", "A publish a=1", "a b", 1, "a of A"),
            (
                "the oldest says from where lineage is needed",
                "A publish a=1; B publish b=1",
                "a b",
                1,
                "a of A, b of B",
            ),
            ("no cell", "A publish a=1", "", u64::MAX, ""),
        ] {
            let given = Given::log(log);
            let cells: Vec<CellId> = cells.split_whitespace().map(cell).collect();
            let (from, found) = standing_in(&given.history, &cells).unwrap();
            let found: Vec<String> = found
                .iter()
                .map(|version| format!("{} of {}", version.entity, given.name(Some(&version.operation))))
                .collect();
            assert_eq!((from, found.join(", ").as_str()), (Lsn(first), standing), "{rule}");
        }
    }
}
