//! The index as a snapshot: how it is kept, and how a log is opened from it.

use std::sync::Arc;

use kfm_lineage::{Digest, Lsn};
use kfm_retry::Clock;

use super::Wal;
use crate::error::WalError;
use crate::index::Index;
use crate::snapshot::{Found, PassedOver, Snapshots};
use crate::store::{Head, WalStore};

/// The name of the index among the states of a snapshot.
pub const INDEX: &str = "index";

/// The form of its entries: entries of another form are not read.
pub const INDEX_FORM: &str = "1";

/// How a log was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The last position that the snapshot covered; zero if the whole log was read.
    pub snapshot: Lsn,
    /// The snapshots that were not used, and why.
    pub passed_over: Vec<PassedOver>,
}

impl Wal {
    /// Opens the log from the newest snapshot of its index that may be used, and reads the rest of the log;
    /// reads all of it if there is no such snapshot. The log then answers as one that [`Wal::open`] opened.
    ///
    /// # Errors
    /// As [`Wal::open`].
    pub async fn open_from(
        store: Arc<dyn WalStore>,
        clock: Arc<dyn Clock>,
        snapshots: &Snapshots,
    ) -> Result<(Self, Opened), WalError> {
        let head = store.head().await?.lsn;
        let found =
            snapshots.newest_table_read((INDEX, INDEX_FORM), &*store, head, Index::of_snapshot).await?;
        let Found { state, passed_over } = found;
        let (snapshot, index) = state.unwrap_or((Lsn::ZERO, Index::default()));
        let wal = Self::open_after(store, clock, snapshot, index).await?;
        Ok((wal, Opened { snapshot, passed_over }))
    }

    /// Says whether another handle on the same log finds the same records under the same keys, so that a handle that was
    /// opened from a snapshot can be compared with one that has read the whole log.
    ///
    /// # Errors
    /// [`WalError::Snapshot`]: an index of a snapshot cannot be read.
    pub fn finds_the_same(&self, other: &Self) -> Result<bool, WalError> {
        let (one, two) = (self.read(), other.read());
        Ok(one.head.lsn == two.head.lsn
            && one.index.places()? == two.index.places()?
            && one.index.unknown()? == two.index.unknown()?)
    }

    /// Keeps the index in a snapshot; returns the end of the log that it covers, and its digest.
    ///
    /// The snapshot is used only once the very next record of the log names it: append a
    /// [`SnapshotRecord`](crate::record::SnapshotRecord) right after this call.
    ///
    /// # Errors
    /// As [`Snapshots::keep_table`], and [`WalError::FutureRecord`]: a newer version wrote to this log; upgrade.
    pub fn keep_index(&self, snapshots: &Snapshots) -> Result<(Head, Digest), WalError> {
        let state = self.read();
        if let Some((lsn, rtype, schema)) = state.future {
            return Err(WalError::FutureRecord { lsn, rtype, schema });
        }
        let digest = snapshots.keep_table(INDEX, INDEX_FORM, state.head, state.index.entries())?;
        Ok((state.head, digest))
    }
}
