//! Snapshots of the log are kept by a session that writes, before it does anything else (ADR 0012).

use std::collections::BTreeMap;

use kfm_lineage::Lsn;
use kfm_wal::log::INDEX;
use kfm_wal::record::{Record, SnapshotRecord};
use kfm_wal::snapshot::Snapshots;

use super::Session;
use crate::error::Result;
use crate::history::HISTORY;

impl Session {
    /// Makes a snapshot if the log has grown enough since the one at `newest`. If that fails, a warning is logged,
    /// and the next session tries again.
    pub(crate) async fn keep_snapshot_if_due(&mut self, newest: Lsn) {
        if Snapshots::is_due(self.wal.head().lsn, newest)
            && let Err(error) = self.keep_snapshot().await
        {
            tracing::warn!(error = %crate::error::text_of(&error), "no snapshot of the log could be kept");
        }
    }

    async fn keep_snapshot(&mut self) -> Result<()> {
        let snapshots = self.platform.snapshots();
        let (of, index) = self.wal.keep_index(&snapshots)?;
        let history = self.history.keep(of, &snapshots)?;
        let states = BTreeMap::from([(INDEX.to_owned(), index), (HISTORY.to_owned(), history)]);
        self.log(Record::Snapshot(SnapshotRecord { of, states })).await?;
        snapshots.forget(INDEX, of.lsn, &index)?;
        Ok(snapshots.forget(HISTORY, of.lsn, &history)?)
    }
}
