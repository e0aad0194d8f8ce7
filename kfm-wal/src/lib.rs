//! A write-ahead log that cannot lie.

pub mod record;

pub use record::Record;
