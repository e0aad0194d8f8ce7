//! Versions of documents that the log names and the version store does not have any more.

use std::collections::BTreeMap;

use kfm_lineage::{CellId, Digest, Domain};

use super::Session;
use crate::error::Result;
use crate::history::CellHistory;

/// Lists the versions of documents that are gone or damaged, each with a cell that had it.
///
/// # Errors
/// [`Error::Versions`](crate::Error::Versions): the version store does not answer.
pub(crate) async fn lost_versions(session: &Session) -> Result<Vec<(Digest, CellId)>> {
    let mut named: BTreeMap<Digest, &CellId> = BTreeMap::new();
    for (cell, history) in session.history.cells().filter(|(cell, _)| cell.domain == Domain::Stac) {
        let own = history.writes.iter().filter(|write| !write.step.derived);
        named.extend(own.filter_map(|write| Some((write.step.after?, cell))));
    }
    let digests: Vec<Digest> = named.keys().copied().collect();
    let lost = session.versions().lacking(&digests).await?;
    Ok(lost.into_iter().map(|digest| (digest, named[&digest].clone())).collect())
}

impl Session {
    /// Takes lost versions for documents that say nothing, so that links and lineage can be counted around them (R46);
    /// never one in which protection is read.
    ///
    /// # Errors
    /// As [`lost_versions`].
    pub(crate) async fn go_on_without_lost(&self) -> Result<()> {
        let lost = lost_versions(self).await?;
        for (digest, _) in lost.iter().filter(|(digest, _)| self.is_outlived(digest)) {
            self.facts.stand_in_for(digest);
        }
        Ok(())
    }

    /// Says whether a version neither stands nor is the last one of a document, so that no protection is read in it.
    pub(crate) fn is_outlived(&self, version: &Digest) -> bool {
        let is_needed =
            |history: &CellHistory| [history.value(), history.last_seen()].contains(&Some(*version));
        !self.history.cells().any(|(_, history)| is_needed(history))
    }
}
