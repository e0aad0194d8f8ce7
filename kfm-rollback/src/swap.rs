//! What a store is asked for one cell, and what it answers.

use std::fmt;
use std::sync::Arc;

use kfm_lineage::Value;

/// A store's own name for one state of a reference: an ETag, a sequence number, a count. Only the store that gave it
/// can read it.
#[derive(Clone, PartialEq, Eq)]
pub struct Generation(Arc<str>);

impl Generation {
    /// Takes what the product calls the state.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// Returns what the product calls the state.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What a store saw at a cell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// The cell's value.
    pub value: Value,
    /// The state in which the reference was seen; `None` from a store that has no generations.
    pub generation: Option<Generation>,
}

impl Seen {
    /// A value in a state that is not known: the value alone is compared.
    pub fn value(value: Value) -> Self {
        Self { value, generation: None }
    }

    /// Says whether a cell that is seen now is still as it was seen before: of the same value and, where both have a
    /// generation, of the same one.
    pub fn is_still(&self, now: &Self) -> bool {
        let is_same = |(before, now): (&Generation, &Generation)| before == now;
        self.value == now.value && self.generation.as_ref().zip(now.generation.as_ref()).is_none_or(is_same)
    }
}

/// How closely a store looks at a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// At the mark that the store keeps beside the content, if it keeps one; for most looks that is enough.
    Mark,
    /// At the content itself, as readers see it, also if a mark beside it says something else.
    Content,
}

/// One change of one cell: compare with `from`, set to `to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swap {
    /// The cell's key in the store.
    pub key: String,
    /// What the cell must be before the swap, as [`Seen::is_still`] compares it.
    pub from: Seen,
    /// The value that the cell has after the swap.
    pub to: Value,
}

impl Swap {
    /// Says what becomes of the swap at a cell that is so, if nothing has to be changed; `None` if the change is to be
    /// made.
    pub fn without_change(&self, observed: &Seen) -> Option<Swapped> {
        if observed.value == self.to {
            Some(Swapped::Already { generation: observed.generation.clone() })
        } else if !self.from.is_still(observed) {
            Some(Swapped::Conflict { observed: observed.clone() })
        } else {
            None
        }
    }
}

/// What became of one swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swapped {
    /// The cell went from `from` to `to`.
    Applied {
        /// The state in which the reference is now; the next swap of the cell can start from it without a look.
        generation: Option<Generation>,
    },
    /// The cell was at `to` before.
    Already {
        /// The state in which the reference is.
        generation: Option<Generation>,
    },
    /// The cell is not as the swap asks, and was left alone.
    Conflict {
        /// What the cell is.
        observed: Seen,
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
