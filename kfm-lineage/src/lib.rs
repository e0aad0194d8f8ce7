//! kfm-lineage.
