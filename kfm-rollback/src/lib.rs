//! kfm-rollback.
