//! The combinators, written after a closure or a method path.
//!
//! They stand outside-in, as decorators stand above a function and layers in tower's `ServiceBuilder`: a
//! combinator goes around all that follow it. Its place decides what `timeout` and `circuit_breaker` mean:
//!
//! | written | nests as | so that |
//! |---|---|---|
//! | `.circuit_breaker(&b).with_backoff(d).retry(5).timeout(t)` | breaker(retry(timeout(call))) | the breaker counts whole calls, each attempt has `t` |
//! | `.with_backoff(d).retry(5).circuit_breaker(&b).timeout(t)` | retry(breaker(timeout(call))) | the breaker counts attempts |
//! | `.timeout(t).with_backoff(d).retry(5)` | timeout(retry(call)) | the whole call has `t`, its waits included |
//!
//! A breaker always goes around the time-outs next to it, so that a call that hangs counts as failed.

use std::fmt::Display;
use std::marker::PhantomData;

#[cfg(feature = "tokio")]
use std::{num::NonZeroU8, time::Duration};

use crate::classify::{BySelf, Classifier};
use crate::deadline::Deadline;
use crate::operation::Operation;
use crate::retry::Retry;
use crate::terms::Terms;
use crate::witness::{Key, Witness};
#[cfg(feature = "tokio")]
use crate::{
    backoff::{Backoff, millis},
    breaker::Breaker,
    budget::Budget,
    clock::Clock,
    event::Observer,
    policy::Policy,
    retry::Counts,
    sentence::Sentence,
    shared::Shared,
};

/// A call and how it will be tried; nothing happens until the caller awaits it.
///
/// `State` is how far the caller has come in describing it: [`Once`], [`Witnessed`], [`BackedOff`] or
/// [`Retried`].
#[must_use = "nothing happens until it is awaited"]
pub struct Call<'a, F, Args, R, State, K = BySelf>
where
    F: Operation<Args>,
{
    pub(crate) operation: F,
    pub(crate) terms: R,
    pub(crate) classifier: K,
    pub(crate) key: Key<'a>,
    pub(crate) deadline: Option<Deadline>,
    pub(crate) reveal: Option<fn(&F::Error) -> String>,
    state: PhantomData<fn(Args, State)>,
}

/// The call is tried once: there is no promise that it may be repeated.
#[derive(Debug)]
pub enum Once {}
/// The call may be repeated; a backoff must come next.
#[derive(Debug)]
pub enum Witnessed {}
/// The call may be repeated and has a backoff; it can be retried.
#[derive(Debug)]
pub enum BackedOff {}
/// The call will be retried; what follows applies to each attempt.
#[derive(Debug)]
pub enum Retried {}

impl<'a> Retry<'a> {
    /// Runs `operation` until it succeeds or is given up, once the caller awaits the answer.
    ///
    /// # Errors
    /// [`Failed`](crate::Failed): the error of the last attempt as it was, and why the call is not tried again.
    ///
    /// # Cancel safety
    /// When the caller drops the future, the running attempt is dropped, and nothing more happens. A breaker
    /// gets its trial call back, or counts a failure if the call ran for long; a budget gets back the retry
    /// that the call was waiting for.
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

impl<'a, F, Args, R, State> Call<'a, F, Args, R, State>
where
    F: Operation<Args>,
{
    #[inline]
    pub(crate) fn new(terms: R, key: Key<'a>, operation: F) -> Self {
        Self { operation, terms, classifier: BySelf, key, deadline: None, reveal: None, state: PhantomData }
    }
}

impl<'a, F, Args, R, State, K> Call<'a, F, Args, R, State, K>
where
    F: Operation<Args>,
{
    /// Ends the call by `deadline`, if that is earlier than the end that the policy sets.
    pub fn deadline(mut self, deadline: Deadline) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Judges errors with `classifier` instead of their own [`Classify`](crate::Classify).
    pub fn classify<C: Classifier<F::Error>>(self, classifier: C) -> Call<'a, F, Args, R, State, C> {
        Call {
            operation: self.operation,
            terms: self.terms,
            classifier,
            key: self.key,
            deadline: self.deadline,
            reveal: self.reveal,
            state: PhantomData,
        }
    }

    /// Shows the text of errors in events; otherwise events carry only the class of an error.
    pub fn reveal_errors(mut self) -> Self
    where
        F::Error: Display,
    {
        self.reveal = Some(ToString::to_string);
        self
    }
}

impl<'a, F, Args, R, State, K> Call<'a, F, Args, R, State, K>
where
    F: Operation<Args>,
    R: Terms<'a>,
    K: Classifier<F::Error>,
{
    /// Answers with the result of `otherwise` once the call is given up.
    ///
    /// The observer has been told of the failure before, so it is not hidden.
    pub async fn fallback(self, otherwise: impl FnOnce(crate::Failed<F::Error>) -> F::Output) -> F::Output {
        self.await.unwrap_or_else(otherwise)
    }
}

/// Begins the description of a call: gives closures, functions and method paths the combinators.
///
/// ```
/// use kfm_retry::{Backoff, Breaker, BreakerPolicy, Combine};
/// use std::time::Duration;
///
/// static STAC: Breaker = Breaker::new("stac", BreakerPolicy::kfm());
///
/// async fn fetch() -> Result<&'static str, std::io::Error> { Ok("LC08") }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let item = fetch
///     .idempotent("landsat-c2l2-sr/LC08")
///     .circuit_breaker(&STAC)
///     .with_backoff(Backoff::exponential(Duration::from_millis(500)))
///     .retry(5)
///     .timeout(Duration::from_secs(10))
///     .await?;
/// # assert_eq!(item, "LC08");
/// # Ok::<(), kfm_retry::Failed<std::io::Error>>(()) }).unwrap();
/// ```
///
/// A call without the promise that it may be repeated cannot be retried:
///
/// ```compile_fail,E0599
/// # use kfm_retry::{Backoff, Combine};
/// # use std::time::Duration;
/// # async fn fetch() -> Result<(), std::io::Error> { Ok(()) }
/// fetch.once().with_backoff(Backoff::exponential(Duration::from_millis(500))).retry(5);
/// ```
///
/// ```compile_fail,E0599
/// # use kfm_retry::{Backoff, Combine};
/// # async fn fetch() -> Result<(), std::io::Error> { Ok(()) }
/// fetch.retry(5);
/// ```
///
/// Nor can a call without a backoff:
///
/// ```compile_fail,E0599
/// # use kfm_retry::Combine;
/// # async fn fetch() -> Result<(), std::io::Error> { Ok(()) }
/// fetch.idempotent("key").retry(5);
/// ```
///
/// Nor can a call be retried for ever; the number of attempts is a byte:
///
/// ```compile_fail,E0308
/// # use kfm_retry::{Backoff, Combine};
/// # use std::time::Duration;
/// # async fn fetch() -> Result<(), std::io::Error> { Ok(()) }
/// fetch.idempotent("key").with_backoff(Backoff::exponential(Duration::from_millis(500))).retry(usize::MAX);
/// ```
#[cfg(feature = "tokio")]
pub trait Combine<Args>: Operation<Args> + Sized {
    /// Promises that the operation may be done more than once; `key` names the work item.
    fn idempotent<'a>(self, key: impl Into<Key<'a>>) -> Call<'a, Self, Args, Sentence<'a>, Witnessed> {
        Call::new(Sentence::default(), key.into(), self)
    }

    /// Takes another promise that the operation may be done more than once, such as an outbox's.
    fn guarded_by<'a>(self, witness: impl Witness<'a>) -> Call<'a, Self, Args, Sentence<'a>, Witnessed> {
        Call::new(Sentence::default(), witness.key(), self)
    }

    /// Makes the operation once: for time-outs and breakers around an operation that must not be repeated.
    fn once<'a>(self) -> Call<'a, Self, Args, Sentence<'a>, Once> {
        Call::new(Sentence::default(), Key::from(""), self)
    }
}

#[cfg(feature = "tokio")]
impl<F: Operation<Args>, Args> Combine<Args> for F {}

/// Where a combinator stands among the others.
#[cfg(feature = "tokio")]
pub trait Place: sealed::Sealed {
    /// Whether it stands after `retry`, so that it applies to each attempt.
    const INSIDE_RETRY: bool;
}

#[cfg(feature = "tokio")]
mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Once {}
    impl Sealed for super::Witnessed {}
    impl Sealed for super::BackedOff {}
    impl Sealed for super::Retried {}
}

#[cfg(feature = "tokio")]
impl Place for Once {
    const INSIDE_RETRY: bool = false;
}
#[cfg(feature = "tokio")]
impl Place for Witnessed {
    const INSIDE_RETRY: bool = false;
}
#[cfg(feature = "tokio")]
impl Place for BackedOff {
    const INSIDE_RETRY: bool = false;
}
#[cfg(feature = "tokio")]
impl Place for Retried {
    const INSIDE_RETRY: bool = true;
}

#[cfg(feature = "tokio")]
impl<'a, F, Args, State, K> Call<'a, F, Args, Sentence<'a>, State, K>
where
    F: Operation<Args>,
    State: Place,
{
    /// Limits the time of what follows: of the whole call before [`retry`](Call::retry), of each attempt
    /// after it.
    #[inline]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        let ms = Some(millis(timeout));
        *(if State::INSIDE_RETRY { &mut self.terms.attempt_timeout_ms } else { &mut self.terms.total_ms }) =
            ms;
        self
    }

    /// Lets `breaker` refuse what follows: whole calls before [`retry`](Call::retry), attempts after it.
    #[inline]
    pub fn circuit_breaker(mut self, breaker: impl Into<Shared<'a, Breaker>>) -> Self {
        self.terms.counts = if State::INSIDE_RETRY { Counts::Attempts } else { Counts::Calls };
        self.terms.breaker = Some(breaker.into());
        self
    }

    /// Takes every retry out of `budget`; the call is given up when the budget is empty.
    pub fn budget(mut self, budget: impl Into<Shared<'a, Budget>>) -> Self {
        self.terms.rest().budget = Some(budget.into());
        self
    }

    /// Tells `observer` of failed attempts and changes of state.
    pub fn observer(mut self, observer: impl Into<Shared<'a, dyn Observer + 'a>>) -> Self {
        self.terms.rest().observer = Some(observer.into());
        self
    }

    /// Reads the time from `clock` and waits on it, instead of on the machine's clock.
    pub fn clock(mut self, clock: impl Into<Shared<'a, dyn Clock + 'a>>) -> Self {
        self.terms.rest().clock = Some(clock.into());
        self
    }

    /// Names the call in telemetry.
    pub fn named(mut self, name: &'a str) -> Self {
        self.terms.rest().name = Some(name);
        self
    }

    #[inline]
    fn into_state<Next>(self) -> Call<'a, F, Args, Sentence<'a>, Next, K> {
        Call {
            operation: self.operation,
            terms: self.terms,
            classifier: self.classifier,
            key: self.key,
            deadline: self.deadline,
            reveal: self.reveal,
            state: PhantomData,
        }
    }
}

#[cfg(feature = "tokio")]
impl<'a, F, Args, K> Call<'a, F, Args, Sentence<'a>, Witnessed, K>
where
    F: Operation<Args>,
{
    /// Sets how long to wait between attempts.
    #[inline]
    pub fn with_backoff(mut self, backoff: Backoff) -> Call<'a, F, Args, Sentence<'a>, BackedOff, K> {
        self.terms.set_backoff(backoff);
        self.into_state()
    }

    /// Retries as `policy` says; this also replaces what `timeout` has set.
    pub fn policy(mut self, policy: Policy) -> Call<'a, F, Args, Sentence<'a>, Retried, K> {
        self.terms.policy = Some(policy);
        (self.terms.attempt_timeout_ms, self.terms.total_ms) = (None, None);
        self.into_state()
    }
}

#[cfg(feature = "tokio")]
impl<'a, F, Args, K> Call<'a, F, Args, Sentence<'a>, BackedOff, K>
where
    F: Operation<Args>,
{
    /// Tries at most `attempts` times, the first included; 0 means 1.
    #[inline]
    pub fn retry(mut self, attempts: u8) -> Call<'a, F, Args, Sentence<'a>, Retried, K> {
        self.terms.attempts = Some(NonZeroU8::new(attempts).unwrap_or(NonZeroU8::MIN));
        self.into_state()
    }
}
