//! Defects that can be planted on purpose, to see the tests catch them.
//!
//! Only a build with the feature `planted-bugs` can plant one: one bug at a time, chosen at run time by the name of
//! its variant in `KFM_PLANTED_BUG`. In every other build the question is a constant and costs nothing. Each bug is
//! a trap that an engine of this kind has fallen into; `testing/planted-bugs` plants each one, demands that the
//! test named here fails, and that it passes without the bug.

/// A defect of the engine, named after the trap it falls into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// The outcome of a batch is noted before its effect: after a crash in between, the batch counts as done.
    ///
    /// `test_crash_points`: `a_publish_killed_at_any_write_ends_as_planned_or_as_before`.
    OutcomeBeforeEffect,
    /// No intent is noted: an abort does not know which batches were begun.
    ///
    /// `test_crash_points`: `a_publish_killed_at_any_write_ends_as_planned_or_as_before`.
    NoIntent,
    /// Outcomes carry no direction: an abort takes the forward ones for its own.
    ///
    /// `test_crash_points`: `an_abort_of_a_publish_killed_at_any_write_goes_on_as_an_abort`.
    OutcomeWithoutDirection,
    /// An abort makes its steps in forward order: readers meet links to documents that are gone.
    ///
    /// `test_crash_points`: `an_abort_of_a_publish_killed_at_any_write_goes_on_as_an_abort`.
    AbortInForwardOrder,
    /// A rollback takes the documents back but not graph, search and cache.
    ///
    /// `traps`: `a_rollback_takes_every_store_back`.
    DerivedLeftBehind,
    /// A foreign value is overwritten.
    ///
    /// `traps`: `a_value_that_another_hand_wrote_meanwhile_is_kept_and_the_operation_is_held`.
    OverwriteForeign,
    /// The owner of a cell is guessed from its value.
    ///
    /// `traps`: `the_owner_of_a_document_is_told_by_the_log_and_not_by_its_value`.
    OwnerByValue,
    /// The predecessor is the version before, even if its publish was undone.
    ///
    /// `traps`: `what_is_restored_is_what_stands_and_not_what_was_undone`.
    PredecessorIgnoresUndone,
    /// Execution does not ask whether the plan is stale.
    ///
    /// `traps`: `a_plan_is_not_executed_after_a_publish_in_its_scope`.
    StalePlanExecuted,
    /// The end is judged by the absence of errors.
    ///
    /// `traps`: `an_operation_is_not_done_because_no_step_failed`.
    EndWithoutDigest,
    /// Execution trusts the policy decision that the plan was made with.
    ///
    /// `traps`: `a_plan_is_judged_again_when_it_is_executed`.
    PolicyOnlyAtPlan,
    /// A plan counts as valid if its digests fit; the log is not asked whether it has it.
    ///
    /// `forged`: `no_plan_but_those_of_the_log_is_executed_rehearsed_or_approved`.
    PlanNotInLog,
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
