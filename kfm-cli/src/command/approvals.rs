//! `kfm approvals`: which approvals a plan has, and which are missing.

use clap::Args;
use kfm_rollback::report::ApprovalsReport;

use crate::context::Context;
use crate::error::Result;
use crate::output::{Answer, Screen, Tone, words};

/// Arguments of `kfm approvals`.
#[derive(Debug, Args)]
pub(crate) struct Approvals {
    /// The plan's id, or a unique prefix of it
    #[arg(value_name = "PLAN_ID")]
    plan: String,
}

impl Approvals {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        answer(cx, &cx.platform().await?.approvals(&self.plan).await?)
    }
}

/// Makes the answer of `approve` and `approvals`.
pub(crate) fn answer(cx: &Context<'_>, report: &ApprovalsReport) -> Result<Answer> {
    let mut screen = match report.needed.as_slice() {
        [] => Screen::new(Tone::Good, "Nothing is missing: the plan can be executed"),
        needed => Screen::new(Tone::Warn, format!("Missing: {}", needed.join("; "))),
    };
    screen.fact("plan", report.plan_id);
    if !report.approvals.is_empty() {
        screen.heading("approvals");
    }
    for approval in &report.approvals {
        let tone = if approval.valid { Tone::Good } else { Tone::Warn };
        screen.item(tone, format!("{} as {}", approval.principal, approval.role));
        screen.detail(match &approval.why {
            Some(why) => format!("does not count: {why}"),
            None => format!(
                "signed {}, until {}",
                words::time(approval.signed_at),
                words::time(approval.expires_at)
            ),
        });
    }
    let next = match report.needed.is_empty() {
        true => format!("kfm rollback execute --plan {} --reason WHY", report.plan_id),
        false => format!("kfm approve {} --as NAME --role ROLE --key FILE", report.plan_id),
    };
    screen.next(&cx.runnable(&[next]));
    Answer::new(report, screen)
}
