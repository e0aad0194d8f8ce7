//! The laws, one function each: it panics if the store does not keep the law.

#![allow(clippy::panic, reason = "a law that is not kept panics, and says what was seen")]

mod at_once;
mod failing;
mod promises;
mod reads;
mod swaps;

pub use at_once::*;
pub use failing::*;
pub use promises::*;
pub use reads::*;
pub use swaps::*;
