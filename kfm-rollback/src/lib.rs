//! kfm-rollback.

pub mod blob;
#[cfg(feature = "test-util")]
pub mod conformance;
pub mod context;
pub mod memory;
pub mod op;
pub mod stac;
pub mod versions;
