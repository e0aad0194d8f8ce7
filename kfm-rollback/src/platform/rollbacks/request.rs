//! What a rollback, or its plan, is asked for.

use std::path::PathBuf;

use crate::platform::publishes::Cascade;

/// What is to be planned.
#[derive(Debug, Clone, Default)]
pub struct PlanRequest {
    /// The publish that is to be undone: an id, a unique prefix, or `latest`.
    pub publish: String,
    /// Where a copy of the plan is to be put.
    pub out: Option<PathBuf>,
    /// Hide what protection outgrew and nothing can mask.
    pub hide_unmaskable: bool,
    /// What happens to later work that was derived from it; none refuses.
    pub cascade: Option<Cascade>,
    /// Cells that are left alone, by key.
    pub skip: Vec<String>,
    /// The justification with which missing artefacts are gone over (R46).
    pub force: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl PlanRequest {
    /// Plans to undo a publish.
    pub fn new(publish: impl Into<String>) -> Self {
        Self { publish: publish.into(), ..Self::default() }
    }
}

/// What is rehearsed or executed.
#[derive(Debug, Clone)]
pub enum PlanTarget {
    /// The rollback of this publish, planned anew if need be.
    Publish(String),
    /// The revert of this rollback: an id, a unique prefix, or `latest`.
    Revert(String),
    /// The revert of this hotfix: an id, or a unique prefix.
    Hotfix(String),
    /// This plan: its id, a unique prefix, the id of its operation, or its file.
    Plan(String),
}

/// What is to be executed.
#[derive(Debug, Clone)]
pub struct ExecuteRequest {
    /// The plan, or what is to be planned.
    pub target: PlanTarget,
    /// Why.
    pub reason: String,
    /// Cells that are left alone, by key; only where it is planned anew.
    pub skip: Vec<String>,
    /// The justification with which missing artefacts are gone over (R46).
    pub force: Option<String>,
}

impl ExecuteRequest {
    /// Executes `target` for `reason`.
    pub fn new(target: PlanTarget, reason: impl Into<String>) -> Self {
        Self { target, reason: reason.into(), skip: Vec::new(), force: None }
    }
}
