//! kfm-wal.
