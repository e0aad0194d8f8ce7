//! `kfm rollback resume`: goes on with an unfinished rollback, or back.

use clap::Args;
use kfm_lineage::IdKind;

use crate::context::Context;
use crate::error::Result;
use crate::ids::{self, OpenRollbackArg};
use crate::output::Answer;

use crate::command::status::refuse_ended;

use super::{Skip, executed};

/// Arguments of `kfm rollback resume`.
#[derive(Debug, Args)]
#[command(after_help = "\
Once an abort has begun, a resume goes on with the abort. With --ci it says what is open and moves nothing; a
rollback that has ended exits 6.")]
pub(crate) struct Resume {
    #[command(flatten)]
    rollback: OpenRollbackArg,
    /// Back to what readers saw before
    #[arg(long)]
    abort: bool,
    #[command(flatten)]
    skip: Skip,
}

impl Resume {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        if cx.is_rehearsal() {
            let platform = cx.platform_to_rehearse().await?;
            let id = ids::open_rehearsed(cx, &platform, IdKind::Rollback, self.rollback.text()).await?;
            let line = platform.rollback_status(&id).await?;
            refuse_ended(line.id.as_str(), line.status)?;
            return super::status::rehearsed(cx, line);
        }
        let platform = cx.platform_to_change().await?;
        let id = ids::open(cx, &platform, IdKind::Rollback, self.rollback.text()).await;
        executed(cx, platform.rollback_resume(&id, self.abort, self.skip.skip).await?)
    }
}
