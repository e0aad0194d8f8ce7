//! [`PolicyCheck`]: a rule written by somebody else, which can only add denials (R67).

use std::fmt::Debug;

use crate::facts::OperationFacts;

/// Judges operations by a rule of one's own, beside the built-in ones.
///
/// A check cannot allow anything: what the built-in rules deny stays denied, and the check's own 'no', its
/// silence, its doubt and its panic deny as well. So a broken check stops operations and lets none through,
/// which is the only way round that a governed platform can stand.
///
/// # Laws
/// - **Named**: [`id`](PolicyCheck::id) is always the same, not blank, and not that of a built-in rule.
/// - **Pure**: the same facts give the same verdict; time is in the facts, and nothing else is read.
/// - **Total**: any facts get a verdict: documents that are not JSON, no documents, no label, no steps.
/// - **Counts**: a [`Verdict::Pass`] says how many steps were looked at; of facts without steps none is
///   passed, since nothing checked is a denial.
/// - **Speaks**: a [`Verdict::Fail`] has an objection, and each objection has a subject, a message and a
///   remedy.
/// - **Discreet**: no text that a protected entity's documents carry stands in an objection.
///
/// # Implementing
/// Do no I/O and keep no state: a check is asked at plan, at execution and at recovery, and may be asked
/// twice. An engine of policies from files (Rego, Cedar) lets a rule that errs pass; map its errors to
/// [`Verdict::Unknown`]. Run `conformance` (feature `test-util`) on it.
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
    /// Returns the check's id in findings and in the policy snapshot.
    fn id(&self) -> &str;

    /// Returns the check's version; another version is another policy.
    fn version(&self) -> &str;

    /// Judges an operation.
    fn check(&self, facts: &OperationFacts<'_>) -> Verdict;
}

// Proof that the trait stays object-safe: policies hold `Arc<dyn PolicyCheck>`.
const _: Option<&dyn PolicyCheck> = None;

/// What a check says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It has no objection.
    Pass {
        /// How many steps it looked at.
        entities: u64,
    },
    /// It objects.
    Fail(Vec<Objection>),
    /// It cannot tell; denies.
    Unknown {
        /// What was missing.
        why: String,
    },
}

/// One thing to which a check objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// What it is about: a path in the catalog, or `operation`.
    pub subject: String,
    /// What is so.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}
