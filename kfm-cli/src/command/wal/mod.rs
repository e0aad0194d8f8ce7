//! `kfm wal`: verifies, reads and repairs the write-ahead log; no command that only reads repairs it.

mod export;
mod inspect;
mod probe;
pub(crate) mod repair;
mod verify;

use clap::Subcommand;

use crate::context::Context;
use crate::error::Result;
use crate::output::Answer;

/// Commands of `kfm wal`.
#[derive(Debug, Subcommand)]
pub(crate) enum Wal {
    /// Check every checksum and the whole hash chain; exits 1 if anything is wrong
    Verify(verify::Verify),
    /// Show the frames of each segment as they lie in its file, also of a damaged log
    Inspect,
    /// Write every record as one line of JSON; of a damaged log, all before the damage, and exit 1
    Export(export::Export),
    /// Show what an interrupted append left, or set it aside and note the repair in the log
    Repair(repair::Repair),
    /// Measure whether a sync of the log's disk takes the time that a device needs; put the store of a log that hosts
    /// share to races
    ProbeDurability,
}

impl Wal {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let platform = cx.platform().await?;
        match self {
            Self::Verify(verify) => verify.run(&platform).await,
            Self::Inspect => inspect::run(&platform).await,
            Self::Export(export) => export.run(cx, &platform).await,
            Self::Repair(repair) => repair.run(cx, &platform).await,
            Self::ProbeDurability => probe::run(&platform).await,
        }
    }
}
