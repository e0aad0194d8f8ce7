//! Plans, records and files that no engine wrote: nothing panics, nothing acts on them, and the platform lives on.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails"
)]

#[path = "../support/mod.rs"]
mod support;

mod forge;
mod fuzz;
mod mutate;
mod plans;
mod platform;
mod records;
mod snapshots;
mod stage;
mod walk;
