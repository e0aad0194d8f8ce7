//! Defects that can be planted on purpose, to see that the simulator and the tests catch them.
//!
//! Only a build with the feature `planted-bugs` can do this, one bug at a time; the variable
//! `KFM_PLANTED_BUG` names its variant at run time. In every other build `planted` is constantly false, and
//! the compiler leaves nothing of it. Each bug is a mistake that a log of this kind has made;
//! `kfm-sim -- planted` shows that each is caught.

/// A defect of a log, named by its mistake; the numbers are those of `docs/evidence/traps.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A repeated append is read as the append of another writer (SlateDB, Delta: own success read as
    /// conflict; trap 1).
    OwnAppendIsConflict,
    /// Opening or fencing claims no epoch (SlateDB: a fence behind the replay boundary; trap 3).
    EpochNotClaimed,
    /// Replay forgets the ids of sealed segments (SlateDB: the boundary moved past records that were not
    /// replayed; trap 4).
    ReplayForgetsIds,
    /// After a write of which nothing is known the log goes on at the next place (a put still in flight; trap
    /// 5).
    MovesOnAfterUnknown,
    /// A failed sync is tried again, and its success is believed (PostgreSQL's fsync, CockroachDB, redb; trap
    /// 9).
    SyncRetried,
    /// A leader that fails does not give the lead up: later appends wait for ever (okaywal; trap 10).
    LeaderErrorKeepsLead,
    /// New files are synced, but not the folder that names them (etcd, RustFS; trap 13).
    FolderNotSynced,
    /// A reader shows a record that is visible and not durable yet: a power cut erases it (trap 14).
    ReaderShowsUnsettled,
    /// Opening relies on what the page cache shows, and does not write it again (trap 14).
    TrustsPageCache,
    /// A sector of zeros in a bad frame is taken for an append that never finished (etcd; trap 17).
    ZeroSectorMeansTorn,
    /// Damage in the middle is taken for a torn tail, and cut off (raft-engine, fjall, SQLite; trap 18).
    DamageTakenForTail,
    /// A torn tail is taken for damage: after a power cut the log does not open (raft-engine's strict mode;
    /// trap 19).
    TornTailRefused,
    /// Opening checks headers and leaves the bodies to later readers (raft-engine; trap 20).
    BodyNotChecked,
    /// What an interrupted append left is overwritten in part, and the rest stays (recycled logs, RocksDB;
    /// trap 21).
    OldBytesLeft,
    /// An append that is alone waits for others (Chroma: a low-volume writer hangs; trap 23).
    LoneAppendWaits,
    /// A future that let others join the line is not woken again (Chroma: two writers hang; trap 24).
    WakeLost,
    /// A second file decides whether there is a log: where it is missing, a new one is made (two truths; trap 30).
    FormatDecides,
    /// An append is answered when it is written, not when it is synced (fjall's default, a lying option).
    AnsweredBeforeSync,
    /// The expected position is accepted and ignored (an option silently ignored, immudb; trap 28).
    ExpectedIgnored,

    /// A writer takes its own frame in a slot for another writer's (SlateDB, Iceberg: own success read as
    /// conflict; trap 1).
    SelfWinIsConflict,
    /// A flight is given up and another frame takes its slot (a put still in flight; trap 5).
    FlightGivenUp,
    /// A frame that was sent and not answered is said not to be appended (wal3, Iceberg).
    UnknownIsNotAppended,
    /// A 409 that means 'try again' is taken for 'exists' (object_store, OpenDAL; trap 6).
    RetryableIsExists,
    /// A 429 is taken for a failure (Delta, Lance; trap 7).
    BusyIsFailure,
    /// A writer that was fenced goes on in the epoch of the writer that fenced it (a zombie).
    ZombieWrites,
    /// An epoch is claimed in memory, and the chain does not show it (SlateDB: a fence behind the boundary;
    /// trap 3).
    EpochNotInChain,
    /// A writer that lost a slot tries again without reading the frame that won it (two writers hang: Chroma;
    /// trap 24).
    LoserDoesNotRead,
    /// An append that moves behind another writer's frame is not compared with the ids in that frame
    /// (duplicates: Delta).
    RebaseForgetsIds,
    /// An append that moves behind another writer's frame loses its expected position.
    RebaseForgetsExpected,
    /// The list of slots decides where the log ends (a list that is behind; trap 27).
    ListDecides,
    /// A missing slot is taken for the end of the log (a deleted object; trap 2).
    GapIsEnd,
    /// A flight that its leader left is forgotten, and with it the appends that wait for it (okaywal; trap
    /// 10).
    LeaderLeavesNothing,
    /// A writer asks its memory, and not the log, whether it still holds the log (a paused host that wakes
    /// up).
    HolderNotAsked,
    /// A call is waited for ten times as long as promised (a client's time-out that was never set).
    DeadlineTenfold,
    /// An append that a 429 refused is said to be possibly in the log (every error is 'unknown'; trap 7).
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

    /// The environment variable that names the bug to plant, in a build with the feature `planted-bugs`.
    pub const VARIABLE: &str = "KFM_PLANTED_BUG";

    /// Says whether this bug is planted.
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

/// Says whether this bug is planted: never, in this build.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn planted(_: Bug) -> bool {
    false
}
