//! `kfm status`: what is open, what it waits for, what to do, what is owed.

use clap::Args;
use kfm_rollback::report::{self, OperationLine, RunningLine};

use kfm_policy::Remedy;

use crate::context::Context;
use crate::error::{BOTH_WAYS, Failure, Result};
use crate::output::{Answer, LIST_LINES_MAX, Screen, Tone, words};
use crate::say;

/// Arguments of `kfm status`.
#[derive(Debug, Args)]
pub(crate) struct Status {}

impl Status {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let report = cx.platform().await?.status().await?;
        let mut screen = match report.open.len() as u64 {
            0 => Screen::new(Tone::Good, "Nothing is open"),
            open => Screen::new(Tone::Warn, format!("{} open", words::count(open, "operation"))),
        };
        if let Some(running) = &report.running {
            show_running(&mut screen, running);
        }
        for line in report.open.iter().take(LIST_LINES_MAX) {
            show_operation(&mut screen, line);
            screen.next(&cx.commands(&line.next));
        }
        screen.more(report.open.len().saturating_sub(LIST_LINES_MAX) as u64, None);
        if !report.owed.is_empty() {
            screen.heading("owed");
        }
        for owed in report.owed.iter().take(LIST_LINES_MAX) {
            screen.item(Tone::Warn, say::sentence(owed));
        }
        screen.more(report.owed.len().saturating_sub(LIST_LINES_MAX) as u64, None);
        let complaint = unfinished(&report.open);
        Ok(Answer::with_next(cx, &report, screen)?.complain(complaint))
    }
}

/// Shows the process at work; the operation that it has opened is among the others.
fn show_running(screen: &mut Screen, running: &RunningLine) {
    let RunningLine { doing, requested_by, host, pid, since, operation, platform, waits_for } = running;
    screen.fact("at work", format!("{doing} by {requested_by} since {since} (host={host} pid={pid})"));
    screen.fact_if("in", platform.as_ref());
    let waits_for = waits_for.as_ref();
    let waits_for =
        waits_for.map(|wait| format!("store {}, which does not answer since {}", wait.store, wait.since));
    screen.fact_if("waits for", waits_for.as_ref());
    if operation.is_none() {
        screen.fact("", "it has not opened an operation yet");
    }
}

/// Shows one operation: where it stands, and what it waits for.
pub(crate) fn show_operation(screen: &mut Screen, line: &OperationLine) {
    screen.headline(tone(line.status), format!("{}: {}", line.id, line.status.as_str().replace('_', " ")));
    match line.kind.as_str() {
        "rollback" => drop(screen.fact("undoes", &line.target)),
        "revert" => {
            screen.fact("makes again", &line.target).fact_if("reverts", line.reverts.as_ref());
        }
        _ if line.target != line.id => drop(screen.fact("about", &line.target)),
        _ => {}
    }
    screen.fact_if("undone by", line.undone_by.as_ref());
    if line.phase != "-" {
        screen.fact("phase", &line.phase);
    }
    let waits = line.status.is_open() && line.status != report::Status::Running;
    // A batch counts once it is confirmed: the first one may have been made when the process ended.
    let confirmed = match waits && line.done == 0 && line.total > 0 && !line.goes_back {
        true => ": none is confirmed; either command looks first at what was made",
        false => "",
    };
    screen.fact("steps", format!("{} of {}{confirmed}", line.done, line.total));
    match line.goes_back {
        true => {
            screen.fact("goes back", "an abort has begun, a resume goes on with it");
        }
        false if waits && Remedy::are_both_ways(&line.next) => {
            screen.fact("forward", "the first command below: to the planned values");
            screen.fact("back", "the second, with --abort: to what readers saw before");
        }
        false => {}
    }
    screen.fact_if("held because", line.held_reason.as_ref());
    screen.fact("by", &line.requested_by).fact("at", words::time(line.at));
    screen.fact_if("plan", line.plan_id.as_ref());
}

/// Returns why the exit code is 7; `None` if no operation here keeps its cells.
pub(crate) fn unfinished(lines: &[OperationLine]) -> Option<Failure> {
    let open: Vec<_> = lines.iter().filter(|line| line.status.is_open()).collect();
    let first = open.first()?;
    let message = match open.len() {
        1 => format!("operation is {}: id={}", first.status, first.id),
        open => format!("operations are open: count={open}"),
    };
    let next = open.iter().flat_map(|line| line.next.iter().map(say::command_line));
    let hint = match (open.len(), Remedy::are_both_ways(&first.next)) {
        (1, true) => BOTH_WAYS,
        _ => "resume it, or abort it",
    };
    Some(Failure::unfinished(message).with_hint(hint).with_next(next))
}

/// Refuses to rehearse the resume of an operation that has ended, with the error that the resume itself would give.
pub(crate) fn refuse_ended(id: &str, status: report::Status) -> Result<()> {
    if status.is_open() {
        return Ok(());
    }
    let message =
        format!("the operation has ended, there is nothing to resume: operation={id} status={status}");
    Err(Failure::not_ready(message)
        .with_hint("'kfm status' lists what is open")
        .with_next(["kfm status".to_owned()])
        .into())
}

fn tone(status: report::Status) -> Tone {
    match status {
        report::Status::Completed | report::Status::Aborted => Tone::Good,
        report::Status::Held | report::Status::Failed => Tone::Bad,
        _ => Tone::Warn,
    }
}
