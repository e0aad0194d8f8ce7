#![cfg_attr(feature = "tokio", doc = include_str!("../README.md"))]
#![cfg_attr(not(feature = "tokio"), doc = "Retry, backoff, circuit breaker and time-outs for flaky calls.")]
#![cfg_attr(docsrs, feature(doc_cfg))]

/// The guide's examples are tests of this crate.
#[cfg(all(doctest, feature = "tokio", feature = "tower"))]
#[doc = include_str!("../../docs/guides/retry.md")]
struct Guide;

pub mod backoff;
pub mod blocking;
pub mod breaker;
pub mod budget;
pub mod bulkhead;
pub mod call;
pub mod classify;
pub mod clock;
mod course;
pub mod deadline;
pub mod event;
pub mod failed;
pub mod future;
pub mod hedge;
#[cfg(feature = "tower")]
pub mod layer;
pub mod machine;
pub mod metrics;
pub mod operation;
pub mod plan;
pub mod policy;
pub mod preset;
mod quick;
#[cfg(feature = "governor")]
pub mod rate_limit;
pub mod retry;
#[cfg(feature = "schemars")]
pub mod schema;
pub mod seed;
#[cfg(feature = "tokio")]
mod sentence;
pub mod shared;
#[cfg(feature = "stage")]
pub mod stage;
#[cfg(feature = "futures")]
pub mod stream;
pub mod terms;
pub mod tries;
pub mod witness;

pub use backoff::{Backoff, Curve, Jitter};
pub use breaker::{Breaker, BreakerPolicy, Breakers};
pub use budget::Budget;
pub use bulkhead::{Bulkhead, Limited};
pub use call::Call;
#[cfg(feature = "tokio")]
pub use call::Combine;
pub use classify::{BySelf, Classifier, Classify, ErrorClass, RetryAfter, Verdict};
#[cfg(feature = "tokio")]
pub use clock::SystemClock;
pub use clock::{Clock, ManualClock, Pause};
pub use deadline::Deadline;
pub use event::{AttemptFailed, Event, Observer, Outcome};
pub use failed::{AttemptRecord, Failed, Reason, Report};
pub use machine::{Failure, Machine, Step};
pub use metrics::Metrics;
pub use operation::{Attempt, Operation};
pub use policy::{Beyond, ClassLimits, HintRule, Policy};
pub use retry::{Counts, Retry};
pub use seed::Seed;
#[cfg(feature = "tokio")]
pub use sentence::Sentence;
pub use shared::Shared;
pub use tries::{Fault, Tries};
pub use witness::{Idempotent, Key, Witness, idempotent};

/// Returns the nanoseconds in `duration`; a duration that does not fit counts as for ever (584 years).
pub(crate) const fn nanos(duration: std::time::Duration) -> u64 {
    let ns = duration.as_nanos();
    if ns > u64::MAX as u128 { u64::MAX } else { ns as u64 }
}
