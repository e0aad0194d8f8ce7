//! Defects that can be planted on purpose, to see the simulator and the tests catch them.
//!
//! Only a build with the feature `planted-bugs` can do it, one bug at a time, chosen at run time by the name of
//! its variant in `KFM_PLANTED_BUG`; in every other build the question is a constant and leaves nothing behind.
//! Each bug is a trap that a log of this kind has fallen into; `kfm-sim -- planted` shows that each is caught.

/// A defect of a log, by the trap it falls into; the numbers are those of `docs/evidence/traps.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A repeated append of what is in the log is read as another's (SlateDB, Delta: own success read as conflict; trap 1).
    OwnAppendIsConflict,
    /// Opening or fencing claims no epoch (SlateDB: a fence behind the replay boundary; trap 3).
    EpochNotClaimed,
    /// Replay forgets the ids of sealed segments (SlateDB: the boundary moved past what was not replayed; trap 4).
    ReplayForgetsIds,
    /// After a write of which nothing is known the log moves on to the next place (a put still in flight; trap 5).
    MovesOnAfterUnknown,
    /// A sync that failed is tried again, and believed (PostgreSQL's fsync, CockroachDB, redb; trap 9).
    SyncRetried,
    /// A leader that fails keeps the lead: later appends wait for ever (okaywal; trap 10).
    LeaderErrorKeepsLead,
    /// New files are synced, the folder that names them is not (etcd, RustFS; trap 13).
    FolderNotSynced,
    /// A reader shows what is visible and not durable yet: a power cut erases what it read (trap 14).
    ReaderShowsUnsettled,
    /// Opening builds on what the page cache shows, and does not write it again (trap 14).
    TrustsPageCache,
    /// A sector of zeros in a bad frame is taken for an append that never finished (etcd; trap 17).
    ZeroSectorMeansTorn,
    /// Damage in the middle is taken for a torn tail, and cut off (raft-engine, fjall, SQLite; trap 18).
    DamageTakenForTail,
    /// A torn tail is taken for damage: the log does not open after a power cut (raft-engine's strict mode; trap 19).
    TornTailRefused,
    /// Opening checks headers and leaves bodies to whoever reads them (raft-engine; trap 20).
    BodyNotChecked,
    /// What an interrupted append left is written over in part, and the rest stays (recycled logs, RocksDB; trap 21).
    OldBytesLeft,
    /// An append that is alone waits for company (Chroma: a low-volume writer hangs; trap 23).
    LoneAppendWaits,
    /// Who let others join is not woken again (Chroma: two writers hang; trap 24).
    WakeLost,
    /// A second file decides whether there is a log: where it is missing, a new one is made (two truths; trap 30).
    FormatDecides,
    /// An append is answered when it is written, not when it is synced (fjall's default, a lying option).
    AnsweredBeforeSync,
    /// The expected position is taken and not looked at (an option silently ignored, immudb; trap 28).
    ExpectedIgnored,

    /// What a slot holds is another's, also where it is one's own (SlateDB, Iceberg: own success read as conflict; trap 1).
    SelfWinIsConflict,
    /// A frame that is on its way is given up for another one in its place (a put still in flight; trap 5).
    FlightGivenUp,
    /// What was sent and not answered is said not to be appended (wal3, Iceberg).
    UnknownIsNotAppended,
    /// A 409 that means 'try again' is taken for 'exists' (object_store, OpenDAL; trap 6).
    RetryableIsExists,
    /// A 429 is taken for a failure (Delta, Lance; trap 7).
    BusyIsFailure,
    /// A writer that was shut out goes on in the epoch of who shut it out (a zombie).
    ZombieWrites,
    /// An epoch is claimed in memory, and the chain knows nothing of it (SlateDB: a fence behind the boundary; trap 3).
    EpochNotInChain,
    /// Who lost a slot tries again without reading who won it (two writers hang: Chroma; trap 24).
    LoserDoesNotRead,
    /// What is moved behind another's frame is not compared with its ids again (duplicates: Delta).
    RebaseForgetsIds,
    /// What is moved behind another's frame is not held against its expected position again.
    RebaseForgetsExpected,
    /// The list decides where the log ends (a list that is behind; trap 27).
    ListDecides,
    /// A slot that is missing is taken for the end (a deleted object; trap 2).
    GapIsEnd,
    /// A frame that its leader left is forgotten, and those who wait in it with it (okaywal; trap 10).
    LeaderLeavesNothing,
    /// Who holds the log is asked of memory (a paused host that wakes up).
    HolderNotAsked,
    /// A call is waited for ten times as long as is promised (a time-out of a client that nobody set).
    DeadlineTenfold,
    /// Of what a 429 refused it is said that it may have happened (every error is 'unknown'; trap 7).
    BusyIsUnknown,
}

impl Bug {
    /// The bugs of the local log, in the order above.
    pub const LOCAL: [Self; 19] = [
        Self::OwnAppendIsConflict,
        Self::EpochNotClaimed,
        Self::ReplayForgetsIds,
        Self::MovesOnAfterUnknown,
        Self::SyncRetried,
        Self::LeaderErrorKeepsLead,
        Self::FolderNotSynced,
        Self::ReaderShowsUnsettled,
        Self::TrustsPageCache,
        Self::ZeroSectorMeansTorn,
        Self::DamageTakenForTail,
        Self::TornTailRefused,
        Self::BodyNotChecked,
        Self::OldBytesLeft,
        Self::LoneAppendWaits,
        Self::WakeLost,
        Self::FormatDecides,
        Self::AnsweredBeforeSync,
        Self::ExpectedIgnored,
    ];

    /// The bugs of the log on slots, in the order above.
    pub const SLOTS: [Self; 16] = [
        Self::SelfWinIsConflict,
        Self::FlightGivenUp,
        Self::UnknownIsNotAppended,
        Self::RetryableIsExists,
        Self::BusyIsFailure,
        Self::ZombieWrites,
        Self::EpochNotInChain,
        Self::LoserDoesNotRead,
        Self::RebaseForgetsIds,
        Self::RebaseForgetsExpected,
        Self::ListDecides,
        Self::GapIsEnd,
        Self::LeaderLeavesNothing,
        Self::HolderNotAsked,
        Self::DeadlineTenfold,
        Self::BusyIsUnknown,
    ];
}

#[cfg(feature = "planted-bugs")]
mod chosen {
    use std::sync::OnceLock;

    use super::Bug;

    /// Names the bug to plant, in a build with the feature `planted-bugs`.
    pub const VARIABLE: &str = "KFM_PLANTED_BUG";

    /// Says whether this bug was chosen.
    pub(crate) fn planted(bug: Bug) -> bool {
        static CHOSEN: OnceLock<Option<Bug>> = OnceLock::new();
        let chosen = CHOSEN.get_or_init(|| {
            #[allow(clippy::disallowed_methods, reason = "the build with planted bugs is no product")]
            let name = std::env::var(VARIABLE).ok()?;
            Bug::LOCAL.into_iter().chain(Bug::SLOTS).find(|bug| format!("{bug:?}") == name)
        });
        *chosen == Some(bug)
    }
}

#[cfg(feature = "planted-bugs")]
pub use chosen::VARIABLE;
#[cfg(feature = "planted-bugs")]
pub(crate) use chosen::planted;

/// Says whether this bug was chosen; never, in this build.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn planted(_: Bug) -> bool {
    false
}
