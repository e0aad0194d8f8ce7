//! `kfm hotfix resume`: on with an unfinished hotfix, or back.

use clap::Args;

use crate::context::Context;
use crate::error::Result;
use crate::output::Answer;

use super::answer;

/// Arguments of `kfm hotfix resume`.
#[derive(Debug, Args)]
pub(crate) struct Resume {
    /// The hotfix: its id, or a unique prefix of it
    #[arg(long, value_name = "ID")]
    hotfix_id: String,
    /// Back to what readers saw before
    #[arg(long)]
    abort: bool,
    /// Leave these cells alone, by key
    #[arg(long, value_name = "KEY", num_args = 1..)]
    skip: Vec<String>,
}

impl Resume {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        if cx.is_rehearsal() {
            let line = cx.platform().await?.hotfix_status(&self.hotfix_id).await?;
            return answer(cx, kfm_hotfix::report_of_line(line));
        }
        let platform = cx.platform_to_change().await?;
        let done = platform.hotfix_resume(&self.hotfix_id, self.abort, self.skip).await?;
        answer(cx, kfm_hotfix::report_of(done))
    }
}
