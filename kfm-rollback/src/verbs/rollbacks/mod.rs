//! Rollbacks and reverts, as methods of a platform.

mod answer;
mod dry_run;
mod execute;
mod listing;
mod plan;
mod request;
mod revert;

pub use request::{ExecuteRequest, PlanRequest, PlanTarget};

pub(super) use answer::executed;
pub(super) use dry_run::{refused_rehearsal, rehearsed};
pub(super) use execute::require_reason;
pub(super) use plan::stored_plan;
