//! What documents of the target are found by, as it was kept beside the log's snapshots: an index from each [`Term`] to the
//! paths of its holders, and what a census of the whole counted then (ADR 0033).
//!
//! ```text
//! (no bytes)                the counts, in postcard
//! length key of term path   a holder; without a value
//! ```
//! `length` is that of the term's key, in 4 bytes with the most significant first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kfm_lineage::document::{DocumentFacts, READERS};
use kfm_lineage::integrity::{CensusCounts, Term};
use kfm_lineage::{Digest, Lsn};
use kfm_wal::snapshot::Snapshots;
use kfm_wal::table::{Table, taken_over};
use kfm_wal::{Head, WalError, WalStore};

use crate::error::Result;
use crate::platform::snapshots::{TERMS, unread};

/// The key of the counts; it is before those of all terms.
const COUNTS: &[u8] = b"";

/// An index of terms that is open.
#[derive(Debug)]
pub(crate) struct KeptTerms {
    table: Table,
    /// The position of the snapshot.
    pub at: Lsn,
    /// What a census of the target counted there.
    pub counts: CensusCounts,
}

impl KeptTerms {
    /// Opens the index of the snapshot at `at`, if there is one that can be used. A newer one, which this very session may
    /// have kept, says more than the history that was folded from `at` on.
    pub(crate) async fn open(
        snapshots: &Snapshots,
        log: &Arc<dyn WalStore>,
        at: Lsn,
    ) -> Result<Option<Self>> {
        let found = match snapshots.newest_table(TERMS, READERS, &**log, at.next()).await {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(%error, "it is not known which index the log names");
                return Ok(None);
            }
        };
        for unused in &found.passed_over {
            tracing::debug!(%unused, "an index of terms is not used");
        }
        let Some((lsn, table)) = found.state.filter(|(lsn, _)| *lsn == at) else { return Ok(None) };
        let counts = table
            .get(COUNTS)
            .and_then(|counts| Ok(postcard::from_bytes(&counts.ok_or("an index without its counts")?)?));
        let counts = counts.map_err(|error| unread(&table, error))?;
        Ok(Some(Self { table, at: lsn, counts }))
    }

    /// Lists the paths of the documents that had a term.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File): it cannot be read, or is damaged and was removed.
    pub(crate) fn holders(&self, term: &Term) -> Result<BTreeSet<String>> {
        let prefix = prefix(term);
        let mut holders = BTreeSet::new();
        for entry in self.table.entries_from(&prefix) {
            let (key, _) = entry.map_err(|error| unread(&self.table, error))?;
            let Some(path) = key.strip_prefix(prefix.as_slice()) else { break };
            let path = str::from_utf8(path).map_err(|error| unread(&self.table, error.into()))?;
            holders.insert(path.to_owned());
        }
        Ok(holders)
    }
}

/// What an index is made of: an earlier one, if there is one, and the documents that it does not know as they are.
#[derive(Debug)]
pub(crate) struct NewTerms {
    before: Option<Arc<KeptTerms>>,
    counts: CensusCounts,
    /// `None` takes the entry away.
    changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl NewTerms {
    /// Takes over the entries of an earlier index; `counts` are what a census of the target counts now.
    pub(crate) fn after(before: Option<Arc<KeptTerms>>, counts: CensusCounts) -> Self {
        Self { before, counts, changes: BTreeMap::new() }
    }

    /// Adds the entries of a document, and takes away those that it had in the earlier index.
    pub(crate) fn change(&mut self, path: &str, was: Option<&DocumentFacts>, is: Option<&DocumentFacts>) {
        let keys = |document: Option<&DocumentFacts>| {
            let terms = document.into_iter().flat_map(|document| Term::of(path, document));
            terms.map(|term| [prefix(&term).as_slice(), path.as_bytes()].concat()).collect::<BTreeSet<_>>()
        };
        self.changes.extend(keys(was).into_iter().map(|key| (key, None)));
        self.changes.extend(keys(is).into_iter().map(|key| (key, Some(Vec::new()))));
    }

    /// Keeps the index in a snapshot of `of`; returns the digest under which the log is to name it.
    ///
    /// # Errors
    /// As [`Snapshots::keep_table`]. An earlier index that is damaged is removed, and the next snapshot reads the whole.
    pub(crate) fn keep(mut self, of: Head, snapshots: &Snapshots) -> Result<Digest, WalError> {
        let counts = postcard::to_stdvec(&self.counts)
            .map_err(|error| WalError::Malformed { lsn: of.lsn, source: error.into() })?;
        self.changes.insert(COUNTS.to_vec(), Some(counts));
        let before = self.before.as_ref().map(|before| &before.table);
        snapshots.keep_table(TERMS, READERS, of, taken_over(before, self.changes))
    }
}

fn prefix(term: &Term) -> Vec<u8> {
    let key = term.key();
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
    [length.to_be_bytes().as_slice(), key.as_bytes()].concat()
}
