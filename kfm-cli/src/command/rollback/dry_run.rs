//! `kfm rollback dry-run`: the plan against the live stores; nothing is written.

use clap::Args;
use kfm_rollback::report::DryRunReport;
use kfm_rollback::{DryRunRequest, PlanTarget};

use kfm_policy::Remedy;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::findings::conflict_list;
use crate::output::{Answer, Screen, Tone, ndjson};
use crate::say;

use super::{Skip, Target, plan_screen};

/// Arguments of `kfm rollback dry-run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 every precondition holds; 3 policy denies; 5 only approvals are missing; 6 a precondition does
not hold, which 'conflicts' names.")]
pub(crate) struct DryRun {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    skip: Skip,
    /// Write every step, cell left alone and finding, one JSON object a line
    #[arg(long)]
    all: bool,
}

impl DryRun {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let platform = cx.platform().await?;
        let target = self.target.resolved(cx, &platform).await;
        let stored = matches!(target, PlanTarget::Plan(_));
        if self.all {
            ndjson::refuse_json(cx)?;
            let skip = self.skip.skip;
            let request = DryRunRequest { skip, first_max: usize::MAX, ..DryRunRequest::new(target) };
            let report = platform.rehearse(request).await?;
            return Ok(ndjson::plan(cx, &report.plan)?.complain(complaint(&report)));
        }
        answer(cx, platform.dry_run(target, self.skip.skip).await?, stored)
    }
}

/// Returns what to do after a rehearsal: what removes each kind of conflict, or the execution itself.
fn next(report: &DryRunReport, stored: bool) -> Vec<Remedy> {
    let plan = &report.plan;
    if plan.steps.total == 0 {
        return plan.next.clone();
    }
    if report.ready {
        return match (&plan.reverts, stored) {
            (_, true) => vec![Remedy::ExecutePlan { plan: plan.plan_id }],
            (Some(reverts), false) => vec![Remedy::undo(&reverts.clone().into())],
            (None, false) => vec![Remedy::RollBack { operation: plan.publish_id.clone() }],
        };
    }
    let has = |kind: &str| report.against.conflicts.iter().any(|conflict| conflict.kind == kind);
    let mut next = Vec::new();
    if has("foreign") {
        next.push(Remedy::ListForeign);
    }
    if has("stale") {
        next.push(Remedy::undo(&plan.publish_id));
    }
    if has("approvals") && stored {
        next.push(Remedy::ListApprovals { plan: plan.plan_id });
    }
    if has("open_operation") {
        next.push(Remedy::ShowStatus);
    }
    next
}

/// Makes the answer of a rehearsal: one whose execution would be refused exits 6, one that only lacks approvals 5.
///
/// `stored` says whether the plan can be named later; a rehearsal itself stores none.
pub(crate) fn answer(cx: &Context<'_>, mut report: DryRunReport, stored: bool) -> Result<Answer> {
    let screen = screen(cx, &mut report, stored);
    let complaint = complaint(&report);
    Ok(Answer::with_next(cx, &report, screen)?.complain(complaint))
}

/// Makes the answer of the rehearsal of a planning: what only stands against executing the plan does not stop it.
pub(crate) fn planned(cx: &Context<'_>, mut report: DryRunReport) -> Result<Answer> {
    let screen = screen(cx, &mut report, false);
    let complaint = complaint(&report).filter(|_| report.plan.steps.total == 0);
    Ok(Answer::with_next(cx, &report, screen)?.complain(complaint))
}

/// Shows a rehearsal, and notes in the report what to run next.
fn screen(cx: &Context<'_>, report: &mut DryRunReport, stored: bool) -> Screen {
    report.plan.next = next(report, stored);
    let mut screen = match lacks(report) {
        Lacks::Nothing => Screen::new(Tone::Good, "Dry-run: every precondition holds; nothing was written"),
        Lacks::Approvals => {
            Screen::new(Tone::Warn, "Dry-run: only approvals are missing; nothing was written")
        }
        Lacks::Preconditions => Screen::new(Tone::Bad, "Dry-run: not ready; nothing was written"),
    };
    screen.append(conflict_list(&report.against));
    screen.append(plan_screen(&report.plan));
    screen.next(&cx.commands(&report.plan.next));
    screen
}

/// What an execution still lacks after a rehearsal.
enum Lacks {
    Nothing,
    Approvals,
    Preconditions,
}

fn lacks(report: &DryRunReport) -> Lacks {
    match report.ready {
        true => Lacks::Nothing,
        false if report.against.conflicts.iter().all(|conflict| conflict.kind == "approvals") => {
            Lacks::Approvals
        }
        false => Lacks::Preconditions,
    }
}

fn complaint(report: &DryRunReport) -> Option<Failure> {
    let next = report.plan.next.iter().map(say::command_line);
    match lacks(report) {
        Lacks::Nothing => None,
        Lacks::Approvals => Some(Failure::not_approved("approvals are missing").with_next(next)),
        Lacks::Preconditions => {
            let message = format!("preconditions do not hold: conflicts={}", report.against.conflicts_total);
            let hint = match report.plan.steps.total {
                0 => "end what stands against it first",
                _ => "read what stands against it, then plan again or use --skip KEY",
            };
            Some(Failure::not_ready(message).with_hint(hint).with_next(next))
        }
    }
}
