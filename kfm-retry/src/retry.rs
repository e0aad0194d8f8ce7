//! A policy together with the components it works on: the reusable value behind every form of call.

use crate::blocking::Blocking;
use crate::breaker::Breaker;
use crate::budget::Budget;
use crate::call::{Call, Retried};
use crate::classify::Classify;
use crate::clock::{Clock, Pause};
use crate::event::Observer;
use crate::failed::Failed;
use crate::operation::{Attempt, Operation};
use crate::policy::Policy;
use crate::shared::Shared;
use crate::tries::Tries;
use crate::witness::Witness;

/// A policy with its clock and observer; made once, used for many calls.
///
/// It is a constant if its parts are:
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
    /// How long a first attempt may take that nothing else bounds: of the policy, worked out beforehand.
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
    /// A call with all its attempts is one success or one failure (R81): `breaker(retry(timeout(call)))`.
    #[default]
    Calls,
    /// Every attempt is one: `retry(breaker(timeout(call)))`. Five failures of one call can open the breaker,
    /// and end the call.
    Attempts,
}

#[cfg(feature = "tokio")]
impl Retry<'_> {
    /// Works by `policy` on the machine's clock.
    pub const fn new(policy: Policy) -> Self {
        Self::assemble(policy, Shared::Ref(&crate::clock::SystemClock))
    }
}

impl<'a> Retry<'a> {
    /// Works by `policy` on `clock`.
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

    /// Lets `breaker` refuse calls while their dependency keeps failing; it counts whole calls (R81).
    #[must_use]
    pub fn circuit_breaker(mut self, breaker: impl Into<Shared<'a, Breaker>>) -> Self {
        self.breaker = Some(breaker.into());
        self
    }

    /// Sets what the breaker counts.
    #[must_use]
    pub const fn counts(mut self, counts: Counts) -> Self {
        self.counts = counts;
        self
    }

    /// Takes every retry out of `budget`.
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

    /// Tells `observer` of failed attempts and changes of state.
    #[must_use]
    pub fn observer(mut self, observer: impl Into<Shared<'a, dyn Observer + 'a>>) -> Self {
        self.observer = Some(observer.into());
        self
    }

    /// Returns the policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Runs `operation` until it succeeds or is given up, once the answer is awaited.
    ///
    /// # Errors
    /// [`Failed`]: the error of the last attempt as it was, and why nobody tries again.
    ///
    /// # Cancel safety
    /// Dropping the future drops the running attempt, and nothing more happens. A breaker gets its trial call
    /// back, or counts a failure if the call ran for long; a budget gets back the retry that was waited for.
    pub fn run<'s, F, Args>(
        &'s self,
        witness: impl Witness<'a>,
        operation: F,
    ) -> Call<'a, F, Args, &'s Retry<'a>, Retried>
    where
        F: Operation<Args>,
    {
        Call::new(self, witness.key(), operation)
    }
}

impl<'a> Retry<'a> {
    /// The same for code that is not async: waits by holding the thread.
    pub fn blocking<'s>(&'s self, pause: &'s dyn Pause) -> Blocking<'s, 'a> {
        Blocking::new(self, pause)
    }

    /// Starts the loop form: the caller's own loop makes the attempts.
    pub fn tries<'s>(&'s self, witness: impl Witness<'a>) -> Tries<'s, 'a> {
        Tries::new(self, witness.key())
    }

    /// Runs `operation`, which borrows `context` anew for each attempt, until it succeeds or is given up.
    ///
    /// For `&mut` contexts, which a closure cannot lend to its future: `async |cursor, at| ..` gets it handed
    /// over instead. Cancel safety and errors are those of [`run`](Self::run).
    ///
    /// # Errors
    /// [`Failed`]: the error of the last attempt as it was, and why nobody tries again.
    pub async fn run_with<S: ?Sized, T, E: Classify>(
        &self,
        witness: impl Witness<'a>,
        context: &mut S,
        mut operation: impl AsyncFnMut(&mut S, Attempt) -> Result<T, E>,
    ) -> Result<T, Failed<E>> {
        let mut tries = self.tries(witness);
        loop {
            let attempt = tries.begin()?;
            match tries.attempt(operation(context, attempt)).await {
                Ok(output) => return Ok(output),
                Err(fault) => tries.wait(fault).await?,
            }
        }
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

/// How long a first attempt may take that nothing else bounds, in milliseconds.
pub(crate) const fn first_limit_ms(attempt_timeout_ms: u32, total_ms: Option<u32>) -> u32 {
    let attempt_ms = if attempt_timeout_ms == 0 { 1 } else { attempt_timeout_ms };
    match total_ms {
        Some(total_ms) if total_ms < attempt_ms => total_ms,
        _ => attempt_ms,
    }
}
