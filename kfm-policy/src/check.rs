//! [`PolicyCheck`]: a rule of the platform's owner, which can only add denials (R67).

use std::fmt::Debug;

use crate::advice::Advice;
use crate::facts::OperationFacts;

/// Judges operations by a rule of the platform's own, beside the built-in rules.
///
/// A check cannot allow anything. What the built-in rules deny stays denied, and the check's own 'no', its
/// silence, its doubt and its panic deny too. So a broken check stops operations and lets none through, which
/// is the safe way to fail on a governed platform.
///
/// # Laws
/// - **Named**: [`id`](PolicyCheck::id) is always the same, not blank, and not that of a built-in rule.
/// - **Pure**: the same facts give the same verdict; time is in the facts, and nothing else is read.
/// - **Total**: any facts get a verdict: documents that are not JSON, no documents, no label, no steps.
/// - **Counts**: a [`Verdict::Pass`] says how many steps were looked at. Facts without steps do not pass,
///   because a check that looked at nothing is a denial.
/// - **Speaks**: a [`Verdict::Fail`] has an objection, and each objection has a subject, a message and a
///   remedy.
/// - **Discreet**: no objection contains a text from the documents of a protected entity.
///
/// # Implementing
/// Do no I/O and keep no state: a check is asked at plan, at execution and at recovery, and may be asked
/// twice. An engine for policies from files (Rego, Cedar) ignores a rule that fails; map its errors to
/// [`Verdict::Unknown`]. Run `conformance` (feature `test-util`) on the check.
///
/// ```
/// use kfm_policy::{Objection, OperationFacts, PolicyCheck, Verdict};
///
/// /// Nothing moves on Fridays.
/// #[derive(Debug)]
/// struct NotOnFridays;
///
/// impl PolicyCheck for NotOnFridays {
///     fn id(&self) -> &str {
///         "X-not-on-fridays"
///     }
///     fn version(&self) -> &str {
///         "1"
///     }
///     fn check(&self, facts: &OperationFacts<'_>) -> Verdict {
///         let day = facts.now.to_zoned(jiff::tz::TimeZone::UTC).weekday();
///         if facts.steps.is_empty() {
///             return Verdict::Unknown { why: "there are no steps to look at".into() };
///         }
///         if day != jiff::civil::Weekday::Friday {
///             return Verdict::Pass { entities: facts.steps.len() as u64 };
///         }
///         Verdict::Fail(vec![Objection {
///             subject: "operation".into(),
///             message: "it is Friday".into(),
///             remedy: "execute the plan on Monday".into(),
///         }])
///     }
/// }
///
/// let policy = kfm_policy::Policy::default().with_check(std::sync::Arc::new(NotOnFridays));
/// assert_ne!(policy.snapshot_ref(), kfm_policy::Policy::default().snapshot_ref());
/// ```
pub trait PolicyCheck: Debug + Send + Sync {
    /// Returns the check's id, which findings and the policy snapshot contain.
    fn id(&self) -> &str;

    /// Returns the check's version; another version is another policy.
    fn version(&self) -> &str;

    /// Judges an operation by its facts.
    fn check(&self, facts: &OperationFacts<'_>) -> Verdict;
}

// Proves that the trait stays object-safe: policies hold `Arc<dyn PolicyCheck>`.
const _: Option<&dyn PolicyCheck> = None;

/// The answer of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The check has no objection.
    Pass {
        /// Number of steps that the check looked at.
        entities: u64,
    },
    /// The check has these objections.
    Fail(Vec<Objection>),
    /// The check cannot tell; this denies.
    Unknown {
        /// What was missing, in words.
        why: String,
    },
}

/// One objection of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// The subject: a path in the catalog, or `operation`.
    pub subject: String,
    /// What is wrong, in words.
    pub message: String,
    /// What to do about it; a text is an advice.
    pub remedy: Advice,
}
