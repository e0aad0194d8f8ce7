//! A write-ahead log that cannot lie: append-only, hash-linked, each record at most once.
//!
//! [`WalStore`] is a log of opaque records: its laws are the contract, [`LocalLog`] keeps them on a disk,
//! [`MemoryLog`] in memory, and `kfm_wal::conformance` (feature `test-util`) proves them of any other. [`Wal`]
//! above it holds the operations log: what every publish, rollback and hotfix was about to do and how it
//! ended, folded and indexed.
//!
//! An append has three answers: durable, not appended, unknown. After the third, repeating it under the same
//! id on a newly opened log appends it at most once. What was acknowledged and is damaged later is found,
//! named with its place and refused; what an interrupted append left is set aside, and the repair is in the
//! log.
//!
//! ```
//! use std::sync::Arc;
//! use kfm_wal::{LocalLog, LocalOptions, NewRecord, WalStore};
//! # async fn example(dir: &std::path::Path, clock: Arc<dyn kfm_retry::Clock>) -> Result<(), kfm_wal::WalError> {
//! let (log, recovery) = LocalLog::open(dir, LocalOptions::new(clock))?;
//! assert!(!recovery.repaired, "the last append was not interrupted");
//! let record = NewRecord { op_id: [7; 16], rtype: 1, schema: 1, at: "2025-11-14T03:15:42Z".parse().unwrap(),
//!     payload: b"about to move".to_vec() };
//! log.append(&[record], None).await?; // durable from here on
//! # Ok(())
//! # }
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod announce;
#[cfg(feature = "test-util")]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a law that is broken is a test that fails")]
pub mod conformance;
pub mod entropy;
pub mod error;
pub mod export;
pub mod fold;
pub mod follow;
mod frame;
#[cfg(feature = "test-util")]
#[allow(clippy::panic, reason = "what a fuzzer finds is a panic")]
pub mod fuzz;
pub mod index;
pub mod inspect;
mod leaves;
pub mod local;
pub mod log;
pub mod memory;
pub mod planted;
mod position;
mod raw;
pub mod record;
pub mod schema;
#[cfg(feature = "slots")]
pub mod slots;
pub mod snapshot;
pub mod store;
mod typed;

pub use announce::Announcing;
pub use error::{Outlook, WalError};
pub use fold::PublishRecord;
pub use follow::Follower;
pub use kfm_lineage::Lsn;
pub use local::{LocalLog, LocalOptions, RecoveryReport};
pub use log::{Entry, Wal};
pub use memory::MemoryLog;
pub use record::Record;
pub use snapshot::Snapshots;
pub use store::{
    Appended, BadPlace, Capabilities, Damage, Depth, Head, NewRecord, RetainReason, Retained, StoredRecord,
    VerifyReport, WalStore,
};
