//! What a store is asked for one cell, and what it answers.

use kfm_lineage::Value;

/// One change of one cell: compare with `from`, set to `to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swap {
    /// The cell's key in the store.
    pub key: String,
    /// The value that the cell must have before the swap.
    pub from: Value,
    /// The value that the cell has after the swap.
    pub to: Value,
}

/// What became of one swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwapOutcome {
    /// The cell went from `from` to `to`.
    Applied,
    /// The cell was at `to` before.
    Already,
    /// The cell has another value and was left alone.
    Conflict {
        /// The value that the cell has.
        observed: Value,
    },
}

/// What lies among the keys of a store and cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stray {
    /// Its path below the store's root.
    pub path: String,
    /// Why no key can have this name.
    pub why: &'static str,
}
