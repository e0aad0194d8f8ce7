//! Versions of documents that the log names and the version store does not have any more.

use std::collections::BTreeMap;

use kfm_lineage::{CellId, Digest, Domain};

use super::Session;
use crate::error::Result;
use crate::history::Naming;

/// Lists the versions of documents that are gone or damaged, each with a cell that had it.
///
/// # Errors
/// [`Error::Versions`](crate::Error::Versions): the version store does not answer.
pub(crate) async fn lost_versions(session: &Session) -> Result<Vec<(Digest, CellId)>> {
    let mut named: BTreeMap<Digest, CellId> = BTreeMap::new();
    for next in session.history.cells() {
        let (cell, history) = next?;
        if cell.domain == Domain::Stac {
            named.extend(history.writes.iter().filter_map(|write| Some((write.step.after?, cell.clone()))));
        }
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
        for (digest, _) in lost {
            if self.is_outlived(&digest)? {
                self.facts.stand_in_for(&digest);
            }
        }
        Ok(())
    }

    /// Says whether a version neither stands nor is the last one of a document, so that no protection is read in it.
    ///
    /// # Errors
    /// As [`History::cell`](crate::history::History::cell).
    pub(crate) fn is_outlived(&self, version: &Digest) -> Result<bool> {
        for cell in self.history.named(Naming::Content, &version.to_string())? {
            let history = self.history.cell(&cell)?;
            if history.is_some_and(|history| history.last_seen() == Some(*version)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
