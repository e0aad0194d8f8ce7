//! Snapshots of a platform's log: its index and its folded history, in a folder of this host (ADR 0012).
//!
//! A session that writes makes one when the log has grown enough, before it does anything else: by then it has read
//! the log, and it holds the lock. Nothing depends on a snapshot.

use std::sync::Arc;

use kfm_lineage::Lsn;
use kfm_lineage::document::READERS;
use kfm_policy::Remedy;
use kfm_wal::error::Source;
use kfm_wal::log::{INDEX, INDEX_FORM};
use kfm_wal::snapshot::Snapshots;
use kfm_wal::table::Table;
use kfm_wal::{Wal, WalStore};

use super::Platform;
use crate::error::{Error, Result, text_of};
use crate::history::{CELLS, CELLS_FORM, HISTORY, History};

/// The name of the facts of documents among the states of a snapshot.
pub(crate) const FACTS: &str = "facts";

/// The name of what documents are found by.
pub(crate) const TERMS: &str = "terms";

/// The newest one, and the one before.
const SNAPSHOTS_KEPT: usize = 2;

/// The error of a table beside the log that cannot be used any more. One that is damaged is removed: the log has
/// everything, and is read instead from the next command on.
pub(crate) fn unread(table: &Table, error: Source) -> Error {
    Error::File { path: table.path().display().to_string(), source: table.unusable(error) }
}

/// The log, opened, and its history.
#[derive(Debug)]
pub(crate) struct Folded {
    pub wal: Wal,
    pub history: History,
    /// The position up to which snapshots were used instead of the log; zero if all of the log was read.
    pub snapshot: Lsn,
    /// Whether what the log names beside it may be used; not by a session that trusts the log alone.
    pub is_from_snapshots: bool,
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
        self.fold_from_snapshots(log, false).await
    }

    /// A table that is found damaged is gone then, and the log is folded again: the older snapshot, or the log, says the
    /// same.
    async fn fold_from_snapshots(&self, log: Arc<dyn WalStore>, without_lost: bool) -> Result<Folded> {
        for _ in 0..SNAPSHOTS_KEPT {
            match self.fold_from_newest(Arc::clone(&log), without_lost).await {
                Err(error @ Error::File { .. }) => {
                    tracing::warn!(error = %text_of(&error), "a snapshot of the log is not used");
                }
                folded => return folded,
            }
        }
        self.fold_from_newest(log, without_lost).await
    }

    async fn fold_from_newest(&self, log: Arc<dyn WalStore>, without_lost: bool) -> Result<Folded> {
        let (snapshots, versions) = (self.snapshots(), self.versions());
        let (wal, opened) = Wal::open_from(log, Arc::clone(&self.options().clock), &snapshots).await?;
        let folded = match without_lost {
            true => History::fold_without_lost_from(&wal, &versions, &snapshots).await,
            false => History::fold_from(&wal, &versions, &snapshots).await,
        };
        let (history, of, passed_over) = folded.map_err(|error| self.with_remedy(error))?;
        for unused in opened.passed_over.iter().chain(&passed_over) {
            tracing::debug!(%unused, "a snapshot is not used");
        }
        Ok(Folded { wal, history, snapshot: of.min(opened.snapshot), is_from_snapshots: true })
    }

    /// The same from the log alone, without any snapshot.
    ///
    /// # Errors
    /// As [`fold`](Self::fold).
    pub(crate) async fn fold_whole(&self, log: Arc<dyn WalStore>) -> Result<Folded> {
        let wal = Wal::open(log, Arc::clone(&self.options().clock)).await?;
        let history = History::fold(&wal, &self.versions()).await.map_err(|error| self.with_remedy(error))?;
        Ok(Folded { wal, history, snapshot: Lsn::ZERO, is_from_snapshots: false })
    }

    /// Folds the log for those who only look: as far as its lists are there. With `whole` no snapshot is used, which
    /// may hide that a list is lost.
    ///
    /// # Errors
    /// As [`fold`](Self::fold), but for lists that are lost: [`History::lost`] names them.
    pub(crate) async fn fold_without_lost(&self, log: Arc<dyn WalStore>, whole: bool) -> Result<Folded> {
        if !whole {
            return self.fold_from_snapshots(log, true).await;
        }
        let wal = Wal::open(log, Arc::clone(&self.options().clock)).await?;
        let history = History::fold_without_lost(&wal, &self.versions()).await?;
        Ok(Folded { wal, history, snapshot: Lsn::ZERO, is_from_snapshots: false })
    }

    /// Says what to restore, if a list that the log names is lost.
    fn with_remedy(&self, error: Error) -> Error {
        match error {
            Error::Versions(error) if error.lost().is_some() => Error::Incomplete {
                message: format!("the version store lacks a list that the log names, {}", text_of(&error)),
                hint: self.restore_versions().into(),
                next: vec![Remedy::Examine { digests: true }],
            },
            error => error,
        }
    }

    /// Says how to get back what the version store lacks.
    pub(crate) fn restore_versions(&self) -> String {
        let place = self.versions_place();
        format!("restore the version store, {place}, from a backup that is not older than the log")
    }

    /// Lists, for people, the snapshots that are there and cannot be used.
    pub(crate) async fn unused_snapshots(&self, log: &dyn WalStore) -> Vec<String> {
        let (snapshots, mut unused) = (self.snapshots(), Vec::new());
        // A log that cannot be read is reported elsewhere.
        let Ok(head) = log.head().await else { return unused };
        if let Ok(found) = snapshots.newest(HISTORY, log, head.lsn, |_| Ok(())).await {
            unused.extend(found.passed_over.iter().map(ToString::to_string));
        }
        let tables = [(INDEX, INDEX_FORM), (CELLS, CELLS_FORM), (FACTS, READERS), (TERMS, READERS)];
        for (name, maker) in tables {
            if let Ok(found) = snapshots.newest_table(name, maker, log, head.lsn).await {
                unused.extend(found.passed_over.iter().map(ToString::to_string));
                // Another command would find that only where it comes upon the page.
                let table = found.state.map(|(_, table)| table);
                let damaged = table.and_then(|table| Some((table.check().err()?, table)));
                unused.extend(damaged.map(|(why, table)| format!("{why}: path={}", table.path().display())));
            }
        }
        unused
    }
}
