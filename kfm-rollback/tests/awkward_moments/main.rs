//! The awkward moments of an operation (`docs/states.md` section 3), each met with the real engine.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

#[path = "../support/mod.rs"]
mod support;

mod failing;
mod hands;
mod kept_cells;
mod ledger;
mod policy_files;
mod protection;
mod records;
mod shared;
mod small;
mod unfinished;
