//! What a rollback, or its plan, is asked for.

use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::report::FIRST_MAX;

/// Which rollback to plan, and how.
#[derive(Debug, Clone, Default)]
pub struct PlanRequest {
    /// The publish that is to be undone: an id, a unique prefix, or `latest`.
    pub publish: String,
    /// The file into which a copy of the plan is written.
    pub out: Option<PathBuf>,
    /// Whether to hide a document that today's protection does not let through and that cannot be masked; else the
    /// plan is denied.
    pub hide_unmaskable: bool,
    /// Keys of cells to leave alone; each must hold a foreign value.
    pub skip: Vec<String>,
    /// The justification with which the plan is forced through although artefacts are missing (R46).
    pub force: Option<String>,
    /// The reason that the actor gives.
    pub reason: Option<String>,
}

impl PlanRequest {
    /// Plans to undo a publish.
    pub fn new(publish: impl Into<String>) -> Self {
        Self { publish: publish.into(), ..Self::default() }
    }
}

/// What to rehearse or execute.
#[derive(Debug, Clone)]
pub enum PlanTarget {
    /// The rollback of this publish: an id, a unique prefix, or `latest`. It is planned anew unless a stored plan
    /// fits.
    Publish(String),
    /// The revert of this rollback: an id, a unique prefix, or `latest`.
    Revert(String),
    /// The revert of this hotfix: an id, or a unique prefix.
    Hotfix(String),
    /// This plan: its id, a unique prefix, the id of its operation, or its file.
    Plan(String),
}

/// What to rehearse, and how.
#[derive(Debug, Clone)]
pub struct DryRunRequest {
    /// The plan, or the operation whose undoing is rehearsed.
    pub target: PlanTarget,
    /// Keys of cells to leave alone; must be empty for a stored plan.
    pub skip: Vec<String>,
    /// The justification with which it would be forced through although artefacts are missing (R46); must be left out for a
    /// stored plan.
    pub force: Option<String>,
    /// Whether it would hide a document that today's protection does not let through and that cannot be masked.
    pub hide_unmaskable: bool,
    /// The most entries of each list that the answer has; `usize::MAX` shows all.
    pub first_max: usize,
}

impl DryRunRequest {
    /// Rehearses `target`.
    pub fn new(target: PlanTarget) -> Self {
        Self { target, skip: Vec::new(), force: None, hide_unmaskable: false, first_max: FIRST_MAX }
    }
}

/// Refuses to change a stored plan when it is executed or rehearsed: it was approved as it was made.
///
/// # Errors
/// [`Error::Invalid`]: plan again.
pub(super) fn refuse_other_plan(skip: &[String], force: Option<&String>) -> Result<()> {
    if skip.is_empty() && force.is_none() {
        return Ok(());
    }
    Err(Error::invalid(
        "a plan is executed exactly as it was made: nothing more is left alone, and nothing is forced",
        "plan again with what is to be left alone",
    ))
}

/// What to execute, and why.
#[derive(Debug, Clone)]
pub struct ExecuteRequest {
    /// The plan, or the operation that is to be planned and executed.
    pub target: PlanTarget,
    /// The reason that the actor gives; must not be blank.
    pub reason: String,
    /// Keys of cells to leave alone; must be empty if a stored plan is executed.
    pub skip: Vec<String>,
    /// The justification with which the rollback is forced through although artefacts are missing (R46).
    pub force: Option<String>,
}

impl ExecuteRequest {
    /// Executes `target` for `reason`.
    pub fn new(target: PlanTarget, reason: impl Into<String>) -> Self {
        Self { target, reason: reason.into(), skip: Vec::new(), force: None }
    }
}
