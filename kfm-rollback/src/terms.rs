//! What documents of the target are found by, as it was kept beside the log's snapshots: an index from each [`Term`] to the
//! paths of its holders, and what a census of the whole counted then (ADR 0033).
//!
//! ```text
//! (no bytes)                the counts, in postcard
//! length key of term path   a holder; without a value
//! ```
//! `length` is that of the term's key, in 4 bytes with the most significant first.

use std::collections::BTreeSet;
use std::sync::Arc;

use kfm_lineage::document::READERS;
use kfm_lineage::integrity::{CatalogView, CensusCounts, Term};
use kfm_lineage::{Digest, Lsn};
use kfm_wal::error::Source;
use kfm_wal::snapshot::Snapshots;
use kfm_wal::table::{Entry, Table};
use kfm_wal::{Head, WalError, WalStore};

use crate::error::Result;
use crate::platform::snapshots::{TERMS, unread};

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
            .get(&[])
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

/// Keeps the index of a catalog in a snapshot of `of`; returns the digest under which the log is to name it.
///
/// # Errors
/// As [`Snapshots::keep_table`].
pub(crate) fn keep(
    view: &CatalogView,
    counts: &CensusCounts,
    of: Head,
    snapshots: &Snapshots,
) -> Result<Digest, WalError> {
    let mut entries: BTreeSet<Vec<u8>> = BTreeSet::new();
    for (path, document) in view.iter() {
        let terms = Term::of(path, document).into_iter();
        entries.extend(terms.map(|term| [prefix(&term).as_slice(), path.as_bytes()].concat()));
    }
    let counts = postcard::to_stdvec(counts).map(|counts| (Vec::new(), counts)).map_err(Source::from);
    let entries = entries.into_iter().map(|key| Ok::<Entry, Source>((key, Vec::new())));
    snapshots.keep_table(TERMS, READERS, of, std::iter::once(counts).chain(entries))
}

fn prefix(term: &Term) -> Vec<u8> {
    let key = term.key();
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
    [length.to_be_bytes().as_slice(), key.as_bytes()].concat()
}
