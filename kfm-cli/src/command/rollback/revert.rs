//! `kfm rollback revert`: a rollback undone, as a rollback.

use clap::Args;
use kfm_rollback::{ExecuteRequest, PlanTarget};

use crate::cli::free_text;
use crate::context::Context;
use crate::error::Result;
use crate::output::Answer;

use super::{dry_run, execute, executed};

/// Arguments of `kfm rollback revert`.
#[derive(Debug, Args)]
#[command(after_help = "\
It asks on a terminal only: a script that names the rollback and the reason needs no --yes.")]
pub(crate) struct Revert {
    /// The rollback: its id, a unique prefix of it, or latest
    #[arg(long, value_name = "ID")]
    rollback_id: String,
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
        if self.dry_run || cx.is_rehearsal() {
            let target = PlanTarget::Revert(self.rollback_id);
            let report = cx.platform().await?.dry_run(target, Vec::new()).await?;
            return dry_run::answer(cx, report, false);
        }
        let platform = cx.platform_to_change().await?;
        if self.yes || !cx.can_ask() {
            return executed(cx, platform.revert(&self.rollback_id, &self.reason).await?);
        }
        let plan = platform.plan_revert(&self.rollback_id, Some(self.reason.clone())).await?;
        execute::ask(cx, &plan, &self.reason)?;
        if plan.steps.total == 0 {
            return executed(cx, platform.revert(&self.rollback_id, &self.reason).await?);
        }
        let target = PlanTarget::Plan(plan.plan_id.to_string());
        executed(cx, platform.execute(ExecuteRequest::new(target, self.reason)).await?)
    }
}
