//! `kfm hotfix show`: one hotfix, as `kfm rollback show` shows a rollback.

use clap::Args;
use kfm_lineage::IdKind;

use crate::command::rollback::show;
use crate::context::Context;
use crate::error::Result;
use crate::output::Answer;

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
        show::operation(cx, IdKind::Hotfix, self.id, self.all).await
    }
}
