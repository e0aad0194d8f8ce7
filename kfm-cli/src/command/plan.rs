//! `kfm plan`: stored plans, as their approvers must see them, on any host that shares the log.

use clap::{Args, Subcommand};
use kfm_rollback::report::{ApprovalLine, FIRST_MAX, PlanLine, PlanShow, Status};

use crate::cli::not_empty;
use crate::context::Context;
use crate::error::Result;
use crate::output::{Answer, Screen, Tone, ndjson, words};

use super::approvals::may_execute;
use super::rollback::plan_screen;

/// Commands of `kfm plan`.
#[derive(Debug, Subcommand)]
pub(crate) enum Plan {
    /// Show a stored plan: what it does, what policy says, what is missing, whether it is still fresh
    Show(Show),
    /// List the plans that wait
    List,
    /// Take a plan back: it is never executed
    Cancel(Cancel),
}

/// Arguments of `kfm plan show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The plan: its id, a unique prefix of it, the id of its rollback, or its file
    #[arg(value_name = "ID|FILE")]
    plan: String,
    /// Write every step, cell left alone and finding, one JSON object a line
    #[arg(long)]
    all: bool,
}

/// Arguments of `kfm plan cancel`.
#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// The plan: its id, a unique prefix of it, or the id of its rollback
    #[arg(value_name = "ID")]
    plan: String,
    /// Why; it is recorded in log and ledger
    #[arg(long, value_name = "TEXT", value_parser = not_empty)]
    reason: String,
}

impl Plan {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        match self {
            Self::Show(command) => show(cx, command).await,
            Self::List => list(cx).await,
            Self::Cancel(command) => cancel(cx, command).await,
        }
    }
}

async fn show(cx: &Context<'_>, Show { plan, all }: Show) -> Result<Answer> {
    let platform = cx.platform().await?;
    if all {
        ndjson::refuse_json(cx)?;
        let report = platform.plan_show_first(&plan, usize::MAX).await?;
        return ndjson::plan(cx, &report.plan);
    }
    let report = platform.plan_show_first(&plan, FIRST_MAX).await?;
    let mut screen = shown(&report);
    screen.next(&cx.commands(&report.plan.next));
    Answer::with_next(cx, &report, screen)
}

/// Shows a plan as its approver must see it, without the commands to run next.
pub(crate) fn shown(report: &PlanShow) -> Screen {
    let mut screen = plan_screen(&report.plan);
    let why = report.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    screen
        .fact("asked for", format!("by {} at {}{why}", report.requested_by, words::time(report.created_at)));
    screen.fact(
        "still fresh",
        report.not_fresh_because.as_ref().map_or("yes".to_owned(), |why| format!("NO: {why}")),
    );
    for approval in &report.approvals {
        screen.fact("approved", given(approval));
    }
    for needed in &report.needed {
        screen.fact("missing", needed);
    }
    if report.fresh && report.needed.is_empty() && !report.approvals.is_empty() {
        screen.fact("may execute", may_execute(&report.approvals));
    }
    screen
}

fn given(approval: &ApprovalLine) -> String {
    let counts = match &approval.why {
        Some(why) => format!("does not count: {why}"),
        None => format!("until {}", words::time(approval.expires_at)),
    };
    format!("by {} as {}, {counts}", approval.principal, approval.role)
}

async fn list(cx: &Context<'_>) -> Result<Answer> {
    let report = cx.platform().await?.plans().await?;
    let waiting = report.plans.len() as u64;
    let mut screen = Screen::new(Tone::Plain, format!("{} waiting", words::count(waiting, "plan")));
    screen.newest(&report.plans, row, ["plan", "of", "status", "at", "by", "fresh"]);
    Answer::with_next(cx, &report, screen)
}

fn row(line: &PlanLine) -> Vec<String> {
    vec![
        words::short(&line.plan_id.to_string()),
        line.target.to_string(),
        line.status.as_str().replace('_', " "),
        words::time(line.created_at),
        line.requested_by.clone(),
        line.not_fresh_because.clone().unwrap_or_else(|| "yes".to_owned()),
    ]
}

async fn cancel(cx: &Context<'_>, Cancel { plan, reason }: Cancel) -> Result<Answer> {
    if cx.is_rehearsal() {
        let report = cx.platform_to_rehearse().await?.plan_show(&plan).await?;
        return Answer::with_next(cx, &report, shown(&report));
    }
    let report = cx.platform_to_change().await?.plan_cancel(&plan, &reason).await?;
    let headline = match report.already {
        true => "Nothing to do: this plan was cancelled before",
        false => "Cancelled: this plan is never executed",
    };
    let mut screen = Screen::new(Tone::Good, headline);
    screen.fact("plan", report.plan_id).fact("of", &report.operation);
    screen.fact("by", &report.requested_by).fact("at", words::time(report.at)).fact("reason", &report.reason);
    debug_assert_eq!(report.status, Status::Cancelled);
    Answer::with_next(cx, &report, screen)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
