//! Snapshots of a platform's log: its index and its folded history, in a folder of this host (ADR 0012).
//!
//! A session that writes makes one when the log has grown enough, before it does anything else: by then it has read
//! the log, and it holds the lock. Nothing depends on a snapshot.

use std::sync::Arc;

use kfm_lineage::Lsn;
use kfm_wal::log::INDEX;
use kfm_wal::snapshot::Snapshots;
use kfm_wal::{Wal, WalStore};

use super::Platform;
use crate::error::Result;
use crate::history::{HISTORY, History};

/// The log, opened, and its history.
#[derive(Debug)]
pub(crate) struct Folded {
    pub wal: Wal,
    pub history: History,
    /// The position up to which snapshots were used instead of the log; zero if all of the log was read.
    pub snapshot: Lsn,
}

impl Platform {
    /// Returns where this host keeps snapshots of the log; the folder may be removed at any time.
    pub(crate) fn snapshots(&self) -> Snapshots {
        Snapshots::new(self.own("snapshots"), Arc::clone(&self.options().disk))
    }

    /// Opens the log and folds its history, both from the newest snapshot that may be used.
    ///
    /// # Errors
    /// As [`History::fold`] and [`Wal::open`].
    pub(crate) async fn fold(&self, log: Arc<dyn WalStore>) -> Result<Folded> {
        let snapshots = self.snapshots();
        let (wal, opened) = Wal::open_from(log, Arc::clone(&self.options().clock), &snapshots).await?;
        let (history, of, passed_over) = History::fold_from(&wal, &self.versions(), &snapshots).await?;
        for unused in opened.passed_over.iter().chain(&passed_over) {
            tracing::debug!(%unused, "a snapshot is not used");
        }
        Ok(Folded { wal, history, snapshot: of.min(opened.snapshot) })
    }

    /// The same from the log alone, without any snapshot.
    ///
    /// # Errors
    /// As [`fold`](Self::fold).
    pub(crate) async fn fold_whole(&self, log: Arc<dyn WalStore>) -> Result<Folded> {
        let wal = Wal::open(log, Arc::clone(&self.options().clock)).await?;
        let history = History::fold(&wal, &self.versions()).await?;
        Ok(Folded { wal, history, snapshot: Lsn::ZERO })
    }

    /// Lists, for people, the snapshots that are there and cannot be used.
    pub(crate) async fn unused_snapshots(&self, log: &dyn WalStore) -> Vec<String> {
        let (snapshots, mut unused) = (self.snapshots(), Vec::new());
        // A log that cannot be read is reported elsewhere.
        let Ok(head) = log.head().await else { return unused };
        for name in [INDEX, HISTORY] {
            if let Ok(found) = snapshots.newest(name, log, head.lsn, |_| Ok(())).await {
                unused.extend(found.passed_over.iter().map(ToString::to_string));
            }
        }
        unused
    }
}
