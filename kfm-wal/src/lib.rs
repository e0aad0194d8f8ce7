#![doc = include_str!("../README.md")]
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
mod position;
mod raw;
pub mod record;
pub mod schema;
mod shallow;
#[cfg(feature = "slots")]
pub mod slots;
pub mod snapshot;
pub mod store;
pub mod table;
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
