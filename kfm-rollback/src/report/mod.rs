//! What operations answer: the data behind every screen and every `--json` object.
//!
//! Each report serialises to the keys of the command's contract; the command adds `schema`, `ok` and
//! `exit_code`. Lists without a bound carry their total, the first [`FIRST_MAX`] entries and, where there are
//! more, the file that holds all.

mod adoption;
mod approval;
mod finding;
mod health;
mod hotfix;
mod listing;
mod operation;
mod plan;
mod publish;
mod status;

pub use adoption::{AdoptReport, ForeignCell, ProjectionLine, ReconcileReport};
pub use approval::{ApprovalLine, ApprovalsReport, PrincipalLine};
pub use finding::{ConflictLine, Conflicts, FindingLine};
pub use health::{
    CatalogReport, CheckLine, DoctorReport, InitReport, LedgerVerifyReport, OwnHealth, StoreHealth,
    StoreSummary, VerifyReport, WalProbe,
};
pub use hotfix::{FieldChange, HotfixReport};
pub use listing::{CellCount, FIRST_MAX, Listing};
pub use operation::{ExecuteReport, OperationLine, RollbackList, RollbackShow, RunningLine, StatusReport};
pub use plan::{DecisionLine, DryRunReport, PlanReport, ScopeCounts, SkippedLine, StepLine};
pub use publish::{PublishLine, PublishList, PublishReport, PublishShow, SweepLine};
pub use status::Status;
