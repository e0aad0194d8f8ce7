//! How a call ends that did not succeed: the caller's own error, and why nobody tries again.

use std::fmt;
use std::time::Duration;

use crate::classify::{Classify, ErrorClass, Verdict};

/// A call that was given up.
///
/// The caller's error comes back as it was. There is none if the last attempt was cut off by a time-out or
/// none was made; [`Report::reason`] and the last class say which.
pub struct Failed<E> {
    /// The error of the last attempt.
    pub error: Option<E>,
    /// Why nobody tries again, and what was tried.
    pub report: Box<Report>,
}

/// What happened in a call that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Why nobody tries again.
    pub reason: Reason,
    /// The class of the last failure.
    pub class: ErrorClass,
    /// How many attempts were made.
    pub attempts: u8,
    /// How long the call was told to wait between attempts, in all.
    pub waited: Duration,
    /// The attempts that failed, oldest first.
    pub history: Vec<AttemptRecord>,
}

/// One attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptRecord {
    /// What kind of failure it was.
    pub class: ErrorClass,
    /// The wait that followed.
    pub delay: Duration,
}

/// Why a call is not tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// All attempts of the policy were made.
    AttemptsExhausted,
    /// All attempts that its class allows were made.
    ClassLimit,
    /// Another attempt cannot help, or nobody knows that it can: mend the cause.
    NotRetryable,
    /// The wait would have ended at or after the deadline.
    DeadlineWouldPass {
        /// The wait that was due.
        delay: Duration,
    },
    /// The deadline passed, during an attempt or before the first.
    DeadlinePassed,
    /// The service asked for a longer wait than the policy allows: come back then.
    HintTooLong {
        /// The wait that it asked for.
        hint: Duration,
    },
    /// The process has spent its retries: the service is in trouble for everybody.
    BudgetEmpty,
    /// The breaker is open.
    CircuitOpen {
        /// When the breaker lets a trial call through; unknown while one runs or an operator isolates it.
        retry_in: Option<Duration>,
    },
    /// A policy further out retries this call.
    NestedInner,
    /// A policy further in has retried this call already.
    SpentFurtherIn,
    /// The request cannot be sent twice.
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

    /// Returns why nobody tries again.
    pub fn reason(&self) -> Reason {
        self.report.reason
    }

    /// Returns the class of the last failure.
    pub fn class(&self) -> ErrorClass {
        self.report.class
    }

    /// Returns how many attempts were made.
    pub fn attempts(&self) -> u8 {
        self.report.attempts
    }

    /// Turns the caller's error into another type, such as a broader one.
    pub fn map<T>(self, f: impl FnOnce(E) -> T) -> Failed<T> {
        Failed { error: self.error.map(f), report: self.report }
    }

    /// Returns the caller's error, or what `otherwise` makes of the report if no attempt ended in one.
    pub fn into_error(self, otherwise: impl FnOnce(Report) -> E) -> E {
        match self.error {
            Some(error) => error,
            None => otherwise(*self.report),
        }
    }
}

impl<E> Classify for Failed<E> {
    /// Has the class of the last failure, and is spent unless it was left to a policy further out.
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
