//! Plans that are made and stored, and nothing else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use kfm_lineage::{IdKind, OperationId, RollbackId};
use kfm_policy::Remedy;
use kfm_wal::record::PlanRecord;

use super::answer::nothing_report;
use super::request::PlanRequest;
use super::revert::revert_or_record;
use crate::asked::Asked;
use crate::assess::denied;
use crate::error::{Error, Result};
use crate::execute::foreign_values;
use crate::plan::{
    Draft, Drafted, Plan, Wanted, bytes_of, draft, is_plan_file, load_plan, plan_report, store_plan,
};
use crate::platform::Platform;
use crate::platform::files::write_durably;
use crate::refusal::recorded;
use crate::report::{ConflictLine, FIRST_MAX, PlanReport};
use crate::resolve;
use crate::session::Session;

impl Platform {
    /// Plans the rollback of a publish, and stores the plan.
    ///
    /// # Errors
    /// [`Error::Denied`]: a rule denies it. [`Error::Conflict`]: something stands against it, as the error says.
    /// [`Error::Incomplete`]: the log or the version store lacks what it needs.
    pub async fn plan(&self, request: PlanRequest) -> Result<PlanReport> {
        if let Some(out) = &request.out {
            self.refuse_plan_file(out)?;
        }
        let mut session = Session::write(self, "rollback plan").await?;
        let publish = resolve::publish(&session, &request.publish)?;
        let mut wanted = Wanted::rollback(publish.id.clone());
        wanted.hide_unmaskable = request.hide_unmaskable;
        wanted.skip = request.skip;
        wanted.forced = request.force;
        wanted.reason = request.reason;
        self.plan_wanted(&mut session, wanted, request.out).await
    }

    /// Refuses to write a plan to a place where a file stands that is no plan, or that is the platform's own.
    ///
    /// # Errors
    /// [`Error::Invalid`]: name another file.
    pub fn refuse_plan_file(&self, out: &Path) -> Result<()> {
        self.refuse_to_write_over(out, is_plan_file)
    }

    /// Plans to take a rollback back, and stores the plan.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    pub async fn plan_revert(&self, id: &str, reason: Option<String>) -> Result<PlanReport> {
        let mut session = Session::write(self, "rollback revert").await?;
        let wanted = revert_or_record(&mut session, Asked::Revert, id, reason).await?;
        self.plan_wanted(&mut session, wanted, None).await
    }

    pub(in crate::verbs) async fn plan_wanted(
        &self,
        session: &mut Session,
        wanted: Wanted,
        out: Option<PathBuf>,
    ) -> Result<PlanReport> {
        let (asked, target) = (Asked::undoing(&wanted.target, Asked::RollbackPlan), wanted.target.clone());
        let result = self.plan_in(session, wanted, out).await;
        recorded(session, asked, Some(target), None, result).await
    }

    async fn plan_in(
        &self,
        session: &mut Session,
        wanted: Wanted,
        out: Option<PathBuf>,
    ) -> Result<PlanReport> {
        let drafted = draft(session, wanted.clone()).await?;
        let Drafted::Change(draft) = drafted else {
            return self.report_of_nothing(session, wanted, drafted).await;
        };
        if !draft.decision.allowed {
            return Err(denied("rollback_plan", &draft.decision));
        }
        let operation = fresh_id(session, &draft);
        let plan = store_plan(session, &draft, operation).await?;
        if let Some(out) = out {
            write_durably(session.platform.disk(), &out, &bytes_of(&plan)?)?;
        }
        let mut report = plan_report(session, &plan, &draft, true);
        // A store that does not answer stands in the way of the execution, not of the plan.
        if let Ok(mut foreign) = foreign_values(session, &draft.bare_steps()).await
            && !foreign.is_empty()
        {
            report.next = foreign_remedies(&draft, &foreign);
            foreign.truncate(FIRST_MAX);
            report.foreign = foreign;
        }
        Ok(report)
    }

    /// Reports a plan without steps, with the cells that are left alone and why. Nothing is stored.
    async fn report_of_nothing(
        &self,
        session: &Session,
        wanted: Wanted,
        drafted: Drafted,
    ) -> Result<PlanReport> {
        let Drafted::Nothing { note, skipped } = drafted else {
            return Err(Error::invalid("there is something to do", "report this as a defect"));
        };
        nothing_report(session, &wanted, note, skipped).await
    }
}

/// The most cells that a remedy names to leave them alone.
const SKIPPED_MAX: usize = 20;

/// What goes on where another hand changed cells of a plan: look at all of them, or plan without them.
pub(in crate::verbs) fn foreign_remedies(draft: &Draft, foreign: &[ConflictLine]) -> Vec<Remedy> {
    let mut next = vec![Remedy::ListForeign];
    let (target, steps) = (&draft.content.target, draft.bare_steps());
    let changed: BTreeSet<&str> = foreign.iter().map(|line| line.subject.as_str()).collect();
    let keys = steps.iter().filter(|step| changed.contains(step.cell.to_string().as_str()));
    let skip: Vec<String> = keys.map(|step| step.cell.key.clone()).collect();
    if target.kind() == IdKind::Publish && (1..=SKIPPED_MAX).contains(&skip.len()) {
        next.push(Remedy::Undo { operation: target.clone(), skip });
    }
    next
}

/// Finds the stored plan of the same change that was neither executed nor cancelled; its approvals count.
pub(in crate::verbs) async fn stored_plan(session: &Session, draft: &Draft) -> Option<Plan> {
    let of_the_same_change = |plan: &&PlanRecord| {
        plan.content_id == draft.content_id
            && session.history.operation(&plan.operation).is_none()
            && session.history.cancelled(&plan.plan_id).is_none()
    };
    let plan_id = session.history.plans().into_iter().rev().find(of_the_same_change)?.plan_id;
    load_plan(session, &plan_id.to_string()).await.ok()
}

/// Returns the id of the operation that a plan opens; a second one in the same second gets a suffix (R11).
pub(super) fn fresh_id(session: &Session, draft: &Draft) -> OperationId {
    let at = session.now();
    let taken = session.history.taken_ids();
    let mut candidates = (1..).map(|nth| RollbackId::new(at, &draft.content.target, nth));
    let id = candidates.find(|id| !taken.contains(id.as_str())).expect("a log does not have every number");
    id.into()
}
