//! The doors for integrators: a second catalog, kinds of one's own (`docs/states.md` section 1, ADR 0021).
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails; some modules belong to another binary too"
)]

#[path = "../history/acts.rs"]
mod acts;
#[path = "../history/small.rs"]
mod small;
#[path = "../support/mod.rs"]
mod support;

mod kinds;
mod parts;
mod second_catalog;
