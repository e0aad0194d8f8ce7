//! What was asked for, and what an operation is called in log, ledger and telemetry.

use kfm_lineage::{OperationId, OperationKind};
use kfm_telemetry::Stage;
use kfm_telemetry::ledger::OperationType;
use kfm_wal::record::EndState;

use crate::history::{Kind, Operation};
use crate::report::Status;

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
            OperationKind::Hotfix => Self::HotfixRevert,
            OperationKind::Publish | OperationKind::Rollback => rollback,
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
    pub(crate) fn operation_type(self, resumed: Option<&Operation>) -> OperationType {
        match self {
            Self::Publish => OperationType::Publish,
            Self::Adopt => OperationType::Adopt,
            Self::Reconcile => OperationType::Reconcile,
            Self::Project => OperationType::Project,
            Self::Revert => OperationType::Revert,
            Self::Hotfix => OperationType::Hotfix,
            Self::Approve => OperationType::Approval,
            Self::Labels => OperationType::Label,
            Self::Principals => OperationType::PolicyChange,
            Self::Resume => resumed.map_or(OperationType::Rollback, |resumed| operation_type(resumed.kind)),
            Self::RollbackPlan | Self::RollbackExecute | Self::HotfixRevert | Self::PlanCancel => {
                OperationType::Rollback
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

/// What an operation is in the ledger.
pub(crate) fn operation_type(kind: Kind) -> OperationType {
    match kind {
        Kind::Publish => OperationType::Publish,
        Kind::Adopt => OperationType::Adopt,
        Kind::Reconcile => OperationType::Reconcile,
        Kind::Project => OperationType::Project,
        Kind::Rollback => OperationType::Rollback,
        Kind::Revert => OperationType::Revert,
        Kind::Hotfix => OperationType::Hotfix,
    }
}

/// Returns the stage under which an operation is recorded; taking a hotfix back is one of the hotfix's stages
/// (R90).
pub(crate) fn stage_of(kind: Kind, target: &OperationId) -> Stage {
    match kind {
        Kind::Publish => Stage::Publish,
        Kind::Adopt => Stage::Adopt,
        Kind::Reconcile => Stage::Reconcile,
        Kind::Project => Stage::Project,
        Kind::Rollback if target.kind() == OperationKind::Hotfix => Stage::HotfixRevert,
        Kind::Rollback => Stage::RollbackExecute,
        Kind::Revert => Stage::RollbackRevert,
        Kind::Hotfix => Stage::HotfixApply,
    }
}

/// Turns the end of an operation into its status word.
pub(crate) fn status_of(end: EndState) -> Status {
    match end {
        EndState::Completed => Status::Completed,
        EndState::Aborted => Status::Aborted,
        EndState::Failed => Status::Failed,
    }
}
