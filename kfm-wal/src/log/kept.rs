//! The index as a snapshot: how it is kept, and how a log is opened from it.

use std::sync::Arc;

use kfm_lineage::{Digest, Lsn};
use kfm_retry::Clock;
use serde::{Deserialize, Serialize};

use super::Wal;
use crate::error::{Source, WalError};
use crate::index::{Index, Place};
use crate::snapshot::{Found, Lines, PassedOver, Snapshots};
use crate::store::{Head, WalStore};

/// The name of the index among the states of a snapshot.
pub const INDEX: &str = "index";

/// One line of the index's snapshot.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// A record of a known type.
    Known(Place),
    /// A record of an unknown type that need not be known.
    Unknown(Lsn),
}

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
        let Found { state, passed_over } = snapshots.newest(INDEX, &*store, head, read).await?;
        let (snapshot, (index, unknown)) = state.unwrap_or((Lsn::ZERO, Default::default()));
        let wal = Self::open_after(store, clock, snapshot, index, unknown).await?;
        Ok((wal, Opened { snapshot, passed_over }))
    }

    /// Says whether another handle on the same log finds the same records under the same keys, so that a handle that was
    /// opened from a snapshot can be compared with one that has read the whole log.
    pub fn finds_the_same(&self, other: &Self) -> bool {
        let (one, two) = (self.read(), other.read());
        one.head.lsn == two.head.lsn && one.index.places() == two.index.places() && one.unknown == two.unknown
    }

    /// Keeps the index in a snapshot; returns the end of the log that it covers, and its digest.
    ///
    /// The snapshot is used only once the very next record of the log names it: append a
    /// [`SnapshotRecord`](crate::record::SnapshotRecord) right after this call.
    ///
    /// # Errors
    /// As [`Snapshots::keep`], and [`WalError::FutureRecord`]: a newer version wrote to this log; upgrade.
    pub fn keep_index(&self, snapshots: &Snapshots) -> Result<(Head, Digest), WalError> {
        let state = self.read();
        if let Some((lsn, rtype, schema)) = state.future {
            return Err(WalError::FutureRecord { lsn, rtype, schema });
        }
        let known = state.index.places().iter().cloned().map(Line::Known);
        let unknown = state.unknown.iter().copied().map(Line::Unknown);
        let digest = snapshots.keep(INDEX, state.head, known.chain(unknown))?;
        Ok((state.head, digest))
    }
}

fn read(lines: Lines<'_>) -> Result<(Index, Vec<Lsn>), Source> {
    let (mut index, mut unknown) = (Index::default(), Vec::new());
    for line in lines.read() {
        match line? {
            Line::Known(place) => index.add(place),
            Line::Unknown(lsn) => unknown.push(lsn),
        }
    }
    Ok((index, unknown))
}
