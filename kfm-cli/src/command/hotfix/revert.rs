//! `kfm hotfix revert`: a hotfix undone, as a rollback of it.

use clap::Args;
use kfm_lineage::IdKind;
use kfm_rollback::{ExecuteRequest, PlanTarget};

use crate::cli::free_text;
use crate::command::rollback::{planned_as_shown, show_and_ask};
use crate::context::Context;
use crate::error::Result;
use crate::ids::{self, HotfixArg};
use crate::output::Answer;

use super::answer;

/// Arguments of `kfm hotfix revert`.
#[derive(Debug, Args)]
pub(crate) struct Revert {
    #[command(flatten)]
    hotfix: HotfixArg,
    /// Why; it is recorded in log, manifest and ledger
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, value_parser = free_text)]
    reason: String,
    /// Do not ask, on a terminal
    #[arg(long)]
    yes: bool,
    /// Say what would be done, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Revert {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let reason = &self.reason;
        let rehearses = self.dry_run || cx.is_rehearsal();
        let platform = cx.platform_to_change_or_rehearse(rehearses).await?;
        let hotfix_id = &ids::newest(cx, &platform, IdKind::Hotfix, self.hotfix.text()).await;
        if rehearses {
            return answer(cx, kfm_hotfix::rehearse_revert(&platform, hotfix_id).await?);
        }
        let target = PlanTarget::Hotfix(hotfix_id.clone());
        if !self.yes
            && cx.can_ask()
            && let Some(shown) = show_and_ask(cx, &platform, &target, &[], None, reason).await?
        {
            let planned = platform.plan_hotfix_revert(hotfix_id, Some(reason.clone())).await?;
            let plan = planned_as_shown(&shown, planned)?;
            let done = platform.execute(ExecuteRequest::new(plan, reason)).await?;
            return answer(cx, kfm_hotfix::report_of(done));
        }
        answer(cx, kfm_hotfix::revert(&platform, hotfix_id, reason).await?)
    }
}
