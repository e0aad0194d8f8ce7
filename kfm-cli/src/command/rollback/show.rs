//! `kfm rollback show`: one rollback, its steps and where its manifest is.

use clap::Args;
use kfm_lineage::OperationKind;

use crate::command::status::show_operation;
use crate::context::Context;
use crate::error::Result;
use crate::ids;
use crate::output::{Answer, Screen, ndjson};

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
        let mut report = platform.rollback_show(&id).await?;
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
