//! The stages of a pipeline: done step by step, resumed after a crash, told to others once (R84).
//!
//! A stage works on one item under one [`IdempotencyKey`]. Each step that is done leaves a [`Checkpoint`]
//! with the digests of its input and output. A later process resumes after the last checkpoint whose output
//! is still there unchanged, and never past the boundary that a rollback has set. Events for others go into
//! an outbox, in the same write as the checkpoint, so that a repeated step cannot announce its event twice.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use kfm_retry::stage::{Digest, IdempotencyKey, MemoryStageStore, Output, Stage, WorkItem};
//! use kfm_retry::{Policy, Retry};
//!
//! let store = MemoryStageStore::new();
//! let item = WorkItem { dataset_id: "ks-naip-2023", version: "7", source_uri: "s3://naip/38099.tif" };
//! let key = IdempotencyKey::of(item)?;
//! let retry = Retry::new(Policy::kfm());
//!
//! let mut stage = Stage::resume(&store, key, async |_checkpoint| true).await?;
//! let tiled = stage
//!     .step(&retry, "tile", Digest::of("the raster"), async || {
//!         let tiles = b"the tiles";
//!         Ok::<_, std::io::Error>(Output::new(Digest::of(tiles)).event("tiled".into()))
//!     })
//!     .await
//!     .unwrap();
//! assert_eq!(tiled.output, Digest::of("the tiles"));
//!
//! let mut told = Vec::new();
//! stage.relay(async |event| { told.push(event.body.clone()); Ok::<_, std::io::Error>(()) }).await.unwrap();
//! assert_eq!(told, ["tiled"]);
//! # Ok::<(), kfm_retry::stage::StageError>(()) }).unwrap();
//! ```

#[cfg(feature = "test-util")]
pub mod conformance;
mod digest;
mod file;
mod run;
mod state;
mod store;

pub use digest::{Digest, IdempotencyKey, WorkItem};
pub use file::FileStageStore;
pub use run::{Output, Stage, StepFailed, Untold};
pub use state::{Checkpoint, FORMAT, Outgoing, StageState};
pub use store::{MemoryStageStore, StageStore};

use crate::classify::{Classify, ErrorClass, Verdict};

/// Why the state of a stage cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StageError {
    /// A value is not a valid name or digest: correct the caller.
    #[error("not usable here: {what}=`{value}`")]
    Invalid {
        /// What the value should have been.
        what: &'static str,
        /// The value, as the caller gave it.
        value: String,
    },
    /// Another process works on the item: leave the item to that process.
    #[error("another process has saved the stage: key=`{key}` revision=`{revision}`")]
    Conflict {
        /// The key of the item.
        key: IdempotencyKey,
        /// The revision that this process tried to save.
        revision: u64,
    },
    /// A rollback has taken back what the stage had made: decide, then call [`Stage::restart`].
    #[error("the stage was rolled back: key=`{key}` valid_steps=`{valid}` steps=`{steps}`")]
    PastBoundary {
        /// The key of the item.
        key: IdempotencyKey,
        /// How many steps the rollback left valid.
        valid: u32,
        /// How many steps the stage has done.
        steps: usize,
    },
    /// What is stored is not a state: an operator has to look at it.
    #[error("the stored state cannot be read: key=`{key}`")]
    Corrupt {
        /// The key of the item.
        key: IdempotencyKey,
        /// Why it cannot be read.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store failed: try again later.
    #[error("the store of stages failed")]
    Unavailable {
        /// The store's own error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StageError {
    /// Makes [`StageError::Unavailable`] from the store's own error.
    pub fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable { source: source.into() }
    }
}

impl Classify for StageError {
    fn classify(&self) -> Verdict {
        match self {
            Self::Invalid { .. } => ErrorClass::Schema,
            Self::Conflict { .. } => ErrorClass::Rejected,
            Self::PastBoundary { .. } => ErrorClass::Lineage,
            Self::Corrupt { .. } => ErrorClass::Checksum,
            Self::Unavailable { .. } => ErrorClass::Io,
        }
        .into()
    }
}
