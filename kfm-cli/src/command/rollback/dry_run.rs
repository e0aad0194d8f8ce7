//! `kfm rollback dry-run`: the plan against the live stores; nothing is written.

use clap::Args;
use kfm_rollback::report::DryRunReport;

use crate::context::Context;
use crate::error::{Failure, Result, conflict_list};
use crate::output::{Answer, Screen, Tone};

use super::{Skip, Target, plan_screen};

/// Arguments of `kfm rollback dry-run`.
#[derive(Debug, Args)]
pub(crate) struct DryRun {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    skip: Skip,
}

impl DryRun {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let platform = cx.platform().await?;
        answer(cx, platform.dry_run(self.target.into_plan_target(), self.skip.skip).await?)
    }
}

/// Makes the answer of a rehearsal; one that could not go ahead exits 6.
pub(crate) fn answer(cx: &Context<'_>, mut report: DryRunReport) -> Result<Answer> {
    report.plan.next = cx.runnable(&report.plan.next);
    let mut screen = if report.ready {
        Screen::new(Tone::Good, "Dry-run: every precondition holds; nothing was written")
    } else {
        Screen::new(Tone::Bad, "Dry-run: not ready; nothing was written")
    };
    screen.append(conflict_list(&report.conflicts));
    screen.append(plan_screen(&report.plan));
    screen.next(&report.plan.next);
    let complaint = (!report.ready).then(|| {
        Failure::not_ready(format!("preconditions do not hold: conflicts={}", report.conflicts.len()))
            .with_hint("read what stands against it, then plan again or use --skip KEY")
            .with_next(report.plan.next.clone())
    });
    Ok(Answer::new(&report, screen)?.complain(complaint))
}
