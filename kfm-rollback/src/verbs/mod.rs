//! What a platform can be asked to do: a file a verb, each with its methods of [`Platform`].

mod approve;
mod check;
mod course;
mod doctor;
mod export;
mod hotfixes;
mod init;
mod labels;
mod latest;
mod ledger;
mod ledger_content;
mod may_change;
mod objectives;
mod plans;
mod publishes;
mod rollbacks;
mod standing;
mod status;
mod verify;

pub use check::check_documents;
pub use hotfixes::{Hotfix, HotfixDone, HotfixRequest, StandingDocument};
pub use labels::{LabelAssign, LabelLine, LabelsReport};
pub use rollbacks::{DryRunRequest, ExecuteRequest, PlanRequest, PlanTarget};

use crate::platform::Platform;
