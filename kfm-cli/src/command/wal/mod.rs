//! `kfm wal`: the write-ahead log, verified and read; offline, and never repaired by a command that reads.

mod export;
mod inspect;
mod verify;

use clap::Subcommand;

use crate::context::Context;
use crate::error::Result;
use crate::output::Answer;

/// Commands of `kfm wal`.
#[derive(Debug, Subcommand)]
pub(crate) enum Wal {
    /// Check every checksum and the whole hash chain; exits 1 if anything is wrong
    Verify,
    /// Show the frames of each segment as they lie in its file, also of a damaged log
    Inspect,
    /// Write every record as one line of JSON
    Export(export::Export),
}

impl Wal {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let platform = cx.platform().await?;
        match self {
            Self::Verify => verify::run(&platform).await,
            Self::Inspect => inspect::run(&platform),
            Self::Export(export) => export.run(cx, &platform).await,
        }
    }
}
