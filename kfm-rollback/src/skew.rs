//! Derived cells that do not show the documents: a store that was restored alone, or changed by another hand.

use std::collections::{BTreeMap, BTreeSet};

use kfm_lineage::Domain;
use kfm_lineage::integrity::CatalogView;

use crate::derive::{Projection, hidden, known_derived_cells};
use crate::error::Result;
use crate::protections::Protections;
use crate::report::FindingLine;
use crate::session::Session;

/// The rule of a finding about a derived cell that does not show the documents.
pub(crate) const SKEW: &str = "ORP-3";

/// Lists the derived cells that do not show these documents (ORP-3).
///
/// # Errors
/// [`Error::Store`](crate::Error::Store): a store cannot be read. [`Error::Denied`](crate::Error::Denied): policy's files
/// are missing or not valid, so it is not known what must not be seen.
pub(crate) async fn store_skew(session: &Session, view: &CatalogView) -> Result<BTreeSet<String>> {
    session.require_policy("catalog check")?;
    let cells = known_derived_cells(session);
    let protections = Protections::new(session, view, view);
    let mut labels = BTreeMap::new();
    for node in cells.iter().filter(|cell| cell.cell.domain == Domain::Graph) {
        if let Ok(label) = protections.of(&node.cell.key).await?.label {
            labels.insert(node.cell.key.as_str(), label.as_str());
        }
    }
    let hidden = hidden(session, view, view, &cells).await?;
    let projection = Projection::new(view, hidden, |path| labels.get(path).copied());
    let mut skew = BTreeSet::new();
    for store in session.derived_stores() {
        let cells: Vec<_> = cells.iter().filter(|derived| derived.cell.store == store.name()).collect();
        let keys: Vec<String> = cells.iter().map(|derived| derived.cell.key.clone()).collect();
        for (derived, observed) in cells.into_iter().zip(store.observe(&keys).await?) {
            let expected = projection.content(derived)?.map(|(digest, _)| digest);
            if observed != expected {
                skew.insert(derived.cell.to_string());
            }
        }
    }
    Ok(skew)
}

/// The finding about such a cell.
pub(crate) fn skewed(cell: &str) -> FindingLine {
    FindingLine {
        rule: SKEW.into(),
        code: None,
        severity: "warn".into(),
        subject: cell.into(),
        message: "it does not show what the documents say".into(),
        remedy: "project it again by 'kfm project'".into(),
        denies: false,
    }
}
