//! A policy with the components that it uses: one value for every form of call.

use crate::breaker::Breaker;
use crate::budget::Budget;
use crate::clock::Clock;
use crate::event::Observer;
use crate::policy::Policy;
use crate::shared::Shared;

/// A policy with its clock and observer; made once, used for many calls.
///
/// It can be a constant, if its parts are constants:
///
/// ```
/// # #[cfg(feature = "tokio")] {
/// use kfm_retry::{Policy, Retry, idempotent};
///
/// static STAC: Retry<'static> = Retry::new(Policy::kfm()).named("stac");
///
/// # async fn fetch_item() -> Result<String, std::io::Error> { Ok("LC08".into()) }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let item = STAC.run(idempotent("landsat-c2l2-sr/LC08"), fetch_item).await?;
/// assert_eq!(item, "LC08");
/// # Ok::<(), kfm_retry::Failed<std::io::Error>>(()) }).unwrap(); }
/// ```
pub struct Retry<'a> {
    pub(crate) policy: Policy,
    /// How long a first attempt may take that only the policy bounds, in milliseconds; computed beforehand.
    pub(crate) first_limit_ms: u32,
    pub(crate) name: &'a str,
    pub(crate) clock: Shared<'a, dyn Clock + 'a>,
    pub(crate) observer: Option<Shared<'a, dyn Observer + 'a>>,
    pub(crate) breaker: Option<Shared<'a, Breaker>>,
    pub(crate) counts: Counts,
    pub(crate) budget: Option<Shared<'a, Budget>>,
}

/// What a breaker counts: whole calls or single attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Counts {
    /// A call with all its attempts counts as one success or one failure (R81):
    /// `breaker(retry(timeout(call)))`.
    #[default]
    Calls,
    /// Every attempt counts: `retry(breaker(timeout(call)))`. Five failed attempts of one call can open the
    /// breaker, and that ends the call.
    Attempts,
}

#[cfg(feature = "tokio")]
impl Retry<'_> {
    /// Makes a value that retries by `policy`, on the machine's clock.
    pub const fn new(policy: Policy) -> Self {
        Self::assemble(policy, Shared::Ref(&crate::clock::SystemClock))
    }
}

impl<'a> Retry<'a> {
    /// Makes a value that retries by `policy`, on `clock`.
    pub fn with_clock(policy: Policy, clock: impl Into<Shared<'a, dyn Clock + 'a>>) -> Self {
        Self::assemble(policy, clock.into())
    }

    const fn assemble(policy: Policy, clock: Shared<'a, dyn Clock + 'a>) -> Self {
        Self {
            policy,
            first_limit_ms: first_limit_ms(policy.attempt_timeout_ms, policy.total_ms),
            name: "",
            clock,
            observer: None,
            breaker: None,
            counts: Counts::Calls,
            budget: None,
        }
    }

    /// Lets `breaker` refuse calls while their dependency keeps failing; the breaker counts whole calls
    /// (R81).
    #[must_use]
    pub fn circuit_breaker(mut self, breaker: impl Into<Shared<'a, Breaker>>) -> Self {
        self.breaker = Some(breaker.into());
        self
    }

    /// Sets whether the breaker counts calls or attempts.
    #[must_use]
    pub const fn counts(mut self, counts: Counts) -> Self {
        self.counts = counts;
        self
    }

    /// Takes every retry out of `budget`; a call is given up when the budget is empty.
    #[must_use]
    pub fn budget(mut self, budget: impl Into<Shared<'a, Budget>>) -> Self {
        self.budget = Some(budget.into());
        self
    }

    /// Names the calls in telemetry.
    #[must_use]
    pub const fn named(mut self, name: &'a str) -> Self {
        self.name = name;
        self
    }

    /// Tells `observer` of failed attempts and of changes of state.
    #[must_use]
    pub fn observer(mut self, observer: impl Into<Shared<'a, dyn Observer + 'a>>) -> Self {
        self.observer = Some(observer.into());
        self
    }

    /// Returns the policy by which calls are retried.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

impl std::fmt::Debug for Retry<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Retry")
            .field("name", &self.name)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// Returns how long a first attempt may take that only the policy bounds, in milliseconds.
pub(crate) const fn first_limit_ms(attempt_timeout_ms: u32, total_ms: Option<u32>) -> u32 {
    let attempt_ms = if attempt_timeout_ms == 0 { 1 } else { attempt_timeout_ms };
    match total_ms {
        Some(total_ms) if total_ms < attempt_ms => total_ms,
        _ => attempt_ms,
    }
}
