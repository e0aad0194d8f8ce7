//! A policy together with the components it works on: the reusable value behind every form of call.

use std::borrow::Borrow;

use crate::classify::BySelf;
use crate::clock::Clock;
use crate::event::Observer;
use crate::future::Run;
use crate::operation::Operation;
use crate::policy::Policy;
use crate::shared::Shared;
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
    pub(crate) name: &'a str,
    pub(crate) clock: Shared<'a, dyn Clock + 'a>,
    pub(crate) observer: Option<Shared<'a, dyn Observer + 'a>>,
}

#[cfg(feature = "tokio")]
impl Retry<'_> {
    /// Works by `policy` on the machine's clock.
    pub const fn new(policy: Policy) -> Self {
        Self { policy, name: "", clock: Shared::Ref(&crate::clock::SystemClock), observer: None }
    }
}

impl<'a> Retry<'a> {
    /// Works by `policy` on `clock`.
    pub fn with_clock(policy: Policy, clock: impl Into<Shared<'a, dyn Clock + 'a>>) -> Self {
        Self { policy, name: "", clock: clock.into(), observer: None }
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

    /// Runs `operation` until it succeeds or is given up.
    ///
    /// # Errors
    /// [`Failed`](crate::Failed): the error of the last attempt as it was, and why nobody tries again.
    ///
    /// # Cancel safety
    /// Dropping the future drops the running attempt, and nothing more happens.
    pub fn run<'s, F, Args>(
        &'s self,
        witness: impl Witness<'a>,
        operation: F,
    ) -> Run<'a, F, Args, &'s Retry<'a>, BySelf>
    where
        F: Operation<Args>,
        &'s Retry<'a>: Borrow<Retry<'a>>,
    {
        Run::new(self, witness.key(), operation, BySelf)
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
