//! `kfm hotfix list`: every hotfix, in the log's order.

use crate::command::rollback::list::row;
use crate::context::Context;
use crate::error::Result;
use crate::output::{Answer, Screen, Tone, words};

/// Lists the hotfixes.
pub(crate) async fn run(cx: &Context<'_>) -> Result<Answer> {
    let report = cx.platform().await?.hotfixes().await?;
    let heading = match report.hotfixes.len() {
        1 => "1 hotfix".to_owned(),
        many => format!("{} hotfixes", words::number(many as u64)),
    };
    let mut screen = Screen::new(Tone::Plain, heading);
    screen.newest(&report.hotfixes, row, ["hotfix", "status", "steps", "at", "by"]);
    Answer::with_next(cx, &report, screen)
}
