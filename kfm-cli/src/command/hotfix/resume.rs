//! `kfm hotfix resume`: goes on with an unfinished hotfix, or back.

use clap::Args;
use kfm_lineage::IdKind;

use crate::context::Context;
use crate::error::Result;
use crate::ids::{self, OpenHotfixArg};
use crate::output::Answer;

use super::answer;

/// Arguments of `kfm hotfix resume`.
#[derive(Debug, Args)]
pub(crate) struct Resume {
    #[command(flatten)]
    hotfix: OpenHotfixArg,
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
            let platform = cx.platform_to_rehearse().await?;
            let id = ids::open_rehearsed(cx, &platform, IdKind::Hotfix, self.hotfix.text()).await?;
            let line = platform.hotfix_status(&id).await?;
            return answer(cx, kfm_hotfix::report_of_line(line));
        }
        let platform = cx.platform_to_change().await?;
        let id = ids::open(cx, &platform, IdKind::Hotfix, self.hotfix.text()).await;
        let done = platform.hotfix_resume(&id, self.abort, self.skip).await?;
        answer(cx, kfm_hotfix::report_of(done))
    }
}
