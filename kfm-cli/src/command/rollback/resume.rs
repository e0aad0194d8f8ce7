//! `kfm rollback resume`: on with an unfinished rollback, or back.

use clap::Args;

use crate::context::Context;
use crate::error::Result;
use crate::output::Answer;

use crate::command::status::refuse_ended;

use super::{Skip, executed};

/// Arguments of `kfm rollback resume`.
#[derive(Debug, Args)]
#[command(after_help = "\
Once an abort has begun, a resume goes on with the abort. With --ci it says what is open and moves nothing; a
rollback that has ended exits 6.")]
pub(crate) struct Resume {
    /// The rollback: its id, or a unique prefix of it
    #[arg(long, value_name = "ID")]
    rollback_id: String,
    /// Back to what readers saw before
    #[arg(long)]
    abort: bool,
    #[command(flatten)]
    skip: Skip,
}

impl Resume {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        if cx.is_rehearsal() {
            let line = cx.platform().await?.rollback_status(&self.rollback_id).await?;
            refuse_ended(line.id.as_str(), line.status)?;
            return super::status::rehearsed(cx, line);
        }
        let platform = cx.platform_to_change().await?;
        executed(cx, platform.rollback_resume(&self.rollback_id, self.abort, self.skip.skip).await?)
    }
}
