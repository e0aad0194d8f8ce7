//! Retry, backoff, circuit breaker and time-outs for flaky calls.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod clock;

pub use clock::{Clock, ManualClock};
#[cfg(feature = "tokio")]
pub use clock::SystemClock;
