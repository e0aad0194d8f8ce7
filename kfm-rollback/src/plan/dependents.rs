//! Later operations that were derived from what is to be undone.

use std::collections::BTreeSet;

use kfm_lineage::integrity::{CatalogView, Lead};
use kfm_lineage::{Domain, Lsn, OperationId};

use crate::error::Result;
use crate::history::{Kind, Operation};
use crate::session::Session;

/// Lists the standing later operations that were derived from `target`, in the log's order.
///
/// Two ways: a hotfix that patched a version which the target wrote; and a document whose `derived_from`
/// link leads to a document that the target had written when the later operation read it. Membership in a
/// collection, version history and derived cells are none (`states.md` section 2).
pub(crate) async fn dependents(
    session: &Session,
    target: &Operation,
    now: &CatalogView,
) -> Result<Vec<OperationId>> {
    let history = &session.history;
    let wrote = |path: &str, before: Lsn| {
        let cell = history.cell(&session.document(path))?;
        let newest = cell.writes.iter().rev().find(|write| {
            write.lsn < before && (history.stands(&write.operation) || write.operation == target.id)
        })?;
        (newest.operation == target.id).then_some(())
    };
    let mut found = BTreeSet::new();
    for (cell, cell_history) in history.cells().filter(|(cell, _)| cell.domain == Domain::Stac) {
        for write in &cell_history.writes {
            if write.lsn <= target.opened || !history.stands(&write.operation) {
                continue;
            }
            let later = history.operation(&write.operation);
            if later.is_some_and(|later| later.kind == Kind::Hotfix) && wrote(&cell.key, write.lsn).is_some()
            {
                found.insert((write.lsn, write.operation.clone()));
            }
            let is_owner = history.owner(cell, None).is_some_and(|owner| owner.lsn == write.lsn);
            let Some(facts) = (if is_owner { session.facts.of_value(write.step.after).await? } else { None })
            else {
                continue;
            };
            for link in facts.links.iter().filter(|link| link.rel == "derived_from") {
                if let Lead::Document(source) = now.lead(&cell.key, &link.href)
                    && wrote(source, write.lsn).is_some()
                {
                    found.insert((write.lsn, write.operation.clone()));
                }
            }
        }
    }
    Ok(found.into_iter().map(|(_, operation)| operation).collect())
}
