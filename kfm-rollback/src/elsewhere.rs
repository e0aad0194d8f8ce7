//! Documents with the id or the bytes of one that is protected by its path.
//!
//! An entry about a path protects what stands at that path (`docs/states.md` section 1: the entity of a document is
//! its store and path). The same document at another path is another entity, which no entry may cover: that is not
//! denied, and it is said, with both paths.

use std::collections::{BTreeSet, HashMap};

use kfm_lineage::Digest;
use kfm_lineage::integrity::CatalogView;
use kfm_policy::{Severity, Treatment, measured};

use crate::error::Result;
use crate::history::CellHistory;
use crate::protections::Protections;
use crate::report::FindingLine;
use crate::session::Session;

/// The rule of a finding about a document that is protected at another path only.
pub(crate) const PROTECTED_ELSEWHERE: &str = "protected_elsewhere";

/// The paths that entries protect as paths, by the ids and by the contents that ever stood there.
#[derive(Debug, Default)]
struct ByPath<'a> {
    ids: HashMap<&'a str, BTreeSet<(Treatment, &'a str)>>,
    contents: HashMap<Digest, BTreeSet<(Treatment, &'a str)>>,
}

impl<'a> ByPath<'a> {
    fn of(session: &'a Session) -> Self {
        let mut found = Self::default();
        if !session.registry.entries().iter().any(|entry| entry.raises()) {
            return found;
        }
        for (cell, history) in session.history.cells().filter(|(cell, _)| session.is_document(cell)) {
            let asked = session.registry.asked_of_path(&cell.key);
            if asked > Treatment::Public {
                found.note(&cell.key, history, asked);
            }
        }
        found
    }

    fn note(&mut self, path: &'a str, history: &'a CellHistory, asked: Treatment) {
        for id in &history.ids {
            self.ids.entry(id).or_default().insert((asked, path));
        }
        for digest in history.writes.iter().filter_map(|write| write.step.after) {
            self.contents.entry(digest).or_default().insert((asked, path));
        }
    }

    /// Returns the strictest of other paths.
    fn other(of: Option<&BTreeSet<(Treatment, &'a str)>>, path: &str) -> Option<(Treatment, &'a str)> {
        of?.iter().rev().find(|(_, other)| *other != path).copied()
    }
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
    let by_path = ByPath::of(session);
    if by_path.contents.is_empty() && by_path.ids.is_empty() {
        return Ok(Vec::new());
    }
    let protections = Protections::new(session, view, view);
    let mut findings = Vec::new();
    for path in paths {
        let Some(document) = view.get(path) else { continue };
        let by_bytes = ByPath::other(by_path.contents.get(&document.digest), path);
        let by_id =
            document.ids().filter_map(|id| Some((ByPath::other(by_path.ids.get(id), path)?, id))).max();
        let (asked, shared) = match (by_bytes, by_id) {
            (Some((asked, other)), by_id) if by_id.is_none_or(|((by_id, _), _)| by_id <= asked) => {
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
