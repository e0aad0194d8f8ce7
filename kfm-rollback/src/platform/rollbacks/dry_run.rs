//! Rehearsals: everything that executing would check, against the live stores; nothing is written (R4).

use kfm_lineage::OperationId;

use super::answer::nothing_report;
use super::plan::fresh_id;
use super::request::PlanTarget;
use super::revert::revert_of;
use crate::assess::denied;
use crate::error::Result;
use crate::execute::foreign_values;
use crate::plan::{Draft, Drafted, Plan, Wanted, draft, draft_again, load_plan, plan_of, plan_report};
use crate::platform::Platform;
use crate::report::{ConflictLine, DryRunReport};
use crate::resolve;
use crate::session::Session;

impl Platform {
    /// Checks everything that executing would check, against the live stores, and writes nothing (R4).
    ///
    /// # Errors
    /// As [`plan`](Self::plan); what only stands against executing it now is in the report.
    pub async fn dry_run(&self, target: PlanTarget, skip: Vec<String>) -> Result<DryRunReport> {
        let mut session = Session::read(self).await?;
        let mut conflicts = Vec::new();
        let (plan, draft) = match &target {
            PlanTarget::Publish(_) | PlanTarget::Revert(_) | PlanTarget::Hotfix(_) => {
                let wanted = match &target {
                    PlanTarget::Revert(text) => revert_of(&session, text, None)?,
                    PlanTarget::Hotfix(text) => Wanted::rollback(resolve::hotfix(&session, text)?.id),
                    PlanTarget::Publish(text) | PlanTarget::Plan(text) => {
                        Wanted::rollback(resolve::publish(&session, text)?.id)
                    }
                };
                let wanted = Wanted { skip, ..wanted };
                match draft(&mut session, wanted.clone()).await? {
                    Drafted::Change(draft) => (None, draft),
                    Drafted::Nothing { note, skipped } => {
                        let plan = nothing_report(&session, &wanted, note, skipped).await?;
                        return Ok(DryRunReport { plan, ready: true, conflicts });
                    }
                }
            }
            PlanTarget::Plan(text) => {
                let plan = load_plan(&session, text)?;
                match draft_again(&mut session, &plan, "dry-run").await? {
                    Drafted::Change(draft) => {
                        if draft.content_id != plan.content_id {
                            conflicts.push(conflict(
                                "stale",
                                &plan.plan_id.to_string(),
                                "the plan is stale: plan again",
                            ));
                        }
                        (Some(plan), draft)
                    }
                    Drafted::Nothing { note, skipped } => {
                        let wanted = Wanted::rollback(plan.content.target.clone());
                        conflicts.push(conflict("stale", &plan.plan_id.to_string(), &note));
                        let plan = nothing_report(&session, &wanted, note, skipped).await?;
                        return Ok(DryRunReport { plan, ready: false, conflicts });
                    }
                }
            }
        };
        if !draft.decision.allowed {
            return Err(denied("rollback_dry_run", &draft.decision));
        }
        let operation = fresh_id(&session, &draft);
        rehearsed(&session, &draft, plan, operation, conflicts).await
    }
}

/// Reports what stands against executing a draft now; nothing is written.
pub(in crate::platform) async fn rehearsed(
    session: &Session,
    draft: &Draft,
    plan: Option<Plan>,
    operation: OperationId,
    mut conflicts: Vec<ConflictLine>,
) -> Result<DryRunReport> {
    conflicts.extend(foreign_values(session, &draft.moves()).await?);
    let plan = plan.unwrap_or_else(|| plan_of(session, draft, operation));
    if !plan.summary.approvals_needed.is_empty() {
        for needed in session.platform.approvals_report(session, &plan)?.needed {
            conflicts.push(conflict("approvals", &plan.plan_id.to_string(), &needed));
        }
    }
    let ready = conflicts.is_empty();
    Ok(DryRunReport { plan: plan_report(session, &plan, draft, false), ready, conflicts })
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
