//! Snapshots of the log are kept by a session that writes, before it does anything else (ADR 0012).

use std::collections::BTreeSet;

use kfm_lineage::Lsn;
use kfm_wal::log::INDEX;
use kfm_wal::record::{Record, SnapshotRecord};
use kfm_wal::snapshot::Snapshots;

use super::Session;
use crate::around::new_terms;
use crate::error::{Result, text_of};
use crate::facts::Before;
use crate::history::Counts;
use crate::platform::snapshots::{FACTS, TERMS};

impl Session {
    /// Makes a snapshot if the log, or what it says of cells, has grown enough since the one at `newest`, or if facts of
    /// many documents are missing, as after an upgrade. If that fails, a warning is logged, and the next session tries
    /// again.
    pub(crate) async fn keep_snapshot_if_due(&mut self, newest: Lsn) {
        let Counts { moves, documents } = self.history.counts();
        let kept = self.history.counts_kept().moves;
        let has_grown = Snapshots::is_due(self.wal.head().lsn.0, newest.0) || Snapshots::is_due(moves, kept);
        let lacks_facts = Snapshots::is_due(documents, 0) && !self.facts.are_kept().await;
        let is_asked_for = self.platform.options().keeps_every_snapshot;
        if (has_grown || lacks_facts || is_asked_for)
            && let Err(error) = self.keep_snapshot().await
        {
            tracing::warn!(error = %text_of(&error), "no snapshot of the log could be kept");
        }
    }

    async fn keep_snapshot(&mut self) -> Result<()> {
        let snapshots = self.platform.snapshots();
        let (of, index) = self.wal.keep_index(&snapshots)?;
        let mut states = self.history.keep(of, &snapshots)?;
        let (before, (come, gone)) = match self.facts.kept_at(self.history.kept_at()).await {
            Some(before) => (before, self.history.documents_seen_since_kept()?),
            None => (Before::default(), (self.history.documents_seen_last()?, BTreeSet::new())),
        };
        let facts = self.facts.keep(&before, come, &gone, (of, &snapshots)).await?;
        states.extend([(INDEX.to_owned(), index), (FACTS.to_owned(), facts)]);
        match new_terms(self).await {
            Ok(terms) => _ = states.insert(TERMS.to_owned(), terms.keep(of, &snapshots)?),
            Err(error) => tracing::debug!(error = %text_of(&error), "not every document can be read"),
        }
        self.log(Record::Snapshot(SnapshotRecord { of, states: states.clone() })).await?;
        for (name, digest) in states {
            snapshots.forget(&name, of.lsn, &digest)?;
        }
        Ok(())
    }
}
