//! `kfm rollback show` and `kfm hotfix show`: one operation, its steps, its history and its approvals.

use clap::Args;
use kfm_lineage::IdKind;
use kfm_rollback::report::{FIRST_MAX, RollbackShow};

use crate::command::status::show_operation;
use crate::context::Context;
use crate::error::Result;
use crate::ids;
use crate::output::findings::protected_list;
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
        operation(cx, IdKind::Rollback, self.id, self.all).await
    }
}

/// Shows a rollback or a hotfix; with `all` its steps alone, one JSON object a line.
pub(crate) async fn operation(cx: &Context<'_>, kind: IdKind, id: String, all: bool) -> Result<Answer> {
    let platform = cx.platform().await?;
    let id = ids::newest(cx, &platform, kind, id).await;
    let first_max = if all { usize::MAX } else { FIRST_MAX };
    if all {
        ndjson::refuse_json(cx)?;
    }
    let report = match kind {
        IdKind::Hotfix => platform.hotfix_show_first(&id, first_max).await?,
        IdKind::Publish | IdKind::Rollback => platform.rollback_show_first(&id, first_max).await?,
    };
    if all { ndjson::cells(cx, &report.cells) } else { answer(cx, report) }
}

fn answer(cx: &Context<'_>, report: RollbackShow) -> Result<Answer> {
    let mut screen = Screen::default();
    show_operation(&mut screen, &report.line);
    let reason = report.manifest.as_ref().and_then(|manifest| manifest.get("reason"));
    screen.fact_if("reason", reason.and_then(|reason| reason.as_str()));
    let approved =
        report.approvals.iter().map(|approval| format!("{} as {}", approval.principal, approval.role));
    let approved = approved.collect::<Vec<_>>().join(", ");
    screen.fact("approvals", if approved.is_empty() { "none was given" } else { &approved });
    show_steps(&mut screen, &report.cells);
    protected_list(&mut screen, &report.protected);
    screen.heading("history");
    let older = report.history.len().saturating_sub(LIST_LINES_MAX);
    for moment in &report.history[older..] {
        let by = moment.by.as_ref().map(|by| format!("by {by}")).unwrap_or_default();
        let detail = moment.detail.clone().unwrap_or_default();
        screen.row([words::time(moment.at).as_str(), &moment.what, &by, &detail]);
    }
    screen.more(older as u64, None);
    screen.next(&cx.commands(&report.line.next));
    Answer::with_next(cx, &report, screen)
}
