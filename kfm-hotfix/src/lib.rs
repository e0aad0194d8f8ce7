//! kfm-hotfix.
