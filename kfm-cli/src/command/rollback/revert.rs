//! `kfm rollback revert`: a rollback undone, as a rollback.

use clap::Args;
use kfm_lineage::IdKind;
use kfm_rollback::{ExecuteRequest, PlanTarget};

use crate::cli::free_text;
use crate::context::Context;
use crate::error::Result;
use crate::ids::{self, RollbackArg};
use crate::output::Answer;

use super::{dry_run, executed, planned_as_shown, show_and_ask};

/// Arguments of `kfm rollback revert`.
#[derive(Debug, Args)]
#[command(after_help = "\
It asks on a terminal only: a script that names the rollback and the reason needs no --yes.")]
pub(crate) struct Revert {
    #[command(flatten)]
    rollback: RollbackArg,
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
        let rehearses = self.dry_run || cx.is_rehearsal();
        let platform = cx.platform_to_change_or_rehearse(rehearses).await?;
        let rollback = ids::newest(cx, &platform, IdKind::Rollback, self.rollback.text()).await;
        if rehearses {
            let report = platform.dry_run(PlanTarget::Revert(rollback), Vec::new()).await?;
            return dry_run::answer(cx, report, false);
        }
        if self.yes || !cx.can_ask() {
            return executed(cx, platform.revert(&rollback, &self.reason).await?);
        }
        let target = PlanTarget::Revert(rollback.clone());
        let Some(shown) = show_and_ask(cx, &platform, &target, &[], None, &self.reason).await? else {
            return executed(cx, platform.revert(&rollback, &self.reason).await?);
        };
        let planned = platform.plan_revert(&rollback, Some(self.reason.clone())).await?;
        let plan = planned_as_shown(&shown, planned)?;
        executed(cx, platform.execute(ExecuteRequest::new(plan, self.reason)).await?)
    }
}
