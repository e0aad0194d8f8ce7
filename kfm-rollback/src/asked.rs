//! What was asked for, and what an operation is called in log, ledger and telemetry.

use kfm_lineage::{IdKind, OperationId, OperationKind};
use kfm_telemetry::Stage;
use kfm_telemetry::ledger::EntryKind;

use crate::history::Operation;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Publish,
    Adopt,
    Reconcile,
    Project,
    RollbackPlan,
    RollbackExecute,
    Revert,
    Hotfix,
    HotfixRevert,
    Resume,
    PlanCancel,
    Approve,
    Labels,
    Principals,
}

impl Asked {
    const ALL: [Self; 14] = [
        Self::Publish,
        Self::Adopt,
        Self::Reconcile,
        Self::Project,
        Self::RollbackPlan,
        Self::RollbackExecute,
        Self::Revert,
        Self::Hotfix,
        Self::HotfixRevert,
        Self::Resume,
        Self::PlanCancel,
        Self::Approve,
        Self::Labels,
        Self::Principals,
    ];

    /// Returns what undoing this operation is called: a hotfix has a word of its own.
    pub(crate) fn undoing(target: &OperationId, rollback: Self) -> Self {
        match target.kind() {
            IdKind::Hotfix => Self::HotfixRevert,
            IdKind::Publish | IdKind::Rollback => rollback,
        }
    }

    /// Returns the word of the log; durable.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Adopt => "adopt",
            Self::Reconcile => "reconcile",
            Self::Project => "project",
            Self::RollbackPlan => "rollback_plan",
            Self::RollbackExecute => "rollback_execute",
            Self::Revert => "revert",
            Self::Hotfix => "hotfix",
            Self::HotfixRevert => "hotfix_revert",
            Self::Resume => "resume",
            Self::PlanCancel => "plan_cancel",
            Self::Approve => "approve",
            Self::Labels => "labels",
            Self::Principals => "principals",
        }
    }

    /// Reads the word of the log; one of another version is the execution of a rollback.
    pub(crate) fn of_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|asked| asked.word() == word).unwrap_or(Self::RollbackExecute)
    }

    /// What an operation is in the ledger.
    pub(crate) fn entry_kind(self, resumed: Option<&Operation>) -> EntryKind {
        match self {
            Self::Publish => EntryKind::Publish,
            Self::Adopt => EntryKind::Adopt,
            Self::Reconcile => EntryKind::Reconcile,
            Self::Project => EntryKind::Project,
            Self::Revert => EntryKind::Revert,
            Self::Hotfix => EntryKind::Hotfix,
            Self::Approve => EntryKind::Approval,
            Self::Labels => EntryKind::Label,
            Self::Principals => EntryKind::PolicyChange,
            Self::Resume => resumed.map_or(EntryKind::Rollback, |resumed| resumed.kind.into()),
            Self::RollbackPlan | Self::RollbackExecute | Self::HotfixRevert | Self::PlanCancel => {
                EntryKind::Rollback
            }
        }
    }

    /// Returns the stage of its telemetry: the one under which it would have been completed.
    pub(crate) fn stage(self, resumed: Option<&Operation>) -> Stage {
        match self {
            Self::Publish => Stage::Publish,
            Self::Adopt => Stage::Adopt,
            Self::Reconcile => Stage::Reconcile,
            Self::Project => Stage::Project,
            Self::RollbackPlan | Self::PlanCancel => Stage::RollbackPlan,
            Self::RollbackExecute => Stage::RollbackExecute,
            Self::Revert => Stage::RollbackRevert,
            Self::Hotfix => Stage::HotfixApply,
            Self::HotfixRevert => Stage::HotfixRevert,
            Self::Approve => Stage::Approve,
            Self::Labels => Stage::Labels,
            Self::Principals => Stage::Principals,
            Self::Resume => {
                resumed.map_or(Stage::RollbackExecute, |resumed| stage_of(resumed.kind, &resumed.target))
            }
        }
    }
}

/// Returns the stage under which an operation is recorded; taking a hotfix back is one of the hotfix's stages
/// (R90).
pub(crate) fn stage_of(kind: OperationKind, target: &OperationId) -> Stage {
    match kind {
        OperationKind::Publish => Stage::Publish,
        OperationKind::Adopt => Stage::Adopt,
        OperationKind::Reconcile => Stage::Reconcile,
        OperationKind::Project => Stage::Project,
        OperationKind::Rollback if target.kind() == IdKind::Hotfix => Stage::HotfixRevert,
        OperationKind::Rollback => Stage::RollbackExecute,
        OperationKind::Revert => Stage::RollbackRevert,
        OperationKind::Hotfix => Stage::HotfixApply,
    }
}
