//! `kfm rollback status`: where a rollback stands, what it waits for, what to do.

use clap::Args;
use kfm_lineage::IdKind;
use kfm_rollback::report::OperationLine;
use schemars::JsonSchema;
use serde::Serialize;

use crate::command::status::{show_operation, unfinished};
use crate::context::Context;
use crate::error::Result;
use crate::ids::{self, StatusArg};
use crate::output::{Answer, Screen, Tone};

/// Arguments of `kfm rollback status`.
#[derive(Debug, Args)]
#[command(after_help = "Exits 7 while the rollback is open: interrupted, held or running.")]
pub(crate) struct Status {
    #[command(flatten)]
    rollback: StatusArg,
}

/// Answer of `kfm rollback status`: where one rollback stands, or that the platform has none.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Stands {
    #[serde(flatten)]
    line: Option<OperationLine>,
    /// An empty list; only if the platform has no rollback.
    #[serde(skip_serializing_if = "Option::is_none")]
    rollbacks: Option<Vec<OperationLine>>,
}

impl Status {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let platform = cx.platform().await?;
        if !self.rollback.is_left_out() {
            let id = ids::newest(cx, &platform, IdKind::Rollback, self.rollback.text()).await;
            return answer(cx, platform.rollback_status(&id).await?);
        }
        let lines = platform.rollbacks().await?.rollbacks;
        let open = lines.iter().rposition(|line| line.status.is_open());
        match open.or(lines.len().checked_sub(1)).and_then(|at| lines.into_iter().nth(at)) {
            Some(line) => answer(cx, line),
            None => Answer::with_next(
                cx,
                &Stands { line: None, rollbacks: Some(Vec::new()) },
                Screen::new(Tone::Good, "There is no rollback in this platform"),
            ),
        }
    }
}

/// Makes the answer for one rollback; an open one exits 7.
fn answer(cx: &Context<'_>, line: OperationLine) -> Result<Answer> {
    let complaint = unfinished(std::slice::from_ref(&line));
    Ok(rehearsed(cx, line)?.complain(complaint))
}

/// Makes the answer for one rollback, open or not, as a rehearsal of its resume.
pub(crate) fn rehearsed(cx: &Context<'_>, line: OperationLine) -> Result<Answer> {
    let mut screen = Screen::default();
    show_operation(&mut screen, &line);
    screen.next(&cx.commands(&line.next));
    Answer::with_next(cx, &line, screen)
}
