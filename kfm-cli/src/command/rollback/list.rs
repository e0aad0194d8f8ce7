//! `kfm rollback list`: every rollback, in the log's order.

use kfm_rollback::report::OperationLine;

use crate::context::Context;
use crate::error::Result;
use crate::output::{Answer, Screen, Tone, words};

/// Lists the rollbacks.
pub(crate) async fn run(cx: &Context<'_>) -> Result<Answer> {
    let report = cx.platform().await?.rollbacks().await?;
    let mut screen = Screen::new(Tone::Plain, words::count(report.rollbacks.len() as u64, "rollback"));
    screen.newest(&report.rollbacks, row, ["rollback", "kind", "status", "steps", "at", "by"]);
    Answer::with_next(cx, &report, screen)
}

pub(crate) fn row(line: &OperationLine) -> Vec<String> {
    vec![
        line.id.to_string(),
        match line.undone_by {
            Some(_) => format!("{}, undone", line.kind),
            None => line.kind.clone(),
        },
        line.status.to_string(),
        format!("{}/{}", line.done, line.total),
        words::time(line.at),
        line.requested_by.clone(),
    ]
}
