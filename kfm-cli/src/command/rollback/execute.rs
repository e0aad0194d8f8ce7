//! `kfm rollback execute`: plans if there is no plan, asks, executes, verifies.

use clap::Args;
use kfm_rollback::report::{ExecuteReport, PlanReport, Status};
use kfm_rollback::{DryRunRequest, ExecuteRequest, PlanRequest, PlanTarget, Platform};

use crate::cli::free_text;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::findings::protected_list;
use crate::output::{Answer, Screen, Tone, words};
use crate::prompt::{Question, confirm, needs_yes};
use crate::shell;

use super::plan::{show_skipped, what};
use super::{Force, Skip, Target, dry_run, plan_screen};

/// The phases of an operation, in their order.
const PHASES: [&str; 7] = ["plan", "prepare", "expand", "derive", "contract", "verify", "record"];

/// Arguments of `kfm rollback execute`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --yes it asks; where it cannot ask (no terminal, or --json), it exits 2. Where approvals are
missing it exits 5 and names the plan, which is executed by --plan once they are given.")]
pub(crate) struct Execute {
    #[command(flatten)]
    target: Target,
    /// Why; it is recorded in log, manifest and ledger
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, value_parser = free_text)]
    reason: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    skip: Skip,
    #[command(flatten)]
    force: Force,
}

impl Execute {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        if cx.is_rehearsal() {
            let platform = cx.platform_to_rehearse().await?;
            let target = self.target.resolved(cx, &platform).await;
            let stored = matches!(target, PlanTarget::Plan(_));
            let (skip, force) = (self.skip.skip, self.force.justification);
            let report =
                platform.rehearse(DryRunRequest { skip, force, ..DryRunRequest::new(target) }).await?;
            return dry_run::answer(cx, report, stored);
        }
        needs_yes(cx, self.yes)?;
        let platform = cx.platform_to_change().await?;
        let target = self.target.resolved(cx, &platform).await;
        let (reason, skip, force) = (self.reason, self.skip.skip, self.force.justification);
        if !self.yes
            && let Some(shown) = show_and_ask(cx, &platform, &target, &skip, force.as_ref(), &reason).await?
        {
            let plan = match &target {
                PlanTarget::Publish(publish) => {
                    let request = PlanRequest {
                        skip,
                        force,
                        reason: Some(reason.clone()),
                        ..PlanRequest::new(publish)
                    };
                    planned_as_shown(&shown, platform.plan(request).await?)?
                }
                _ => target,
            };
            return executed(cx, platform.execute(ExecuteRequest::new(plan, reason)).await?);
        }
        executed(cx, platform.execute(ExecuteRequest { target, reason, skip, force }).await?)
    }
}

/// Shows what would be done, and asks; a no leaves nothing behind, not even a plan.
///
/// Returns the plan that was shown, so that after a yes exactly that one is executed; `None` if there is nothing to ask:
/// the execution says what stands against it, missing approvals too, and records its refusal.
pub(crate) async fn show_and_ask(
    cx: &Context<'_>,
    platform: &Platform,
    target: &PlanTarget,
    skip: &[String],
    force: Option<&String>,
    reason: &str,
) -> Result<Option<PlanReport>> {
    let rehearsed =
        DryRunRequest { skip: skip.to_vec(), force: force.cloned(), ..DryRunRequest::new(target.clone()) };
    let rehearsed = platform.rehearse(rehearsed).await?;
    let plan = rehearsed.plan;
    if !rehearsed.ready || plan.steps.total == 0 || plan.status == Status::AwaitingApproval {
        return Ok(None);
    }
    let (id, skipped) = match target {
        PlanTarget::Plan(id) => (["rollback", "execute", "--plan", id], skip),
        PlanTarget::Publish(id) => (["rollback", "execute", "--publish-id", id], skip),
        PlanTarget::Revert(id) => (["rollback", "revert", "--rollback-id", id], skip),
        PlanTarget::Hotfix(id) => (["hotfix", "revert", "--hotfix-id", id], skip),
    };
    let words = ["kfm"].into_iter().chain(id).chain(["--reason", reason]);
    let skips = skipped.iter().flat_map(|key| ["--skip", key.as_str()]);
    let forced = force.into_iter().flat_map(|why| ["--force", "--justification", why.as_str()]);
    let later = shell::line(words.chain(skips).chain(forced));
    let question =
        Question { heading: &heading(&plan), screen: &plan_screen(&plan), text: &question(&plan), later };
    confirm(cx, &question)?;
    Ok(Some(plan))
}

/// Returns the stored plan as what is to be executed.
///
/// # Errors
/// It is another one than was shown: the platform has changed since.
pub(crate) fn planned_as_shown(shown: &PlanReport, planned: PlanReport) -> Result<PlanTarget> {
    if planned.content_id == shown.content_id {
        return Ok(PlanTarget::Plan(planned.plan_id.to_string()));
    }
    Err(Failure::not_ready("the plan is another one than was shown: nothing was changed")
        .with_hint("look at it again")
        .with_next([format!("kfm plan show {}", planned.plan_id)])
        .into())
}

/// The heading of the question: what a yes will do.
pub(crate) fn heading(plan: &PlanReport) -> String {
    format!("{}: will move {}", what(plan), words::count(plan.steps.total, "cell"))
}

/// The question, with its numbers: how many cells move, and how many are left alone because of which owner.
pub(crate) fn question(plan: &PlanReport) -> String {
    let cells = words::cells_by(plan.steps.total, &plan.steps.by_domain);
    if plan.skipped.total == 0 {
        return format!("Move {cells} now?");
    }
    let owners: Vec<_> = plan.skipped.groups.iter().filter_map(|group| group.of.by.as_ref()).collect();
    let why = match owners.as_slice() {
        [] => String::new(),
        [owner] => format!(" (owned by {owner})"),
        [owner, others @ ..] => format!(" (owned by {owner} and {} more)", others.len()),
    };
    format!("Move {cells}, leave {} alone{why} now?", words::number(plan.skipped.total))
}

/// Makes the answer after a plan was executed, by `execute`, `resume` or `revert`.
pub(crate) fn executed(cx: &Context<'_>, report: ExecuteReport) -> Result<Answer> {
    let mut screen = Screen::new(tone(&report), headline(&report));
    screen.fact_if("rollback", report.rollback_id.as_ref()).fact_if("hotfix", report.hotfix_id.as_ref());
    screen.fact("moved", words::cells(&report.applied));
    if report.already > 0 {
        screen.fact("there already", words::count(report.already, "cell"));
    }
    screen.fact("broken links", words::change(report.broken_links_before, report.broken_links_after));
    screen.fact("orphans", words::change(report.orphan_count_before, report.orphan_count_after));
    screen.fact_if("approvals", words::approvals_spent(report.approvals_spent));
    screen.fact_if("manifest", report.manifest.as_ref().map(shell::place));
    screen.fact_if("took", took(&report));
    show_skipped(&mut screen, &report.skipped);
    protected_list(&mut screen, &report.protected);
    screen.next(&cx.commands(&report.next));
    Answer::with_next(cx, &report, screen)
}

fn headline(report: &ExecuteReport) -> String {
    let but = words::but_protected(report.protected.total);
    match (&report.note, report.status) {
        (Some(note), _) => words::capitalised(note),
        (None, Status::Completed) => {
            let cells = words::count(report.applied.total + report.already, "cell");
            format!("Done and verified: {cells} as planned{}{but}", words::already(report.already))
        }
        (None, Status::Aborted) => format!("Aborted: readers see what they saw before{but}"),
        (None, status) => format!("It is {status}"),
    }
}

fn tone(report: &ExecuteReport) -> Tone {
    match report.status {
        Status::Completed | Status::Aborted if report.skipped.total + report.protected.total == 0 => {
            Tone::Good
        }
        _ => Tone::Warn,
    }
}

/// Says how long it took, by phase, in the order of the phases; `None` if there was nothing to do.
fn took(report: &ExecuteReport) -> Option<String> {
    let position = |phase: &str| PHASES.iter().position(|known| *known == phase).unwrap_or(PHASES.len());
    let mut phases: Vec<_> = report.phases_ms.iter().collect();
    phases.sort_by_key(|(phase, _)| position(phase));
    let phases: Vec<_> =
        phases.iter().map(|(phase, ms)| format!("{phase} {}", words::duration(**ms))).collect();
    match phases.as_slice() {
        [] => words::took(report.duration_ms),
        phases => Some(phases.join(", ")),
    }
}
