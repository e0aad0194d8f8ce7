//! Defects that can be planted on purpose, to see the tests catch them.
//!
//! Only a build with the feature `planted-bugs` can do it, one bug at a time, chosen at run time by the name of
//! its variant in `KFM_PLANTED_BUG`; in every other build the question is a constant and leaves nothing behind.
//! Each bug is a trap that an engine of this kind has fallen into. No test is run against them yet.

/// A defect of the engine, by the trap it falls into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// The outcome of a batch is noted before its effect: a crash in between is taken for done.
    OutcomeBeforeEffect,
    /// No intent is noted: an abort does not know what was begun.
    NoIntent,
    /// Outcomes carry no direction: an abort believes the forward ones.
    OutcomeWithoutDirection,
    /// An abort makes its steps in forward order: readers meet links to what is gone already.
    AbortInForwardOrder,
    /// A foreign value is overwritten.
    OverwriteForeign,
    /// The owner of a cell is guessed from its value.
    OwnerByValue,
    /// The predecessor is the version before, even if its publish was undone.
    PredecessorIgnoresUndone,
    /// Execution does not ask whether the plan is stale.
    StalePlanExecuted,
    /// The end is judged by the absence of errors.
    EndWithoutDigest,
    /// The bytes of new versions are stored after the switch.
    BytesAfterSwitch,
    /// Execution trusts the policy decision of the plan.
    PolicyOnlyAtPlan,
}

#[cfg(feature = "planted-bugs")]
mod chosen {
    use std::sync::OnceLock;

    /// Names the bug to plant, in a build with the feature `planted-bugs`.
    pub(crate) const VARIABLE: &str = "KFM_PLANTED_BUG";

    /// Says whether this bug was chosen.
    pub(crate) fn planted(bug: super::Bug) -> bool {
        static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
        #[allow(clippy::disallowed_methods, reason = "the build with planted bugs is no product")]
        let chosen = CHOSEN.get_or_init(|| std::env::var(VARIABLE).ok());
        chosen.as_deref() == Some(format!("{bug:?}").as_str())
    }
}

#[cfg(feature = "planted-bugs")]
pub(crate) use chosen::planted;

/// Says whether this bug was chosen; never, in this build.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn planted(_: Bug) -> bool {
    false
}
