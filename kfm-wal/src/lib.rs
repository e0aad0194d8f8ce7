//! A write-ahead log that cannot lie.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "test-util")]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a law that is broken is a test that fails")]
pub mod conformance;
pub mod entropy;
pub mod error;
pub mod fold;
mod frame;
pub mod index;
pub mod local;
pub mod log;
pub mod memory;
mod position;
mod raw;
pub mod record;
pub mod store;

pub use error::{Outlook, WalError};
pub use fold::PublishRecord;
pub use kfm_lineage::Lsn;
pub use local::{LocalLog, LocalOptions, RecoveryReport};
pub use log::{Entry, Wal};
pub use memory::MemoryLog;
pub use record::Record;
pub use store::{
    Appended, BadPlace, Capabilities, Damage, Depth, Head, NewRecord, StoredRecord, VerifyReport, WalStore,
};
