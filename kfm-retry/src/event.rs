//! What observers are told about retried calls: failed attempts and changes of state, and nothing else (R85).
//!
//! A healthy call sends no event, so that events cost it nothing. Events carry the class of an error and not
//! its text, which may hold what must not be in a log; a caller says explicitly when the text may be shown.

use crate::breaker::Change;
use crate::classify::ErrorClass;
use crate::failed::Reason;

/// Something that an observer is told about a retried call.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An attempt failed, or was refused before it began.
    Attempt(AttemptFailed<'a>),
    /// A call succeeded after at least one attempt had failed.
    Recovered {
        /// The name of the call.
        call: &'a str,
        /// The number, from 0, of the attempt that succeeded.
        retry_attempt: u8,
    },
    /// A breaker changed its state.
    Breaker {
        /// The name of the breaker.
        breaker: &'a str,
        /// The change of its state.
        change: Change,
    },
}

/// An attempt that failed, in the words of the toolkit's telemetry.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct AttemptFailed<'a> {
    /// The name of the call.
    pub call: &'a str,
    /// The number of the attempt, from 0.
    pub retry_attempt: u8,
    /// The wait before the next attempt, in milliseconds; 0 if there is no next attempt.
    pub retry_delay_ms: u64,
    /// Whether a breaker refused the attempt.
    pub circuit_open: bool,
    /// The kind of failure.
    pub error_class: ErrorClass,
    /// Whether a failure of that class may be tried again at all.
    pub retryable: bool,
    /// What happens after the failure.
    pub outcome: Outcome,
    /// Why the call was given up; `None` if it is tried again.
    #[cfg_attr(feature = "serde", serde(serialize_with = "reason_name"))]
    pub gave_up: Option<Reason>,
    /// The error's text; `None` unless the caller allows that it is shown.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub error_text: Option<&'a str>,
}

/// What happens after an attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Outcome {
    /// Another attempt follows, after the wait.
    Retried,
    /// The call is given up: the caller gets the error.
    GaveUp,
}

impl Outcome {
    /// Returns the name in telemetry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retried => "retried",
            Self::GaveUp => "gave_up",
        }
    }
}

#[cfg(feature = "serde")]
fn reason_name<S: serde::Serializer>(reason: &Option<Reason>, serializer: S) -> Result<S::Ok, S::Error> {
    match reason {
        Some(reason) => serializer.serialize_some(reason.as_str()),
        None => serializer.serialize_none(),
    }
}

/// Is told what happens in retried calls.
///
/// # Implementing
/// This runs in the middle of the call: do not block, and do not call back into the same breaker.
pub trait Observer: Send + Sync {
    /// Takes note of `event`.
    fn observe(&self, event: &Event<'_>);
}

const _OBJECT_SAFE: Option<&dyn Observer> = None;

impl<F: Fn(&Event<'_>) + Send + Sync> Observer for F {
    fn observe(&self, event: &Event<'_>) {
        self(event);
    }
}

/// Tells the observer, and `tracing` if that feature is on.
pub(crate) fn emit(observer: Option<&dyn Observer>, event: &Event<'_>) {
    #[cfg(feature = "tracing")]
    trace(event);
    if let Some(observer) = observer {
        observer.observe(event);
    }
}

/// The fields of R85, under the names of the toolkit's telemetry.
#[cfg(feature = "tracing")]
fn trace(event: &Event<'_>) {
    match event {
        Event::Attempt(failed) => tracing::warn!(
            target: "kfm_retry",
            call = failed.call,
            retry_attempt = failed.retry_attempt,
            retry_delay_ms = failed.retry_delay_ms,
            circuit_open = failed.circuit_open,
            error_class = failed.error_class.as_str(),
            retryable = failed.retryable,
            outcome = failed.outcome.as_str(),
            gave_up = failed.gave_up.as_ref().map(Reason::as_str),
            error_text = failed.error_text,
            "attempt failed"
        ),
        Event::Recovered { call, retry_attempt } => {
            tracing::info!(target: "kfm_retry", call, retry_attempt, outcome = "recovered", "call recovered");
        }
        Event::Breaker { breaker, change } => tracing::warn!(
            target: "kfm_retry",
            breaker,
            from = change.from.as_str(),
            to = change.to.as_str(),
            generation = change.generation,
            circuit_open = change.to != crate::breaker::State::Closed,
            "breaker changed"
        ),
    }
}
