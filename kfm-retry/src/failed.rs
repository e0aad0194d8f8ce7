//! How a call ends that did not succeed: the caller's own error, and why it is not tried again.

use std::fmt;
use std::time::Duration;

use crate::classify::{Classify, ErrorClass, Verdict};

/// A call that was given up.
///
/// The caller's error comes back as it was. There is no error if a time-out cut the last attempt off or if no
/// attempt was made; [`Report::reason`] and the last class say which.
pub struct Failed<E> {
    /// The error of the last attempt; `None` if it did not return one.
    pub error: Option<E>,
    /// Why the call is not tried again, and what was tried.
    pub report: Box<Report>,
}

/// What happened in a call that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Why the call is not tried again.
    pub reason: Reason,
    /// The class of the last failure.
    pub class: ErrorClass,
    /// How many attempts were made, the first included.
    pub attempts: u8,
    /// How long the call was told to wait, summed over all its waits.
    pub waited: Duration,
    /// The attempts that failed, the oldest first.
    pub history: Vec<AttemptRecord>,
}

/// One attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptRecord {
    /// The kind of failure.
    pub class: ErrorClass,
    /// The wait that followed; zero after the last attempt.
    pub delay: Duration,
}

/// Why a call is not tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// All attempts of the policy were made.
    AttemptsExhausted,
    /// All attempts that the class of the failure allows were made.
    ClassLimit,
    /// Another attempt cannot help, or is not known to help: repair the cause.
    NotRetryable,
    /// The wait would have ended at or after the deadline.
    DeadlineWouldPass {
        /// The wait that the policy had planned.
        delay: Duration,
    },
    /// The deadline passed, during an attempt or before the first one.
    DeadlinePassed,
    /// The service asked for a longer wait than the policy allows: call again after that wait.
    HintTooLong {
        /// The wait that the service asked for.
        hint: Duration,
    },
    /// The process has spent its retries: the dependency fails for all its callers.
    BudgetEmpty,
    /// The breaker refused the call, or was opened during the call: call again later.
    CircuitOpen {
        /// In how much time the breaker lets a trial call through; `None` while one runs or an operator
        /// isolates the breaker.
        retry_in: Option<Duration>,
    },
    /// An outer policy retries this call, so this one does not.
    NestedInner,
    /// An inner policy has retried this call already.
    SpentFurtherIn,
    /// The request cannot be sent twice: it cannot be copied.
    NotReplayable,
}

impl Reason {
    /// Returns the name in telemetry.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::AttemptsExhausted => "attempts_exhausted",
            Self::ClassLimit => "class_limit",
            Self::NotRetryable => "not_retryable",
            Self::DeadlineWouldPass { .. } => "deadline_would_pass",
            Self::DeadlinePassed => "deadline_passed",
            Self::HintTooLong { .. } => "hint_too_long",
            Self::BudgetEmpty => "budget_empty",
            Self::CircuitOpen { .. } => "circuit_open",
            Self::NestedInner => "nested_inner",
            Self::SpentFurtherIn => "spent_further_in",
            Self::NotReplayable => "not_replayable",
        }
    }
}

impl<E> Failed<E> {
    pub(crate) fn without_error(report: Box<Report>) -> Self {
        Self { error: None, report }
    }

    /// Returns why the call is not tried again.
    pub fn reason(&self) -> Reason {
        self.report.reason
    }

    /// Returns the class of the last failure.
    pub fn class(&self) -> ErrorClass {
        self.report.class
    }

    /// Returns how many attempts were made, the first included.
    pub fn attempts(&self) -> u8 {
        self.report.attempts
    }

    /// Turns the caller's error into another type, such as a broader one; keeps the report.
    pub fn map<T>(self, f: impl FnOnce(E) -> T) -> Failed<T> {
        Failed { error: self.error.map(f), report: self.report }
    }

    /// Returns the caller's error, or what `otherwise` makes of the report if no attempt returned an error.
    pub fn into_error(self, otherwise: impl FnOnce(Report) -> E) -> E {
        match self.error {
            Some(error) => error,
            None => otherwise(*self.report),
        }
    }
}

impl<E> Classify for Failed<E> {
    /// Has the class of the last failure. Its attempts count as spent, unless the retry was left to an outer
    /// policy.
    fn classify(&self) -> Verdict {
        Verdict {
            class: self.report.class,
            retry_after: None,
            spent: !matches!(self.report.reason, Reason::NestedInner),
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for Failed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failed").field("error", &self.error).field("report", &self.report).finish()
    }
}

impl<E> fmt::Display for Failed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { reason, class, attempts, waited, .. } = &*self.report;
        write!(
            f,
            "call given up: reason=`{}` error_class=`{class}` attempts=`{attempts}` waited_ms=`{}`",
            reason.as_str(),
            waited.as_millis()
        )
    }
}

impl<E: std::error::Error + 'static> std::error::Error for Failed<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.as_ref().map(|error| error as _)
    }
}
