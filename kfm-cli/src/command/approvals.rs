//! `kfm approvals`: which approvals a plan has, and which are missing.

use clap::Args;
use kfm_rollback::report::{ApprovalLine, ApprovalsReport};

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
        answer(cx, &cx.platform().await?.approvals(&self.plan).await?, "")
    }
}

/// Makes the answer of `approve` and `approvals`; `signed` is what was done before, as a sentence and a blank.
pub(crate) fn answer(cx: &Context<'_>, report: &ApprovalsReport, signed: &str) -> Result<Answer> {
    let mut screen = match (&report.not_fresh_because, report.needed.as_slice()) {
        (Some(why), _) => Screen::new(Tone::Warn, format!("The plan can no longer be executed: {why}")),
        (None, []) => {
            let executor = may_execute(&report.approvals);
            Screen::new(Tone::Good, format!("{signed}Nothing is missing: {executor} may execute it"))
        }
        (None, needed) => Screen::new(Tone::Warn, format!("{signed}Missing: {}", needed.join("; "))),
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
    let id = report.plan_id;
    let next = match (report.fresh, report.needed.is_empty()) {
        (false, _) => format!("kfm plan show {id}"),
        (true, true) => format!("kfm rollback execute --plan {id} --reason '…'"),
        (true, false) => format!("kfm approve {id} --as NAME --role ROLE --key FILE"),
    };
    screen.next(&cx.runnable(&[next]));
    Answer::new(report, screen)
}

/// Says which actors may execute a plan: all but those whose approvals count.
pub(crate) fn may_execute(approvals: &[ApprovalLine]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for approval in approvals.iter().filter(|approval| approval.valid) {
        if !names.contains(&approval.principal.as_str()) {
            names.push(&approval.principal);
        }
    }
    match names.as_slice() {
        [] => "every principal".to_owned(),
        names => format!("a principal other than {}", names.join(" and ")),
    }
}
