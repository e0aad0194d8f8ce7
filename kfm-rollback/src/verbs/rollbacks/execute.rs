//! Executes plans, those of reverts and hotfixes too, and goes on with operations that did not end.

use kfm_lineage::{IdKind, RollbackId};
use kfm_policy::{Parameter, advice};

use kfm_wal::record::PlanRecord;

use super::answer::{executed, executed_nothing};
use super::plan::{fresh_id, stored_plan};
use super::request::{ExecuteRequest, PlanTarget, refuse_other_plan};
use super::revert::revert_or_record;
use crate::asked::Asked;
use crate::assess::denied;
use crate::error::{Error, Result};
use crate::execute::{Resume, preflight, resume};
use crate::plan::{
    Draft, Drafted, Executed, Plan, PlanKind, Wanted, draft, execute_draft, execute_plan, load_plan,
    store_plan,
};
use crate::platform::Platform;
use crate::refusal::recorded;
use crate::report::{ExecuteReport, Listing, SkippedLine};
use crate::session::Session;
use crate::verbs::plans::cancel;
use crate::{remedy, resolve};

impl Platform {
    /// Executes a plan exactly, or a rollback, which is planned first if no stored plan fits.
    ///
    /// # Cancel safety
    /// A dropped future leaves nothing, or an interrupted rollback that can be resumed or aborted.
    ///
    /// # Errors
    /// As [`Error`] says. After every error but [`Error::Unfinished`] nothing is half done.
    pub async fn execute(&self, request: ExecuteRequest) -> Result<ExecuteReport> {
        let mut session = Session::write(self, "rollback execute").await?;
        require_reason(&request.reason)?;
        match &request.target {
            PlanTarget::Plan(text) => {
                refuse_other_plan(&request.skip, request.force.as_ref())?;
                let loaded = load_plan(&session, text).await;
                let plan = recorded(&mut session, Asked::RollbackExecute, None, None, loaded).await?;
                self.execute_in(&mut session, plan, None, &request.reason).await
            }
            PlanTarget::Publish(text) => {
                let publish = resolve::publish(&session, text)?;
                let wanted = Wanted {
                    skip: request.skip,
                    forced: request.force,
                    reason: Some(request.reason.clone()),
                    ..Wanted::rollback(publish.id)
                };
                self.execute_wanted(&mut session, wanted, &request.reason).await
            }
            PlanTarget::Hotfix(text) => {
                let wanted = Wanted {
                    skip: request.skip,
                    reason: Some(request.reason.clone()),
                    ..Wanted::rollback(resolve::hotfix(&session, text)?.id)
                };
                self.execute_wanted(&mut session, wanted, &request.reason).await
            }
            PlanTarget::Revert(text) => {
                let reason = Some(request.reason.clone());
                let wanted = revert_or_record(&mut session, Asked::Revert, text, reason).await?;
                let wanted = Wanted { skip: request.skip, ..wanted };
                self.execute_wanted(&mut session, wanted, &request.reason).await
            }
        }
    }

    /// Takes a rollback back, as a rollback (R45).
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub async fn revert(&self, id: &str, reason: &str) -> Result<ExecuteReport> {
        require_reason(reason)?;
        let mut session = Session::write(self, "rollback revert").await?;
        let wanted = revert_or_record(&mut session, Asked::Revert, id, Some(reason.to_owned())).await?;
        self.execute_wanted(&mut session, wanted, reason).await
    }

    pub(in crate::verbs) async fn execute_wanted(
        &self,
        session: &mut Session,
        wanted: Wanted,
        reason: &str,
    ) -> Result<ExecuteReport> {
        let (asked, subject) = match &wanted.reverts {
            Some(reverted) => (Asked::Revert, reverted.clone().into()),
            None => (Asked::undoing(&wanted.target, Asked::RollbackExecute), wanted.target.clone()),
        };
        let result = self.plan_for(session, wanted).await;
        match recorded(session, asked, Some(subject), None, result).await? {
            Planned::Plan { plan, draft, made } => {
                let done = self.execute_in(session, *plan, Some(draft), reason).await;
                if let (Err(Error::Stopped), Some(made)) = (&done, made) {
                    // The actor did not ask for a plan, so after a stop no plan is left behind.
                    cancel(session, &made, "stopped on request").await?;
                }
                done
            }
            Planned::Nothing { note, skipped, last } => {
                let next = remedy::of_owners(&skipped);
                let mut report = executed_nothing(session, note, last).await?;
                report.skipped = Listing::of(skipped);
                report.next = next;
                Ok(report)
            }
        }
    }

    /// Plans the change anew, or takes the stored plan of the same change, whose approvals count.
    async fn plan_for(&self, session: &mut Session, wanted: Wanted) -> Result<Planned> {
        let target = wanted.target.clone();
        match draft(session, wanted).await? {
            Drafted::Nothing { note, skipped } => {
                let last = session.history.last_turn(&target);
                let last = last.and_then(|last| RollbackId::parse(last.id.as_str()).ok());
                Ok(Planned::Nothing { note, skipped, last })
            }
            Drafted::Change(draft) if !draft.decision.allowed => Err(denied("rollback", &draft.decision)),
            Drafted::Change(draft) => {
                // Checked before the plan is stored: a refused command leaves no plan that the actor did not ask
                // for.
                preflight(session, &draft.bare_steps()).await?;
                let (plan, made) = match stored_plan(session, &draft).await {
                    Some(plan) => (plan, None),
                    None => {
                        let operation = fresh_id(session, &draft);
                        let plan = store_plan(session, &draft, operation).await?;
                        let made = session.history.plan(&plan.plan_id).cloned();
                        (plan, made)
                    }
                };
                Ok(Planned::Plan { plan: Box::new(plan), draft, made })
            }
        }
    }

    pub(in crate::verbs) async fn execute_in(
        &self,
        session: &mut Session,
        plan: Plan,
        draft: Option<Box<Draft>>,
        reason: &str,
    ) -> Result<ExecuteReport> {
        let result = match draft {
            Some(draft) => execute_draft(session, &plan, *draft, reason).await,
            None => execute_plan(session, &plan, reason).await,
        };
        let asked = match plan.content.kind {
            PlanKind::Rollback => Asked::undoing(&plan.content.target, Asked::RollbackExecute),
            PlanKind::Revert => Asked::Revert,
            PlanKind::Hotfix => Asked::Hotfix,
        };
        let result =
            recorded(session, asked, Some(plan.operation.clone()), Some(plan.plan_id), result).await?;
        Ok(match result {
            Executed::Before => {
                let note = "nothing to do: this plan was executed already";
                let mut report = executed_nothing(session, note, plan.rollback_id()).await?;
                report.hotfix_id = plan.hotfix_id();
                report.plan_id = Some(plan.plan_id);
                report
            }
            Executed::Done(outcome) => executed(session, &plan.operation, &outcome).await,
        })
    }

    /// Goes on with an unfinished rollback or hotfix, or aborts it; `latest` is the open rollback.
    ///
    /// # Errors
    /// [`Error::Conflict`]: it has ended. [`Error::Unfinished`]: it still waits, for what the error says.
    pub async fn rollback_resume(&self, id: &str, abort: bool, skip: Vec<String>) -> Result<ExecuteReport> {
        let mut session = Session::write(self, "rollback resume").await?;
        let kind = match id.starts_with("hf_") {
            true => IdKind::Hotfix,
            false => IdKind::Rollback,
        };
        let found = resolve::to_resume(&session, kind, id);
        let operation = recorded(&mut session, Asked::Resume, None, None, found).await?;
        let resumed = resume(&mut session, &operation.id, Resume { abort, skip }).await;
        let subject = Some(operation.id.clone());
        let outcome = recorded(&mut session, Asked::Resume, subject, None, resumed).await?;
        Ok(executed(&session, &operation.id, &outcome).await)
    }
}

/// A plan to execute, or why there is nothing to do.
enum Planned {
    Plan {
        plan: Box<Plan>,
        draft: Box<Draft>,
        /// The plan's record; `None` if the plan was stored before this command.
        made: Option<PlanRecord>,
    },
    Nothing {
        note: String,
        skipped: Vec<SkippedLine>,
        last: Option<RollbackId>,
    },
}

pub(in crate::verbs) fn require_reason(reason: &str) -> Result<()> {
    if reason.trim().is_empty() {
        return Err(Error::invalid(
            "a reason is needed, and this one is empty",
            advice!["say why in ", Parameter::Reason],
        ));
    }
    Ok(())
}
