//! The kinds of operation, in the words of the log (R21, R22).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::IdKind;

/// What an operation of the log does.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// Moves references to what a pipeline published.
    Publish,
    /// A genesis: records what stood in the stores before the log. Moves nothing.
    Adopt,
    /// Records what was changed in the stores without the engine. Moves nothing.
    Reconcile,
    /// Makes derived cells what the documents say.
    Project,
    /// Corrects one field.
    Hotfix,
    /// Undoes a publish or a hotfix.
    Rollback,
    /// Makes an undone publish or hotfix again.
    Revert,
}

impl OperationKind {
    /// Returns the word used in records and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Adopt => "adopt",
            Self::Reconcile => "reconcile",
            Self::Project => "project",
            Self::Hotfix => "hotfix",
            Self::Rollback => "rollback",
            Self::Revert => "revert",
        }
    }

    /// Returns what the id of such an operation tells of it.
    pub fn id_kind(self) -> IdKind {
        match self {
            Self::Publish | Self::Adopt | Self::Reconcile | Self::Project => IdKind::Publish,
            Self::Hotfix => IdKind::Hotfix,
            Self::Rollback | Self::Revert => IdKind::Rollback,
        }
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
