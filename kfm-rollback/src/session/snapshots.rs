//! Snapshots of the log are kept by a session that writes, before it does anything else (ADR 0012).

use std::collections::BTreeSet;

use kfm_lineage::{Digest, Lsn};
use kfm_wal::log::INDEX;
use kfm_wal::record::{Record, SnapshotRecord};
use kfm_wal::snapshot::Snapshots;

use super::Session;
use crate::error::Result;
use crate::history::HISTORY;
use crate::platform::snapshots::FACTS;

impl Session {
    /// Makes a snapshot if the log, or what it says of cells, has grown enough since the one at `newest`, or if facts of
    /// many documents are missing, as after an upgrade. If that fails, a warning is logged, and the next session tries
    /// again.
    pub(crate) async fn keep_snapshot_if_due(&mut self, newest: Lsn) {
        let (moves, kept) = (self.history.moves_up_to(Lsn(u64::MAX)), self.history.moves_up_to(newest));
        let has_grown = Snapshots::is_due(self.wal.head().lsn.0, newest.0) || Snapshots::is_due(moves, kept);
        let documents = self.history.documents_seen_last().count() as u64;
        let lacks_facts = Snapshots::is_due(documents, 0) && !self.facts.are_kept().await;
        if (has_grown || lacks_facts)
            && let Err(error) = self.keep_snapshot().await
        {
            tracing::warn!(error = %crate::error::text_of(&error), "no snapshot of the log could be kept");
        }
    }

    async fn keep_snapshot(&mut self) -> Result<()> {
        let snapshots = self.platform.snapshots();
        let (of, index) = self.wal.keep_index(&snapshots)?;
        let history = self.history.keep(of, &snapshots)?;
        let documents: BTreeSet<Digest> = self.history.documents_seen_last().collect();
        let facts = self.facts.keep(&documents, of, &snapshots).await?;
        let states = [(INDEX, index), (HISTORY, history), (FACTS, facts)];
        let states = states.map(|(name, digest)| (name.to_owned(), digest)).into();
        self.log(Record::Snapshot(SnapshotRecord { of, states })).await?;
        snapshots.forget(INDEX, of.lsn, &index)?;
        snapshots.forget(HISTORY, of.lsn, &history)?;
        Ok(snapshots.forget(FACTS, of.lsn, &facts)?)
    }
}
