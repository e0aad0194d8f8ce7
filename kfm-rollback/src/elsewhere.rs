//! Documents with the id or the bytes of one that is protected by its path.
//!
//! An entry about a path protects what stands at that path (`docs/states.md` section 1: the entity of a document is
//! its store and path). The same document at another path is another entity, which no entry may cover: that is not
//! denied, and it is said, with both paths.

use kfm_lineage::integrity::CatalogView;
use kfm_policy::{Severity, Treatment, measured};

use crate::error::Result;
use crate::history::Naming;
use crate::protections::Protections;
use crate::report::FindingLine;
use crate::session::Session;

/// The rule of a finding about a document that is protected at another path only.
pub(crate) const PROTECTED_ELSEWHERE: &str = "protected_elsewhere";

/// Returns the strictest that entries ask of another path at which a document once had a name, and that path; `None` if
/// they ask for nothing.
fn asked_elsewhere(
    session: &Session,
    path: &str,
    naming: Naming,
    name: &str,
) -> Result<Option<(Treatment, String)>> {
    let named = session.history.named(naming, name)?.into_iter();
    let others = named.filter(|cell| session.is_document(cell) && cell.key != path);
    let asked = others.map(|cell| (session.registry.asked_of_path(&cell.key), cell.key));
    Ok(asked.filter(|(asked, _)| *asked > Treatment::Public).max())
}

/// Lists those of the paths whose document has the id or the bytes of one that is protected by its path, and is not
/// protected like that itself.
///
/// # Errors
/// [`Error::Versions`](crate::Error::Versions): a version whose label still protects is missing.
pub(crate) async fn protected_elsewhere<'p>(
    session: &Session,
    view: &CatalogView,
    paths: impl IntoIterator<Item = &'p str>,
) -> Result<Vec<FindingLine>> {
    if !session.registry.entries().iter().any(|entry| entry.raises()) {
        return Ok(Vec::new());
    }
    let protections = Protections::new(session, view, view);
    let mut findings = Vec::new();
    for path in paths {
        let Some(document) = view.get(path) else { continue };
        let by_bytes = asked_elsewhere(session, path, Naming::Content, &document.digest.to_string())?;
        let mut by_id = None;
        for id in document.ids() {
            let found = asked_elsewhere(session, path, Naming::Id, id)?.map(|asked| (asked, id));
            by_id = by_id.max(found);
        }
        let (asked, shared) = match (by_bytes, by_id) {
            (Some((asked, other)), by_id) if by_id.as_ref().is_none_or(|((by_id, _), _)| *by_id <= asked) => {
                (asked, format!("has the bytes of {other}"))
            }
            (_, Some(((asked, other), id))) => (asked, format!("carries the id {id:?} of {other}")),
            (_, None) => continue,
        };
        if protections.of(path).await?.asked().max(measured(document)) < asked {
            findings.push(finding(path, &shared, asked));
        }
    }
    Ok(findings)
}

fn finding(path: &str, shared: &str, asked: Treatment) -> FindingLine {
    let message =
        format!("it {shared}, for which an entry about that path asks {asked}; no entry covers it here");
    let remedy = "if it is the same thing, protect it by its id or its digest, by an entry of its own";
    FindingLine::new(PROTECTED_ELSEWHERE, Severity::Warn, path, message, remedy)
}
