//! `kfm rollback show` and `kfm hotfix show`: one operation, its steps, its history and its approvals.

use clap::Args;
use kfm_lineage::OperationKind;
use kfm_rollback::report::RollbackShow;

use crate::command::status::show_operation;
use crate::context::Context;
use crate::error::Result;
use crate::ids;
use crate::output::{Answer, LIST_LINES_MAX, Screen, ndjson, words};

use super::show_steps;

/// Arguments of `kfm rollback show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The rollback: its id, a unique prefix of it, or latest
    #[arg(value_name = "ID")]
    id: String,
    /// Write every step, one JSON object a line
    #[arg(long)]
    all: bool,
}

impl Show {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let platform = cx.platform().await?;
        let id = ids::newest(cx, &platform, OperationKind::Rollback, self.id).await;
        if self.all {
            ndjson::refuse_json(cx)?;
            return ndjson::cells(cx, &platform.rollback_show_first(&id, usize::MAX).await?.cells);
        }
        answer(cx, platform.rollback_show(&id).await?)
    }
}

/// Makes the answer for one rollback or hotfix.
pub(crate) fn answer(cx: &Context<'_>, mut report: RollbackShow) -> Result<Answer> {
    report.line.next = cx.runnable(&report.line.next);
    let mut screen = Screen::default();
    show_operation(&mut screen, &report.line);
    let reason = report.manifest.as_ref().and_then(|manifest| manifest.get("reason"));
    screen.fact_if("reason", reason.and_then(|reason| reason.as_str()));
    let approved =
        report.approvals.iter().map(|approval| format!("{} as {}", approval.principal, approval.role));
    let approved = approved.collect::<Vec<_>>().join(", ");
    screen.fact("approvals", if approved.is_empty() { "none was given" } else { &approved });
    show_steps(&mut screen, &report.cells);
    screen.heading("history");
    let older = report.history.len().saturating_sub(LIST_LINES_MAX);
    for moment in &report.history[older..] {
        let by = moment.by.as_ref().map(|by| format!("by {by}")).unwrap_or_default();
        let detail = moment.detail.clone().unwrap_or_default();
        screen.row([words::time(moment.at).as_str(), &moment.what, &by, &detail]);
    }
    screen.more(older as u64, None);
    screen.next(&report.line.next);
    Answer::new(&report, screen)
}
