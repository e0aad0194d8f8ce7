//! `kfm hotfix show`: one hotfix, as `kfm rollback show` shows a rollback.

use clap::Args;
use kfm_lineage::OperationKind;
use kfm_rollback::report::FIRST_MAX;

use crate::command::rollback::show;
use crate::context::Context;
use crate::error::Result;
use crate::ids;
use crate::output::{Answer, ndjson};

/// Arguments of `kfm hotfix show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The hotfix: its id, a unique prefix of it, or latest
    #[arg(value_name = "ID")]
    id: String,
    /// Write every step, one JSON object a line
    #[arg(long)]
    all: bool,
}

impl Show {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let platform = cx.platform().await?;
        let id = ids::newest(cx, &platform, OperationKind::Hotfix, self.id).await;
        if self.all {
            ndjson::refuse_json(cx)?;
            return ndjson::cells(cx, &platform.hotfix_show_first(&id, usize::MAX).await?.cells);
        }
        show::answer(cx, platform.hotfix_show_first(&id, FIRST_MAX).await?)
    }
}
