//! `kfm-retry` beside backon, backoff, tokio-retry2, tower, tower-resilience, failsafe and recloser.

mod contended;
mod crates;
mod healthy;
mod refused;

use crate::report::Row;

/// Answers all questions.
pub fn answers() -> Vec<Row> {
    [healthy::answer(), contended::answer(), refused::answer(), crates::answer()].concat()
}
