//! `kfm rollback show`: one rollback, its steps and where its manifest is.

use clap::Args;

use crate::command::status::show_operation;
use crate::context::Context;
use crate::error::Result;
use crate::output::{Answer, Screen};

use super::show_steps;

/// Arguments of `kfm rollback show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The rollback: its id, a unique prefix of it, or latest
    #[arg(value_name = "ID")]
    id: String,
}

impl Show {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let mut report = cx.platform().await?.rollback_show(&self.id).await?;
        report.line.next = cx.runnable(&report.line.next);
        let mut screen = Screen::default();
        show_operation(&mut screen, &report.line);
        let reason = report.manifest.as_ref().and_then(|manifest| manifest.get("reason"));
        screen.fact_if("reason", reason.and_then(|reason| reason.as_str()));
        show_steps(&mut screen, &report.cells);
        screen.next(&report.line.next);
        Answer::new(&report, screen)
    }
}
