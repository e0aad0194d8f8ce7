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

/// Every preset with its name, for settings that choose a policy by name.
pub const ALL: [(&str, Policy); 7] = [
    ("cache", CACHE),
    ("policy", POLICY),
    ("stac", STAC),
    ("search", SEARCH),
    ("graph", GRAPH),
    ("index_rebuild", INDEX_REBUILD),
    ("migration", MIGRATION),
];

const fn with_timeout_s(seconds: u64) -> Policy {
    let policy = Policy::kfm().attempt_timeout(Duration::from_secs(seconds));
    // The total: five attempts, and the longest waits between them, 0.5 + 1 + 2 + 4 s.
    policy.total(Duration::from_secs(5 * seconds + 8))
}

/// For a cache: 3 s an attempt.
pub const CACHE: Policy = with_timeout_s(3);

/// For a policy service: 5 s an attempt.
pub const POLICY: Policy = with_timeout_s(5);

/// For polling a STAC service: 10 s an attempt, and at most 3 attempts that end in a time-out.
///
/// Return an error of a retryable class while a job is not ready, instead of writing a loop around the call.
///
/// ```
/// # #[cfg(feature = "tokio")] {
/// use kfm_retry::{ErrorClass, Retry, idempotent, preset};
///
/// static STAC: Retry<'static> = Retry::new(preset::STAC).named("stac");
///
/// #[derive(Debug, Clone, PartialEq)]
/// enum Job { Running, Ready(&'static str) }
///
/// async fn poll_job() -> Result<Job, ErrorClass> { Ok(Job::Ready("LC08_L2SP_028034")) }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let item = STAC
///     .run(idempotent("job/17"), || async {
///         match poll_job().await? {
///             Job::Running => Err(ErrorClass::Transient),
///             Job::Ready(item) => Ok(item),
///         }
///     })
///     .await
///     .unwrap();
/// assert_eq!(item, "LC08_L2SP_028034");
/// # }); }
/// ```
pub const STAC: Policy = with_timeout_s(10).timeouts_are(ErrorClass::StacTimeout);

/// For a search service: 10 s an attempt.
pub const SEARCH: Policy = with_timeout_s(10);

/// For maintenance of the graph: 15 s an attempt, and at most 5 attempts that end in a transient error of
/// Neo4j.
///
/// A statement that merges is idempotent. One that creates is not, and must not run under a policy.
///
/// ```
/// # #[cfg(feature = "tokio")] {
/// use kfm_retry::classify::neo4j_status;
/// use kfm_retry::{Breaker, BreakerPolicy, Retry, Verdict, idempotent, preset};
///
/// static NEO4J: Breaker = Breaker::new("neo4j", BreakerPolicy::kfm());
///
/// struct DriverError { code: String }
///
/// async fn merge_links() -> Result<u32, DriverError> { Ok(37) }
///
/// // The code is what every driver has, whatever its error type.
/// fn by_code(error: &DriverError) -> Verdict {
///     neo4j_status(&error.code).into()
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let graph = Retry::new(preset::GRAPH).circuit_breaker(&NEO4J);
/// let merged = graph.run(idempotent("relink/2026-11"), merge_links).classify(by_code).await;
/// assert!(matches!(merged, Ok(37)));
/// # }); }
/// ```
pub const GRAPH: Policy = with_timeout_s(15);

/// For rebuilding an index: 60 s an attempt.
///
/// Rebuild into a new index and switch the alias at the end, so that half a rebuild does no harm.
///
/// ```
/// # #[cfg(feature = "tokio")] {
/// use kfm_retry::{Combine, preset};
///
/// async fn rebuild_into_new_index() -> Result<u64, std::io::Error> { Ok(10_000) }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let documents =
///     rebuild_into_new_index.idempotent("items/generation-8").policy(preset::INDEX_REBUILD).await.unwrap();
/// assert_eq!(documents, 10_000);
/// # }); }
/// ```
pub const INDEX_REBUILD: Policy = with_timeout_s(60);

/// For a migration and other bulk work: 60 s an attempt, and 3 attempts, so that an operator soon looks at
/// what fails.
///
/// The loop form keeps the cursor between attempts: each batch is a call of its own.
///
/// ```
/// # #[cfg(feature = "tokio")] {
/// use kfm_retry::{Failed, Retry, Seed, idempotent, preset};
///
/// async fn migrate_batch(from: u32) -> Result<Option<u32>, std::io::Error> {
///     Ok((from < 3).then_some(from + 1))
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let retry = Retry::new(preset::MIGRATION);
/// let mut next = Some(0);
/// while let Some(batch) = next {
///     let mut tries = retry.tries(idempotent(Seed::of("migration-12").mix(u64::from(batch))));
///     next = loop {
///         match tries.attempt(migrate_batch(batch)).await {
///             Ok(next) => break next,
///             Err(fault) => tries.wait(fault).await?,
///         }
///     };
/// }
/// # Ok::<(), Failed<std::io::Error>>(()) }).unwrap(); }
/// ```
pub const MIGRATION: Policy = with_timeout_s(60).attempts(3);
