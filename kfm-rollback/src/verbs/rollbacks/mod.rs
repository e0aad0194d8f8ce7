//! Rollbacks and reverts, as methods of a platform.

mod answer;
mod dry_run;
mod execute;
mod listing;
mod plan;
mod request;
mod revert;

pub use request::{DryRunRequest, ExecuteRequest, PlanRequest, PlanTarget};

pub(super) use answer::executed;
pub(super) use dry_run::{refused_rehearsal, rehearsed};
pub(super) use execute::require_reason;
pub(super) use plan::{foreign_remedies, stored_plan};
