//! `kfm hotfix`: one thing corrected across a known scope, reversibly (R70 to R74).

mod list;
mod resume;
mod revert;
mod show;
mod stac;

use clap::Subcommand;
use kfm_rollback::report::{HotfixReport, Status};

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::findings::{conflict_list, finding_list, protected_list};
use crate::output::{Answer, Screen, Tone, words};
use crate::{say, shell};

/// Commands of `kfm hotfix`.
#[derive(Debug, Subcommand)]
pub(crate) enum Hotfix {
    /// Correct one field of the documents of a collection
    Stac(Box<stac::Stac>),
    /// List every hotfix, in the log's order
    List,
    /// Show one hotfix: its steps, its history and its approvals
    Show(show::Show),
    /// Go on with an unfinished hotfix, or back to what was before
    Resume(resume::Resume),
    /// Undo a hotfix, as a rollback
    Revert(revert::Revert),
}

impl Hotfix {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        match self {
            Self::Stac(command) => command.run(cx).await,
            Self::List => list::run(cx).await,
            Self::Show(command) => command.run(cx).await,
            Self::Resume(command) => command.run(cx).await,
            Self::Revert(command) => command.run(cx).await,
        }
    }
}

/// Makes the answer of a hotfix: a rehearsal whose execution would be refused exits 6, one that only lacks
/// approvals 5.
fn answer(cx: &Context<'_>, report: HotfixReport) -> Result<Answer> {
    let mut screen = screen(&report);
    screen.next(&cx.commands(&report.next));
    let complaint = complaint(&report);
    Ok(Answer::with_next(cx, &report, screen)?.complain(complaint))
}

fn complaint(report: &HotfixReport) -> Option<Failure> {
    if report.ready != Some(false) {
        return None;
    }
    let next = report.next.iter().map(say::command_line);
    if report.against.conflicts.iter().all(|conflict| conflict.kind == "approvals") {
        let hint = "ask for it without --dry-run; it is then planned and can be approved";
        return Some(Failure::not_approved("approvals are missing").with_hint(hint).with_next(next));
    }
    let message = format!("preconditions do not hold: conflicts={}", report.against.conflicts_total);
    Some(Failure::not_ready(message).with_hint("read what stands against it").with_next(next))
}

/// Shows what a hotfix matches and changes; without what to do next.
fn screen(report: &HotfixReport) -> Screen {
    let (tone, headline) = headline(report);
    let mut screen = Screen::new(tone, headline);
    screen.fact_if("hotfix", report.hotfix_id.as_ref()).fact_if("rollback", report.rollback_id.as_ref());
    screen.fact_if("plan", report.plan_id);
    screen.fact("matches", words::count(report.matches, "document"));
    if report.skipped > 0 {
        screen.fact("left alone", words::count(report.skipped, "document"));
    }
    if report.others > 0 {
        screen.fact("with others", words::count(report.others, "document"));
    }
    let word = if report.status == Status::DryRun { "to move" } else { "moved" };
    screen.fact(word, words::cells(&report.changed));
    if report.already > 0 {
        screen.fact("there already", words::count(report.already, "cell"));
    }
    screen.fact_if("risk", report.risk_level.as_ref());
    if !report.approvals_needed.is_empty() {
        screen.fact("approvals", report.approvals_needed.join("; "));
    }
    screen.fact_if("approvals", words::approvals_spent(report.approvals_spent));
    screen.fact_if("manifest", report.manifest.as_ref().map(shell::place));
    screen.append(conflict_list(&report.against));
    if report.changes.total > 0 {
        screen.heading("changes");
    }
    screen.list(&report.changes, |screen, change| {
        screen.item(Tone::Plain, &change.key);
        screen.detail(format!("{}: {}", change.field, words::from_to(&change.from_text, &change.to_text)));
    });
    protected_list(&mut screen, &report.protected);
    finding_list(&mut screen, "", &report.findings);
    screen
}

fn headline(report: &HotfixReport) -> (Tone, String) {
    let documents = words::count(report.matches, "document");
    let but = words::but_protected(report.protected.total);
    let tone = if report.protected.total == 0 { Tone::Good } else { Tone::Warn };
    match (&report.note, report.status, report.ready) {
        (Some(note), ..) => (Tone::Plain, words::capitalised(note)),
        (None, Status::DryRun, Some(false)) => {
            (Tone::Warn, format!("Dry-run: would change {documents}, and cannot now; nothing was written"))
        }
        (None, Status::DryRun, _) => {
            (Tone::Good, format!("Dry-run: would change {documents}; nothing was written"))
        }
        (None, Status::Completed, _) if report.rollback_id.is_some() => {
            (tone, format!("Taken back and verified: {documents}{but}"))
        }
        (None, Status::Completed, _) => (tone, format!("Corrected and verified: {documents}{but}")),
        (None, Status::Aborted, _) => (tone, format!("Aborted: readers see what they saw before{but}")),
        (None, status, _) => (Tone::Warn, format!("The hotfix is {}", status.as_str().replace('_', " "))),
    }
}
