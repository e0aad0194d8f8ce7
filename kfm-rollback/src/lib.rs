//! kfm-rollback.

pub mod blob;
pub mod context;
pub mod op;
pub mod stac;
pub mod versions;
