//! What operations answer: the data behind every screen and every answer of a command.
//!
//! Each report serialises to the keys of the command's contract; the command adds `schema`, `ok` and `exit_code`. A
//! list of any length carries its total, the first [`FIRST_MAX`] entries and, in `all`, the command that writes
//! every entry.

mod adoption;
mod approval;
mod finding;
mod health;
mod hotfix;
mod listing;
mod operation;
mod plan;
mod plan_show;
mod publish;

pub use adoption::{AdoptReport, ForeignCell, ProjectionLine, ReconcileReport};
pub use approval::{ApprovalLine, ApprovalsReport, PrincipalLine};
pub use finding::{ConflictLine, Conflicts, FindingLine, MISSING_PART};
pub use health::{
    CatalogReport, CheckLine, DoctorReport, InitReport, LedgerVerifyReport, OwnHealth, StoreHealth,
    StoreSummary, VerifyReport, WalProbe,
};
pub use hotfix::{FieldChange, HotfixReport};
pub use kfm_lineage::Status;
pub use listing::{
    Alike, CellCount, FIRST_MAX, GROUPS_MAX, Group, GroupKey, Grouped, KINDS_MAX, Listing, SAMPLES_MAX,
};
pub use operation::{
    ExecuteReport, GivenApproval, HotfixList, MomentLine, OperationLine, ProtectedLine, RollbackList,
    RollbackShow, RunningLine, StatusReport, StoreWait,
};
pub use plan::{DecisionLine, DryRunReport, PlanReport, ScopeCounts, SkippedLine, StepLine};
pub use plan_show::{PlanCancel, PlanLine, PlanList, PlanShow};
pub use publish::{PublishLine, PublishList, PublishReport, PublishShow, SweepLine};
