//! Policies by the kind of work (R83, R86): every number can be overridden.
//!
//! ```
//! use kfm_retry::preset;
//! use std::time::Duration;
//!
//! let patient = preset::SEARCH.attempt_timeout(Duration::from_secs(30));
//! assert_eq!(patient.attempts, preset::SEARCH.attempts);
//! ```

use std::time::Duration;

use crate::classify::ErrorClass;
use crate::policy::Policy;

const fn with_timeout_s(seconds: u64) -> Policy {
    let policy = Policy::kfm().attempt_timeout(Duration::from_secs(seconds));
    // Five attempts, and the longest waits between them: 0.5 + 1 + 2 + 4 s.
    policy.total(Duration::from_secs(5 * seconds + 8))
}

/// A cache: 3 s an attempt.
pub const CACHE: Policy = with_timeout_s(3);

/// A policy service: 5 s an attempt.
pub const POLICY: Policy = with_timeout_s(5);

/// Polling a STAC service: 10 s an attempt, and 3 attempts that end in a time-out.
pub const STAC: Policy = with_timeout_s(10).timeouts_are(ErrorClass::StacTimeout);

/// A search service: 10 s an attempt.
pub const SEARCH: Policy = with_timeout_s(10);

/// Maintenance of the graph: 15 s an attempt, and 5 attempts that end in a transient error of Neo4j.
pub const GRAPH: Policy = with_timeout_s(15);

/// Rebuilding an index: 60 s an attempt.
pub const INDEX_REBUILD: Policy = with_timeout_s(60);

/// A migration, and other bulk work: 60 s an attempt, and 3 attempts: what fails in bulk is looked at.
pub const MIGRATION: Policy = with_timeout_s(60).attempts(3);
