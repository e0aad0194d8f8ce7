//! The engine against the catalog's real history, and against a model of what it must do (R110).
//!
//! One binary, a module for each idea: linking the engine once is most of what these tests cost.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/tree.rs"]
mod tree;

mod acts;
mod adoption;
mod approvals;
mod days;
mod durable_forms;
mod either_order;
mod every_publish;
mod foreign_records;
mod from_snapshots;
mod held;
mod model;
mod own_cells;
mod projection;
mod publish_again;
mod ratchet;
mod reading;
mod small;
mod stale;
