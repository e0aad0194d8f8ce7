//! Rehearsals: everything that executing would check, against the live stores; nothing is written (R4).

use kfm_lineage::OperationId;

use super::answer::nothing_report;
use super::plan::fresh_id;
use super::request::{DryRunRequest, PlanTarget, refuse_other_plan};
use super::revert::turn_of;
use crate::assess::denied;
use crate::error::{Error, Result};
use crate::execute::foreign_values;
use crate::plan::{
    Draft, Drafted, Plan, Wanted, draft, draft_again, load_plan, plan_of, plan_report_first,
    refuse_cancelled, stands_as_planned,
};
use crate::platform::Platform;
use crate::report::{ConflictLine, Conflicts, DryRunReport, FIRST_MAX, PlanReport, SkippedLine, Status};
use crate::resolve;
use crate::session::{Session, missing_lines};

impl Platform {
    /// Checks everything that executing would check, against the live stores, and writes nothing (R4).
    ///
    /// # Errors
    /// As [`plan`](Self::plan). A conflict that only stands against executing it now is not an error; it is in the
    /// report.
    pub async fn dry_run(&self, target: PlanTarget, skip: Vec<String>) -> Result<DryRunReport> {
        self.rehearse(DryRunRequest { skip, ..DryRunRequest::new(target) }).await
    }

    /// The same, of all that can be asked for.
    ///
    /// # Errors
    /// As [`dry_run`](Self::dry_run); [`Error::Invalid`]: a stored plan is to be rehearsed otherwise than it was made.
    pub async fn rehearse(&self, request: DryRunRequest) -> Result<DryRunReport> {
        let DryRunRequest { target, skip, force, hide_unmaskable, first_max } = request;
        let mut session = Session::read(self).await?;
        let plan = match &target {
            PlanTarget::Plan(text) => {
                refuse_other_plan(&skip, force.as_ref())?;
                load_plan(&session, text).await?
            }
            PlanTarget::Publish(text) => {
                let target = resolve::publish(&session, text)?.id;
                let wanted = Wanted { skip, hide_unmaskable, forced: force, ..Wanted::rollback(target) };
                return rehearsed_anew(&mut session, wanted, first_max).await;
            }
            PlanTarget::Hotfix(text) => {
                let wanted = Wanted { skip, ..Wanted::rollback(resolve::hotfix(&session, text)?.id) };
                return rehearsed_anew(&mut session, wanted, first_max).await;
            }
            PlanTarget::Revert(text) => {
                let rollback = resolve::to_revert(&session, text)?;
                return match turn_of(&session, &rollback, None) {
                    Ok(wanted) => rehearsed_anew(&mut session, Wanted { skip, ..wanted }, first_max).await,
                    Err(error) => {
                        refused_rehearsal(&session, &Wanted::rollback(rollback.target), error).await
                    }
                };
            }
        };
        let wanted = Wanted::rollback(plan.content.target.clone());
        if let Some(operation) = session.history.operation(&plan.operation) {
            return match stands_as_planned(&session, &plan, operation) {
                Ok(()) => {
                    let note = match operation.closed {
                        Some(_) => "nothing to do: this plan was executed already",
                        None => "it is open: executing the plan goes on with it",
                    };
                    nothing_to_do(&session, &wanted, note.into(), Vec::new()).await
                }
                Err(error) => refused_rehearsal(&session, &wanted, error).await,
            };
        }
        refuse_cancelled(&session, &plan)?;
        // A stored plan is drafted again, as its execution would do, so that everything that would stop it is seen.
        match draft_again(&mut session, &plan, "dry-run").await {
            Ok(Drafted::Change(draft)) => {
                let is_stale = draft.content_id != plan.content_id;
                let stale = is_stale.then(|| stale(&plan, "the plan is stale: plan again"));
                let operation = plan.operation.clone();
                rehearsed_first(
                    &session,
                    &draft,
                    Some(plan),
                    operation,
                    stale.into_iter().collect(),
                    first_max,
                )
                .await
            }
            Ok(Drafted::Nothing { note, skipped }) => {
                let against = Conflicts::of(vec![stale(&plan, &note)]);
                let plan = nothing_report(&session, &wanted, note, skipped).await?;
                let plan = PlanReport { status: Status::DryRun, ..plan };
                Ok(DryRunReport { plan, ready: false, against })
            }
            Err(error) => refused_rehearsal(&session, &wanted, error).await,
        }
    }
}

/// Rehearses a change that is planned anew.
async fn rehearsed_anew(session: &mut Session, wanted: Wanted, first_max: usize) -> Result<DryRunReport> {
    match draft(session, wanted.clone()).await {
        Ok(Drafted::Change(draft)) => {
            let operation = fresh_id(session, &draft);
            rehearsed_first(session, &draft, None, operation, Vec::new(), first_max).await
        }
        Ok(Drafted::Nothing { note, skipped }) => nothing_to_do(session, &wanted, note, skipped).await,
        Err(error) => refused_rehearsal(session, &wanted, error).await,
    }
}

/// Reports a rehearsal whose execution would find nothing to do.
async fn nothing_to_do(
    session: &Session,
    wanted: &Wanted,
    note: String,
    skipped: Vec<SkippedLine>,
) -> Result<DryRunReport> {
    let plan = nothing_report(session, wanted, note, skipped).await?;
    let plan = PlanReport { status: Status::DryRun, ..plan };
    Ok(DryRunReport { plan, ready: true, against: Conflicts::default() })
}

/// Reports a conflict that stands against planning already; every other error is passed on.
///
/// # Errors
/// The error itself, if it is not an [`Error::Conflict`].
pub(in crate::verbs) async fn refused_rehearsal(
    session: &Session,
    wanted: &Wanted,
    error: Error,
) -> Result<DryRunReport> {
    let Error::Conflict { message, conflicts, next, .. } = error else { return Err(error) };
    let against = match conflicts.is_empty() {
        true => vec![conflict("repeated", wanted.target.as_str(), &message)],
        false => conflicts,
    };
    let plan = nothing_report(session, wanted, message, Vec::new()).await?;
    let plan = PlanReport { status: Status::DryRun, next, ..plan };
    Ok(DryRunReport { plan, ready: false, against: Conflicts::of(against) })
}

fn stale(plan: &Plan, why: &str) -> ConflictLine {
    conflict("stale", &plan.plan_id.to_string(), why)
}

/// Reports what stands against executing a draft now; writes nothing.
///
/// # Errors
/// [`Error::Denied`]: a rule denies it. [`Error::Store`]: a store cannot be read.
pub(in crate::verbs) async fn rehearsed(
    session: &Session,
    draft: &Draft,
    plan: Option<Plan>,
    operation: OperationId,
    conflicts: Vec<ConflictLine>,
) -> Result<DryRunReport> {
    rehearsed_first(session, draft, plan, operation, conflicts, FIRST_MAX).await
}

async fn rehearsed_first(
    session: &Session,
    draft: &Draft,
    plan: Option<Plan>,
    operation: OperationId,
    mut conflicts: Vec<ConflictLine>,
    first_max: usize,
) -> Result<DryRunReport> {
    if !draft.decision.allowed {
        return Err(denied("rollback_dry_run", &draft.decision));
    }
    let missing = missing_lines(&session.platform, &session.history);
    if missing.is_empty() {
        conflicts.extend(foreign_values(session, &draft.bare_steps()).await?);
    }
    conflicts.extend(missing.iter().map(|line| conflict(&line.rule, &line.subject, &line.message)));
    let plan = plan.map_or_else(|| plan_of(session, draft, operation), Ok)?;
    if !plan.summary.approvals_needed.is_empty() {
        // The actor that rehearses is the one that would execute.
        for needed in session.platform.approvals_report(session, &plan, session.actor()).needed {
            conflicts.push(conflict("approvals", &plan.plan_id.to_string(), &needed));
        }
    }
    let ready = conflicts.is_empty();
    let plan = plan_report_first(session, &plan, draft, false, first_max);
    Ok(DryRunReport { plan, ready, against: Conflicts::of(conflicts) })
}

fn conflict(kind: &str, subject: &str, message: &str) -> ConflictLine {
    ConflictLine {
        kind: kind.into(),
        subject: subject.into(),
        expected: None,
        observed: None,
        message: message.into(),
    }
}
