//! kfm-policy.
