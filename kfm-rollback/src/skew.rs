//! Derived cells that do not show the documents: a store that was restored alone, or changed by another hand.

use std::collections::{BTreeMap, BTreeSet};

use kfm_lineage::integrity::CatalogView;
use kfm_lineage::{CellId, Step, Value};
use kfm_policy::{Remedy, Severity, advice};

use crate::derive::{derived_steps, known_derived_cells, projected_now};
use crate::error::Result;
use crate::history::read_steps;
use crate::report::FindingLine;
use crate::session::Session;

/// The rule of a finding about a derived cell that does not show the documents.
pub(crate) const SKEW: &str = "ORP-3";

/// Lists the derived cells that do not show these documents (ORP-3). A cell of an operation that has not ended may hold
/// its old or its new value.
///
/// # Errors
/// [`Error::Store`](crate::Error::Store): a store cannot be read. [`Error::Denied`](crate::Error::Denied): policy's files
/// are missing or not valid, so it is not known what must not be seen.
pub(crate) async fn store_skew(session: &Session, view: &CatalogView) -> Result<BTreeSet<String>> {
    session.require_policy("catalog check")?;
    let cells = known_derived_cells(session)?;
    let projected = projected_now(session, view, &cells).await?;
    let steps = derived_steps(session, &projected).await?;
    let in_flight = cells_in_flight(session).await?;
    let may_hold =
        |step: &Step| in_flight.get(&step.cell).is_some_and(|values| values.contains(&step.before));
    Ok(steps.into_iter().filter(|step| !may_hold(step)).map(|step| step.cell.to_string()).collect())
}

/// Returns the old and the new value of each cell that an operation keeps which has not ended.
pub(crate) async fn cells_in_flight(session: &Session) -> Result<BTreeMap<CellId, [Value; 2]>> {
    let mut in_flight = BTreeMap::new();
    for operation in session.history.open_operations() {
        for step in read_steps(&session.versions(), &operation.steps).await? {
            in_flight.insert(step.cell, [step.before, step.after]);
        }
    }
    Ok(in_flight)
}

/// The finding about such a cell.
pub(crate) fn skewed(cell: &str) -> FindingLine {
    let remedy = advice!["project it again by ", Remedy::Project];
    FindingLine::new(SKEW, Severity::Warn, cell, "it does not show what the documents say", remedy)
}
