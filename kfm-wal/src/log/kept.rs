//! The index, kept in a snapshot and taken from one.

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

/// A line of the index's snapshot.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// A record that is known.
    Known(Place),
    /// One that need not be known.
    Unknown(Lsn),
}

/// How a log was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Up to where a snapshot stood for the log; zero if all of it was read.
    pub snapshot: Lsn,
    /// Snapshots that were not used.
    pub passed_over: Vec<PassedOver>,
}

impl Wal {
    /// Opens the log above a store from the newest snapshot of its index that may be used, and reads the rest; all of
    /// it if there is none. The answers are those of [`Wal::open`].
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

    /// Keeps the index in a snapshot; returns the end of the log that it is of, and its digest.
    ///
    /// It counts once the log names it, in the very next record: [`SnapshotRecord`](crate::record::SnapshotRecord).
    ///
    /// # Errors
    /// As [`Snapshots::keep`]; [`WalError::FutureRecord`]: this version does not understand the log.
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
